"""What a segment does to TIME-WAIT: `tcp.answer`, a row a case.

RFC 9293 section 3.10.7.4, RFC 1337, RFC 6191, RFC 7323 section 5; the rows of Linux are measured
(docs/kernel-notes/time-wait.md).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from lastack.profile import (
    LINUX,
    RFC9293,
    TEXTBOOK,
    ExactReset,
    NoAckFlag,
    Reopen,
    RestartedBy,
    TimeWaitRules,
)
from lastack.tcp import Action, Entry, Reply, answer
from lastack.wire import ABSENT, ACK, FIN, PSH, RST, SYN, Flow, Segment, pack_address

FLOW = Flow(pack_address("10.0.0.2"), 80, pack_address("10.0.0.1"), 40000)
SND_NXT, RCV_NXT, TS_RECENT = 70_000, 5_000, 900
WINDOW = 1_000
PLAIN = Entry(FLOW, SND_NXT, RCV_NXT, 0, WINDOW, 1)
STAMPED = Entry(FLOW, SND_NXT, RCV_NXT, TS_RECENT, WINDOW, 1, ts_ok=True)
LETTERS = {"F": FIN, "S": SYN, "R": RST, "P": PSH, ".": ACK}

NEWER, SAME, OLDER = TS_RECENT + 1, TS_RECENT, TS_RECENT - 1
MINUS = -(2**31) + 1
"""The furthest that a number can lie behind."""


def seg(flags: str, ahead: int = 0, length: int = 0, tsval: int = ABSENT, ack: int = 0) -> Segment:
    """Return a segment with SEG.SEQ `ahead` of RCV.NXT and SEG.ACK `ack` ahead of SND.NXT."""
    which = sum(LETTERS[letter] for letter in flags)
    return Segment(
        FLOW, (RCV_NXT + ahead) % 2**32, (SND_NXT + ack) % 2**32, which, 100, b"x" * length,
        tsval=tsval,
    )  # fmt: skip


def show(entry: Entry, what: Segment, rules: TimeWaitRules) -> str:
    """Return "RESTART ACK": the move of the table and the reply."""
    found = answer(entry, what, rules)
    return f"{found.action.name} {found.reply.name}"


# What every entry does, whether it had timestamps or not, and whether the segment has one.
ALWAYS = [
    ("F.", 0, 0, "RESTART ACK"),
    ("F.", -1, 0, "RESTART ACK"),
    ("FP.", -4, 3, "RESTART ACK"),
    ("P.", 0, 3, "RESTART ACK"),
    ("P.", 100, 3, "RESTART ACK"),
    ("P.", -50_000, 3, "RESTART ACK"),
    ("P.", WINDOW + 5, 3, "RESTART ACK"),
    ("S.", -500, 0, "RESTART LIMITED_ACK"),
    ("S.", 500, 0, "RESTART LIMITED_ACK"),
    (".", 0, 0, "RESTART NOTHING"),
    (".", 1, 0, "RESTART LIMITED_ACK"),
    (".", -1, 0, "RESTART LIMITED_ACK"),
    ("R", 0, 0, "KILL NOTHING"),
    ("R.", 0, 0, "KILL NOTHING"),
    ("R", 1, 0, "KEEP NOTHING"),
    ("R", -1, 0, "KEEP NOTHING"),
    ("R.", WINDOW + 5, 0, "KEEP NOTHING"),
    ("SR", 0, 0, "KILL NOTHING"),
    ("SR", 1, 0, "KEEP NOTHING"),
    ("S", 1, 0, "REOPEN NOTHING"),
    ("S", 2**31 - 1, 0, "REOPEN NOTHING"),
    ("", 0, 0, "RESTART NOTHING"),
    ("", 1, 0, "KEEP LIMITED_ACK"),
    ("", -1, 0, "KEEP LIMITED_ACK"),
    ("P", 0, 3, "KEEP ACK"),
    ("F", 0, 0, "KEEP ACK"),
]
KINDS = {
    "no timestamps": (PLAIN, ABSENT),
    "timestamps": (STAMPED, SAME),
    "a newer timestamp": (STAMPED, NEWER),
    "no timestamp any more": (STAMPED, ABSENT),
    "a timestamp for the first time": (PLAIN, 5),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("flags", "ahead", "length", "expected"), ALWAYS)
def test_linux(kind: str, flags: str, ahead: int, length: int, expected: str) -> None:
    entry, tsval = KINDS[kind]
    assert show(entry, seg(flags, ahead, length, tsval), LINUX.time_wait) == expected


@pytest.mark.parametrize("ack", [0, -1, 1, 12345, MINUS])
def test_the_acknowledgment_does_not_matter(ack: int) -> None:
    for flags, length, expected in (
        (".", 0, "RESTART NOTHING"), ("F.", 0, "RESTART ACK"), ("P.", 3, "RESTART ACK"),
        ("R.", 0, "KILL NOTHING"),
    ):  # fmt: skip
        assert show(PLAIN, seg(flags, 0, length, ack=ack), LINUX.time_wait) == expected


@pytest.mark.parametrize("ahead", [0, -1, MINUS])
@pytest.mark.parametrize("kind", ["no timestamps", "timestamps", "no timestamp any more",
                                  "a timestamp for the first time"])  # fmt: skip
def test_a_syn_that_is_not_beyond(kind: str, ahead: int) -> None:
    entry, tsval = KINDS[kind]
    assert show(entry, seg("S", ahead, 0, tsval), LINUX.time_wait) == "KEEP LIMITED_ACK"


def test_a_syn_with_data() -> None:
    assert show(PLAIN, seg("S", 1, 10), LINUX.time_wait) == "REOPEN NOTHING"
    assert show(PLAIN, seg("S", -20, 10), LINUX.time_wait) == "KEEP LIMITED_ACK"


@pytest.mark.parametrize("ahead", [1, 0, -1, MINUS])
def test_a_newer_timestamp_opens_at_any_number(ahead: int) -> None:
    assert show(STAMPED, seg("S", ahead, 0, NEWER), LINUX.time_wait) == "REOPEN NOTHING"


# PAWS, RFC 7323 section 5.3
@pytest.mark.parametrize(
    ("flags", "ahead", "length", "expected"),
    [
        ("S", 1, 0, "RESTART LIMITED_ACK"),
        ("S", -5, 0, "RESTART LIMITED_ACK"),
        (".", 0, 0, "RESTART LIMITED_ACK"),
        (".", -1, 0, "RESTART LIMITED_ACK"),
        ("F.", -1, 0, "RESTART ACK"),
        ("P.", 0, 3, "RESTART ACK"),
        ("P", 0, 3, "RESTART ACK"),
        ("", 0, 0, "RESTART LIMITED_ACK"),
        ("R", 0, 0, "KEEP NOTHING"),
        ("R", 1, 0, "KEEP NOTHING"),
    ],
)
def test_an_older_timestamp(flags: str, ahead: int, length: int, expected: str) -> None:
    assert show(STAMPED, seg(flags, ahead, length, OLDER), LINUX.time_wait) == expected


def test_timestamps_and_numbers_are_compared_modulo_2_32() -> None:
    wrapped = STAMPED._replace(ts_recent=2**32 - 5, rcv_nxt=2**32 - 5)
    rules = LINUX.time_wait
    syn = Segment(FLOW, 3, 0, SYN, 100, tsval=ABSENT)
    assert show(wrapped, syn, rules) == "REOPEN NOTHING"
    late = Segment(FLOW, 2**32 - 9, 0, SYN, 100, tsval=3)
    assert show(wrapped, late, rules) == "REOPEN NOTHING"
    old = Segment(FLOW, 3, 0, SYN, 100, tsval=2**32 - 6)
    assert show(wrapped, old, rules) == "RESTART LIMITED_ACK"


# -- other rules --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_rfc1337(kind: str) -> None:
    entry, tsval = KINDS[kind]
    rules = replace(LINUX.time_wait, exact_reset=ExactReset.IGNORED)
    assert show(entry, seg("R", 0, 0, tsval), rules) == "KEEP NOTHING"


def test_no_ack_flag() -> None:
    rules = replace(LINUX.time_wait, no_ack_flag=NoAckFlag.IGNORED)
    for flags, ahead, length in (("", 0, 0), ("", 1, 0), ("P", 0, 3), ("F", 0, 0)):
        assert show(PLAIN, seg(flags, ahead, length), rules) == "KEEP NOTHING"


@pytest.mark.parametrize("rules", [TEXTBOOK.time_wait, RFC9293.time_wait])
def test_only_a_repeated_fin_begins_the_2msl_again(rules: TimeWaitRules) -> None:
    assert rules.restarted_by is RestartedBy.FIN_ONLY
    assert show(PLAIN, seg("F.", -1), rules) == "RESTART ACK"
    assert show(PLAIN, seg(".", 0), rules) == "KEEP NOTHING"
    assert show(PLAIN, seg("P.", 0, 3), rules) == "KEEP ACK"
    assert show(STAMPED, seg(".", 0, 0, OLDER), rules) == "KEEP LIMITED_ACK"


SYNS = {
    "beyond": (PLAIN, 1, ABSENT),
    "at": (PLAIN, 0, ABSENT),
    "behind": (PLAIN, -1, ABSENT),
    "beyond, first timestamp": (PLAIN, 1, 5),
    "behind, first timestamp": (PLAIN, -1, 5),
    "beyond, newer": (STAMPED, 1, NEWER),
    "behind, newer": (STAMPED, -1, NEWER),
    "beyond, same": (STAMPED, 1, SAME),
    "behind, same": (STAMPED, -1, SAME),
    "beyond, older": (STAMPED, 1, OLDER),
    "beyond, none": (STAMPED, 1, ABSENT),
    "behind, none": (STAMPED, -1, ABSENT),
}
# RFC 6191 section 2, case by case: a newer timestamp; the same one, or none, with a number beyond;
# and a first timestamp on a connection that had none.
OPENS = {
    Reopen.NEVER: set(),
    Reopen.SEQUENCE: {
        "beyond", "beyond, first timestamp", "beyond, newer", "beyond, same", "beyond, none",
    },
    Reopen.SEQUENCE_OR_TIMESTAMP: {
        "beyond", "beyond, first timestamp", "beyond, newer", "beyond, same", "beyond, none",
        "behind, newer",
    },
    Reopen.RFC6191: {
        "beyond", "beyond, first timestamp", "beyond, newer", "beyond, same", "beyond, none",
        "behind, newer", "behind, first timestamp",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", SYNS)
@pytest.mark.parametrize("reopen", Reopen)
def test_reopen(reopen: Reopen, name: str) -> None:
    entry, ahead, tsval = SYNS[name]
    found = answer(entry, seg("S", ahead, 0, tsval), replace(LINUX.time_wait, reopen=reopen))
    assert (found.action is Action.REOPEN) is (name in OPENS[reopen])
    if found.action is not Action.REOPEN:
        assert found.reply is Reply.LIMITED_ACK


# -- an orphan in FIN-WAIT-2, which lives in the same table ---------------------------------------


@pytest.mark.parametrize("tsval", [ABSENT, SAME])
@pytest.mark.parametrize(
    ("flags", "ahead", "length", "expected"),
    [
        ("F.", 0, 0, "CLOSE ACK"),
        ("P.", 0, 3, "KILL RESET"),
        ("FP.", 0, 3, "KILL RESET"),
        ("F.", 5, 0, "KILL RESET"),
        ("P.", -1, 3, "KILL RESET"),
        ("P.", 5, 3, "KILL RESET"),
        (".", 0, 0, "KEEP NOTHING"),
        ("P.", -3, 3, "KEEP ACK"),
        ("F.", -1, 0, "KEEP ACK"),
        ("P.", WINDOW + 5, 3, "KEEP ACK"),
        ("R", 0, 0, "KILL NOTHING"),
        ("R", 5, 0, "KILL NOTHING"),
        ("R", WINDOW + 5, 0, "KEEP LIMITED_ACK"),
        ("R", -1, 0, "KEEP LIMITED_ACK"),
        ("S", 0, 0, "KILL RESET"),
        ("S", 5, 0, "KILL RESET"),
        ("S", -1, 0, "KEEP LIMITED_ACK"),
        ("", 0, 0, "KEEP NOTHING"),
        ("P", 0, 3, "KEEP NOTHING"),
    ],
)
def test_fin_wait_2(flags: str, ahead: int, length: int, expected: str, tsval: int) -> None:
    entry = (STAMPED if tsval != ABSENT else PLAIN)._replace(fin_wait_2=True)
    for rules in (LINUX.time_wait, replace(LINUX.time_wait, exact_reset=ExactReset.IGNORED)):
        assert show(entry, seg(flags, ahead, length, tsval), rules) == expected


def test_fin_wait_2_has_a_scaled_window() -> None:
    entry = PLAIN._replace(fin_wait_2=True, rcv_wscale=7)
    inside, outside = seg("P.", WINDOW << 6, 3), seg("P.", WINDOW << 8, 3)
    assert show(entry, inside, LINUX.time_wait) == "KILL RESET"
    assert show(entry, outside, LINUX.time_wait) == "KEEP ACK"
