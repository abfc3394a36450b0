"""Servers of the standard library on simulated hosts: what the account of each says.

That they print what they print on a kernel is test_both.py's matter.
"""

from __future__ import annotations

from typing import Any

import pytest

from lastack.cli.scene import Played
from lastack.net import LinkRules
from lastack.profile import MS, Profile
from lastack.profile import PROFILES as ALL_PROFILES

from .both import Script, play


def connections(played: Played) -> list[dict[str, Any]]:
    assert not played.status, [ended.output for ended in played.outcome.programs]
    found: list[dict[str, Any]] = played.to_json()["connections"]
    return found


@pytest.mark.parametrize("profile", ALL_PROFILES.values(), ids=lambda profile: profile.name)
def test_an_echo_server_with_fifty_client_threads(profile: Profile) -> None:
    played = play(Script("echo_many.py"), 7, profile=profile)
    assert played.outcome.programs[1].output[0].text == "50 of 50 echoes are right"
    told = connections(played)
    assert len(told) == 50
    for connection in told:
        there, back = connection["bytes"].values()
        assert there["accepted"] == there["read"] == back["read"] == back["accepted"]
        ending = connection["ending"]
        assert (ending["kind"], ending["first_closer"]) == ("fin", "client")


def test_fifty_client_threads_over_a_bad_path() -> None:
    played = play(Script("echo_many.py"), 7, link=LinkRules(20 * MS, 5 * MS, 0.05))
    assert played.outcome.programs[1].output[0].text == "50 of 50 echoes are right"
    assert {connection["ending"]["kind"] for connection in connections(played)} == {"fin"}


def test_keep_alive_uses_one_connection_until_the_server_has_had_enough() -> None:
    first, second = connections(play(Script("keep_alive.py"), 80))
    # The late request found nobody: the server had closed, and answered with a RST.
    assert (first["ending"]["kind"], first["ending"]["first_closer"]) == ("rst", "server")
    assert first["bytes"]["client_to_server"]["destroyed"] > 0
    assert (second["ending"]["kind"], second["ending"]["first_closer"]) == ("fin", "client")


def test_a_selectors_server_queues_for_a_slow_reader() -> None:
    told = connections(play(Script("queued_writes.py"), 80))
    counts = sorted(connection["bytes"]["server_to_client"]["read"] for connection in told)
    assert counts == [10, 1_000, 6_000_000]
    assert {connection["ending"]["first_closer"] for connection in told} == {"server"}


def test_asyncio_streams_on_both_sides() -> None:
    told = connections(play(Script("coroutines.py"), 80))
    closers = [connection["ending"]["first_closer"] for connection in told]
    kinds = [connection["ending"]["kind"] for connection in told]
    assert closers == ["client"] * 8 + ["server", "none"]
    assert kinds == ["fin"] * 9 + ["refused"]
