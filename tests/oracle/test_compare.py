"""What counts as a difference between two runs, and what as a race of the programs."""

from __future__ import annotations

from copy import deepcopy
from errno import EAGAIN, ECONNRESET, ENOTCONN
from typing import Any

import pytest

from lastack.oracle import Side, compare
from lastack.oracle.compare import (
    ASSASSINATED,
    CUT_OFF,
    LEFT_EARLY,
    NO_ORDER,
    NOT_SEEN,
    OTHER_LENGTH,
)
from lastack.trace import Reason
from lastack.verdict import to_json
from lastack.wire import RST

from ..verdict.exchange import NAMES, Exchange


def side(world: Exchange, **program: Any) -> Side:
    one = {"host": "web", "exit": 0, "stopped": False, "hung": None, **program}
    told = {**to_json(world.book, NAMES), "programs": [one]}
    return Side(deepcopy(told), world.events, world.book, [one.get("output", ["read 100 bytes"])])


def whole(*, waits: bool = True, size: int = 50) -> Exchange:
    """The client closes, then the server; `waits`: the server has read EOF before."""
    world = Exchange()
    world.carry_all(world.client, size)
    world.server.read(0, size)
    world.fin(world.client)
    if waits:
        world.server.returns("recv", "EOF")
    world.fin(world.server)
    return world


def other_closer() -> Exchange:
    world = Exchange()
    world.carry_all(world.client, 50)
    world.server.read(0, 50)
    world.fin(world.server)
    world.fin(world.client)
    return world


def aborted(delivered: int, *, reads: bool = True) -> Exchange:
    world = Exchange()
    world.client.give(1000)
    world.carry(world.client, delivered)
    if reads:
        world.server.read(0, delivered)
    world.server.call("close")
    world.client.take_reset(world.server.abort(Reason.LINGER_ZERO), acked=delivered)
    return world


def seen(first: Side, second: Side) -> list[tuple[str, str]]:
    return [(one.what, one.explained) for one in compare(first, second)]


def test_the_same_run_twice() -> None:
    assert seen(side(whole()), side(whole())) == []


@pytest.mark.parametrize(("program", "what"), [
    ({"exit": 1}, "exit"), ({"exit": None, "stopped": True}, "exit"),
    ({"output": ["read nothing"]}, "output"),
])  # fmt: skip
def test_how_programs_end(program: dict[str, Any], what: str) -> None:
    assert seen(side(whole()), side(whole(), **program)) == [(what, "")]


def test_numbers_in_output_may_vary_a_little() -> None:
    assert seen(side(whole()), side(whole(), output=["read 110 bytes"])) == []


def test_who_closes_first_counts_where_one_waits_for_the_other() -> None:
    assert seen(side(whole()), side(other_closer())) == [
        ("ending", NO_ORDER), ("TIME-WAIT", NO_ORDER),
    ]  # fmt: skip
    waits = whole()
    waiting = Exchange()
    waiting.carry_all(waiting.client, 50)
    waiting.server.read(0, 50)
    waiting.fin(waiting.server)
    waiting.client.returns("recv", "EOF")
    waiting.fin(waiting.client)
    assert [what for what, why in seen(side(waits), side(waiting)) if not why] == [
        "ending", "TIME-WAIT",
    ]  # fmt: skip


def test_another_kind_of_end_is_never_a_race() -> None:
    found = dict(seen(side(whole(waits=False)), side(aborted(50))))
    assert found["ending"] == ""


def test_bytes_of_a_whole_transfer_count_exactly() -> None:
    assert seen(side(whole(size=50)), side(whole(size=51))) == [
        ("bytes client to server", OTHER_LENGTH)
    ]
    short = side(whole())
    short.told["connections"][0]["bytes"]["client_to_server"]["read"] = 40
    short.told["connections"][0]["bytes"]["client_to_server"]["unread"] = 10
    assert seen(side(whole()), short) == [("bytes client to server", "")]


def test_bytes_that_a_reset_cut_off_may_vary() -> None:
    assert seen(side(aborted(500)), side(aborted(550))) == []
    assert seen(side(aborted(100)), side(aborted(900))) == [("bytes client to server", CUT_OFF)]


def test_bytes_that_nobody_saw_are_not_compared() -> None:
    opaque = side(whole())
    account = opaque.told["connections"][0]["bytes"]["client_to_server"]
    account.update(read=0, unknown=50)
    assert seen(side(whole()), opaque) == []
    account["accepted"] = 60
    assert seen(side(whole()), opaque) == [("bytes client to server", NOT_SEEN)]


def test_a_connection_too_many() -> None:
    more = whole()
    more.reopen()
    found = compare(side(whole()), side(more))
    assert [(one.what, one.lastack, one.kernel) for one in found] == [
        ("connection", "not there", "there")
    ]


def test_errnos_by_host_and_call() -> None:
    world = whole()
    world.client.returns("recv_into", "EAGAIN", EAGAIN)
    assert seen(side(whole()), side(world)) == []
    world.client.returns("recv_into", "ECONNRESET", ECONNRESET)
    (one,) = compare(side(whole()), side(world))
    assert (one.where, one.what) == ("get", "errnos")
    assert (one.lastack, one.kernel) == ("none", "1 x recv ECONNRESET")


def left(read: int, reason: str = "DATA_AFTER_CLOSE", **program: Any) -> Side:
    """The server closes when it has read so much of 50 bytes, and resets what comes then."""
    told = side(other_closer(), **program)
    one = told.told["connections"][0]
    one["ending"] |= {"kind": "rst", "reason": reason, "by": "web"}
    one["bytes"]["client_to_server"] |= {"read": read, "destroyed": 50 - read}
    return told


def test_who_leaves_before_all_has_come_is_a_race_with_what_comes() -> None:
    assert seen(side(other_closer()), left(30)) == [
        ("ending", LEFT_EARLY), ("bytes client to server", LEFT_EARLY),
    ]  # fmt: skip
    # as much was read: the one that resets does so for another reason than that
    assert seen(side(other_closer()), left(50)) == [("ending", "")]
    assert seen(side(other_closer()), left(30, "LINGER_ZERO"))[0] == ("ending", "")


def test_errnos_follow_from_who_left_early() -> None:
    late = left(30)
    world = other_closer()
    world.server.call("shutdown")
    world.server.returns("shutdown", "ENOTCONN", ENOTCONN)
    late = Side(late.told, world.events, world.book, late.output)
    assert ("errnos", LEFT_EARLY) in seen(side(other_closer()), late)
    early = side(other_closer())
    assert ("errnos", "") in seen(early, Side(early.told, world.events, world.book, early.output))


def test_a_time_wait_that_met_a_reset_is_a_race() -> None:
    world = whole()
    kept, killed = side(whole()), side(whole())
    killed.told["time_wait"] = []
    assert seen(kept, killed) == [("TIME-WAIT", "")]
    number = world.server.packet(RST)
    world.client.arrive(world.server.last, number)
    killed = Side(killed.told, world.events, world.book, killed.output)
    assert seen(kept, killed) == [("TIME-WAIT", ASSASSINATED)]
