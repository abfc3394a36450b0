"""http.server and an ordinary urllib script over a bad path: `lastack run` as people type it."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lastack.cli.scene import Played, Setting
from lastack.cli.values import ProgramSpec
from lastack.net import LinkRules
from lastack.profile import MS

from .both import SCRIPTS

SIZE = 5_000_000
FETCH = str(SCRIPTS / "fetch.py")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("served")
    (path / "five.bin").write_bytes(random.Random(5).randbytes(SIZE))
    return path


def fetch(directory: Path, seed: int) -> Played:
    server = ["-m", "http.server", "8000", "--directory", str(directory)]
    specs = [
        ProgramSpec("web", server, None, False),
        ProgramSpec("get", [FETCH, "http://web:8000/"], None, False),
    ]
    return Played(Setting(specs, seed, LinkRules(40 * MS, loss=0.02)))


@pytest.fixture(scope="module")
def played(directory: Path) -> Played:
    return fetch(directory, 0)


def told(played: Played) -> dict[str, Any]:
    return without_wall(played.to_json())


def without_wall(shape: dict[str, Any]) -> dict[str, Any]:
    del shape["wall_seconds"]
    return shape


def test_every_byte_arrives(played: Played, directory: Path) -> None:
    body = (directory / "five.bin").read_bytes()
    web, get = told(played)["programs"]
    assert get["output"] == [f"five.bin {SIZE} {hashlib.sha256(body).hexdigest()}"]
    assert (get["exit"], web["exit"]) == (0, 0)
    assert any('"GET /five.bin HTTP/1.1" 200' in line for line in web["output"])
    assert not played.status


def test_packets_were_lost_and_sent_again(played: Played) -> None:
    names = [type(event).__name__ for event in played.events]
    assert names.count("Lost") > 20
    assert any(getattr(event, "again", False) for event in played.events)


def test_both_connections_end_with_fin_and_the_ledger_fits(played: Played) -> None:
    listing, file = told(played)["connections"]
    for connection in (listing, file):
        assert connection["ending"]["kind"] == "fin"
        assert connection["ended_at"] is not None
        for account in connection["bytes"].values():
            assert account["accepted"] == account["read"]
            assert account["unread"] == account["queued"] == account["destroyed"] == 0
    assert file["bytes"]["server_to_client"]["read"] > SIZE
    assert {row["host"] for row in told(played)["time_wait"]} == {"web"}


def test_another_seed_is_another_run(played: Played, directory: Path) -> None:
    other = fetch(directory, 1)
    assert other.to_json()["programs"][1]["output"] == told(played)["programs"][1]["output"]
    assert [event.at for event in other.events] != [event.at for event in played.events]


def test_the_same_seed_is_the_same_run(played: Played, directory: Path) -> None:
    again = fetch(directory, 0)
    assert told(again) == told(played)
    assert [repr(event) for event in again.events] == [repr(event) for event in played.events]


def test_the_same_seed_is_the_same_run_in_another_process(played: Played, directory: Path) -> None:
    ran = subprocess.run(
        [
            sys.executable, "-m", "lastack", "run", "--delay", "40ms", "--loss", "2%", "--json",
            f"web=-m http.server 8000 --directory '{directory}'",
            f"get='{FETCH}' http://web:8000/",
        ],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": "0"},
    )  # fmt: skip
    assert without_wall(json.loads(ran.stdout)) == told(played)
