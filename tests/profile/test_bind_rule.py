"""When a port may be bound again (RFC 3493 section 5.3, docs/kernel-notes/bind.md)."""

from dataclasses import replace
from itertools import product

import pytest

from lastack.profile import (
    LINUX,
    TEXTBOOK,
    Applicant,
    BindRule,
    Holder,
    PortRules,
    Use,
    conflict,
    overlap,
)
from lastack.wire import pack_address

LINUX_PORTS = LINUX.ports
TEXTBOOK_PORTS = TEXTBOOK.ports

# One line a holder; the columns are the applicants in the same order.
OVERLAP = """
0.0.0.0           x x x x . . x
127.0.0.1         x x . x . . x
127.0.0.2         x . x x . . .
::                x x x x x x x
::!               . . . x x x .
::1               . . . x x x .
::ffff:127.0.0.1  x x . x . . x
"""
ROWS = [line.split() for line in OVERLAP.split("\n") if line]
NAMES = [row[0] for row in ROWS]  # "!" is IPV6_V6ONLY
OVERLAPS = {
    (row[0], name): mark == "x" for row in ROWS for name, mark in zip(NAMES, row[1:], strict=True)
}
ME, ANOTHER = 1000, 1001
OPTIONS = ["", "A", "P", "AP"]  # SO_REUSEADDR, SO_REUSEPORT


def holder(name: str, use: Use, options: str = "", uid: int = ME) -> Holder:
    address, v6only = pack_address(name.rstrip("!")), name.endswith("!")
    return Holder(address, use, "A" in options, "P" in options, v6only, uid)


def applicant(name: str, options: str = "", uid: int = ME) -> Applicant:
    address, v6only = pack_address(name.rstrip("!")), name.endswith("!")
    return Applicant(address, "A" in options, "P" in options, v6only, uid)


def expected_on_linux(use: Use, held: str, wanted: str, uid: int) -> bool:
    """The options that count, as sets: shared if both sockets have one of them."""
    count = set("AP")
    if use is Use.LISTENING:
        count -= {"A"}
    if uid != ME and use is not Use.TIME_WAIT:
        count -= {"P"}
    return not (set(held) & set(wanted) & count)


def expected_of_the_textbook(use: Use, wanted: str) -> bool:
    return use is not Use.TIME_WAIT or wanted in ("", "P")


def test_the_addresses_that_overlap() -> None:
    wrong = [
        pair
        for pair, expected in OVERLAPS.items()
        if overlap(holder(pair[0], Use.BOUND), applicant(pair[1])) != expected
    ]
    assert not wrong


def test_every_holder_against_every_applicant() -> None:
    wrong = []
    for use, held, wanted, uid in product(Use, OPTIONS, OPTIONS, [ME, ANOTHER]):
        on_linux = expected_on_linux(use, held, wanted, uid)
        in_books = expected_of_the_textbook(use, wanted)
        connected = use in (Use.CONNECTED, Use.TIME_WAIT)
        for (one, other), meets in OVERLAPS.items():
            # a connection over IPv6 of a socket that was bound to :: for both families
            overlaps = meets or (connected and (one, other) == ("::1", "0.0.0.0"))
            pair = holder(one, use, held), applicant(other, wanted, uid)
            if conflict(*pair, LINUX_PORTS) != (overlaps and on_linux):
                wrong.append(("linux", *pair))
            if conflict(*pair, TEXTBOOK_PORTS) != (overlaps and in_books):
                wrong.append(("textbook", *pair))
    assert not wrong


@pytest.mark.parametrize(
    ("use", "held", "wanted", "on_linux", "in_books"),
    [
        (Use.TIME_WAIT, "", "", True, True),
        (Use.TIME_WAIT, "", "A", True, False),  # the advice of the books, alone, does not help
        (Use.TIME_WAIT, "A", "", True, True),
        (Use.TIME_WAIT, "A", "A", False, False),
        (Use.TIME_WAIT, "P", "P", False, True),
        (Use.CONNECTED, "A", "A", False, True),  # a restart beside living connections
        (Use.CONNECTED, "", "A", True, True),
        (Use.BOUND, "A", "A", False, True),
        (Use.LISTENING, "A", "A", True, True),
        (Use.LISTENING, "P", "P", False, True),
        (Use.LISTENING, "AP", "AP", False, True),
        (Use.LISTENING, "A", "P", True, True),
    ],
)
def test_what_blocks_a_restarted_server(
    use: Use, held: str, wanted: str, on_linux: bool, in_books: bool
) -> None:
    pair = holder("127.0.0.1", use, held), applicant("0.0.0.0", wanted)
    assert conflict(*pair, LINUX_PORTS) is on_linux
    assert conflict(*pair, TEXTBOOK_PORTS) is in_books


@pytest.mark.parametrize(("use", "blocked"), [(Use.BOUND, True), (Use.TIME_WAIT, False)])
def test_so_reuseport_is_for_one_user_except_in_time_wait(use: Use, blocked: bool) -> None:
    pair = holder("127.0.0.1", use, "P", ME), applicant("127.0.0.1", "P", ANOTHER)
    assert conflict(*pair, LINUX_PORTS) is blocked


def test_the_field_decides() -> None:
    pair = holder("127.0.0.1", Use.TIME_WAIT), applicant("127.0.0.1", "A")
    rules = PortRules()
    assert conflict(*pair, rules)
    assert not conflict(*pair, replace(rules, bind_rule=BindRule.TEXTBOOK))
