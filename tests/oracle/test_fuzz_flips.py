"""Ten fields of the profile, each made wrong: random scripts find it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from lastack.oracle import Recorded, compare_recorded, found_after, recorded_from_json
from lastack.profile import (
    LINUX,
    BeyondSndNxt,
    ExactReset,
    NoAckFlag,
    Profile,
    Reopen,
    ResetCheck,
    SynCheck,
    Unread,
)

STORED = Path(__file__).parent / "recorded.jsonl.gz"
"""What Linux 6.18 did with the first 500 scripts from seed 20000 in whose one play, beside other
work of the machine, nothing differed: `lastack fuzz --seed 20000 --scripts 560 --record FILE`."""
SCRIPTS = 500
WRONG = {
    "unread": Unread.FIN,
    "exact_reset": ExactReset.IGNORED,
    "reopen": Reopen.NEVER,
    "no_ack_flag": NoAckFlag.IGNORED,
    "reset_check": ResetCheck.IN_WINDOW,
    "syn_check": SynCheck.RESET,
    "beyond_snd_nxt": BeyondSndNxt.ACK,
    "fin_waits": False,
    "reset_in_close_wait": 104,
    "destroyed": 110,
}


def recordings() -> list[Recorded]:
    with gzip.open(STORED, "rt", encoding="ascii") as file:
        return [recorded_from_json(json.loads(line)) for line in file]


@pytest.fixture(scope="module")
def recorded() -> list[Recorded]:
    return recordings()


def flipped(name: str) -> Profile:
    return LINUX.with_field(name, WRONG[name])


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_field_is_found(name: str, recorded: list[Recorded]) -> None:
    assert found_after(recorded, LINUX, flipped(name)) is not None


def test_what_linux_did_lastack_does(recorded: list[Recorded]) -> None:
    compared = {one.script.name: compare_recorded(one, LINUX) for one in recorded}
    differ = {name: one.difference for name, one in compared.items() if one.difference}
    assert len(recorded) == SCRIPTS
    assert differ == {}
