"""The atlas: every state and everything that can happen there, played."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from lastack.cli.judged_atlas import notes_beside
from lastack.matrix import (
    CELLS,
    HAPPENINGS,
    POSITIONS,
    Happening,
    Outcome,
    Position,
    atlas_pages,
    paragraph,
    play_cell,
)
from lastack.profile import (
    LINUX,
    PROFILES,
    RFC9293,
    TEXTBOOK,
    AbortAfterFin,
    ExactReset,
    MissingTimestamp,
    NonblockingLinger,
    Profile,
    Reopen,
    RestartedBy,
    S,
    Unread,
    WaitsFor,
)

from .mutations import MUTATIONS, Mutation

DOCS = Path(__file__).parents[2] / "docs"
BY_SLUG = {one.slug: one for one in HAPPENINGS}
AT = {one.slug: one for one in POSITIONS}


def play(position: str, happening: str, profile: Profile = LINUX) -> Outcome:
    at, what = AT[position], BY_SLUG[happening]
    assert what.applies(at)
    return play_cell(at, what, profile)


@pytest.fixture(scope="module")
def linux() -> dict[tuple[Position, Happening], Outcome]:
    return {(at, what): play_cell(at, what, LINUX) for at, what in CELLS}


def test_the_document_is_what_is_played_now() -> None:
    pages = atlas_pages(list(PROFILES.values()), notes_beside(DOCS))
    written = {f"atlas/{path.name}" for path in (DOCS / "atlas").iterdir()} | {"atlas.md"}
    assert written == set(pages)
    stale = [name for name, text in pages.items() if (DOCS / name).read_text("utf-8") != text]
    assert stale == [], "lastack matrix --atlas docs"


def test_each_link_of_the_index_has_its_place() -> None:
    pages = atlas_pages([LINUX])
    for at, what in CELLS:
        assert f"(atlas/{at.slug}.md#{what.slug})" in pages["atlas.md"]
        assert f'<a id="{what.slug}"></a>' in pages[f"atlas/{at.slug}.md"]


def test_every_cell_has_its_paragraph() -> None:
    for at, what in CELLS:
        where, text = paragraph(at, what)
        assert where[:2] in ("3.", "no"), (at, what)
        assert text


# What figure 5 and section 3.10 say follows, for profiles in which nothing else is said.
FIGURE_5 = [
    ("syn-sent", "syn-ack", "ESTABLISHED", ("ACK",)),
    ("syn-sent", "syn", "SYN-RECEIVED", ("SYN|ACK",)),
    ("syn-sent", "rst", "CLOSED", ()),
    ("syn-sent", "ack-unsent", "SYN-SENT", ("RST",)),
    ("syn-received", "ack", "ESTABLISHED", ()),
    ("syn-received", "rst", "LISTEN", ()),
    ("listen", "syn", "SYN-RECEIVED", ("SYN|ACK",)),
    ("listen", "ack", "LISTEN", ("RST",)),
    ("closed", "ack", "CLOSED", ("RST",)),
    ("closed", "syn", "CLOSED", ("RST|ACK",)),
    ("closed", "rst", "CLOSED", ()),
    ("established", "close", "FIN-WAIT-1", ("FIN|ACK",)),
    ("established", "fin", "CLOSE-WAIT", ("ACK",)),
    ("established", "ack", "ESTABLISHED", ()),
    ("established", "rst", "CLOSED", ()),
    ("established", "rst-window", "ESTABLISHED", ("ACK",)),
    ("established", "rst-old", "ESTABLISHED", ()),
    ("established", "syn", "ESTABLISHED", ("ACK",)),
    ("established", "no-flags", "ESTABLISHED", ()),
    ("fin-wait-1", "ack", "FIN-WAIT-2", ()),
    ("fin-wait-1", "fin", "CLOSING", ("ACK",)),
    ("fin-wait-1", "fin-ack", "TIME-WAIT", ("ACK",)),
    ("fin-wait-1-closed", "text", "CLOSED", ("RST",)),
    ("fin-wait-2", "fin", "TIME-WAIT", ("ACK",)),
    ("fin-wait-2", "text", "FIN-WAIT-2", ("ACK",)),
    ("fin-wait-2-closed", "text", "CLOSED", ("RST",)),
    ("close-wait", "close", "LAST-ACK", ("FIN|ACK",)),
    ("close-wait", "text", "CLOSE-WAIT", ()),
    ("closing", "ack", "TIME-WAIT", ()),
    ("closing", "fin", "CLOSING", ("ACK",)),
    ("last-ack", "ack", "CLOSED", ()),
    ("last-ack", "fin", "LAST-ACK", ("ACK",)),
    ("time-wait", "fin", "TIME-WAIT", ("ACK",)),
    ("time-wait", "ack", "TIME-WAIT", ()),
]


@pytest.mark.parametrize("profile", [LINUX, TEXTBOOK, RFC9293], ids=lambda one: one.name)
@pytest.mark.parametrize(("position", "happening", "state", "sent"), FIGURE_5)
def test_what_the_rfc_says_follows(
    position: str, happening: str, state: str, sent: tuple[str, ...], profile: Profile
) -> None:
    outcome = play(position, happening, profile)
    assert (outcome.state, outcome.sent) == (state, sent)


def test_the_program_is_told_of_a_reset_once() -> None:
    assert play("established", "rst").told == ("ECONNRESET", "EOF", "EPIPE")
    assert play("close-wait", "rst").told == ("EOF", "EOF", "EPIPE")
    assert play("syn-sent", "rst").told[0] == "ECONNREFUSED"


def test_no_byte_is_left_out_of_the_account() -> None:
    assert play("established", "close-unread").theirs == "100 bytes thrown away unread"
    assert play("established", "ack").ours == "300 bytes acknowledged"
    assert play("established", "recv").ours == "300 bytes sent and not acknowledged"
    assert play("established", "text").theirs == "100 bytes unread"
    assert play("established", "close-unsent").ours.endswith("200 destroyed unsent")


def test_a_connection_left_alone_gives_up() -> None:
    later = play("fin-wait-1-closed", "silence").later
    assert later[-1].endswith("retransmissions of a closed connection went unanswered")
    assert play("time-wait", "fin").later == ("CLOSED after 60 s: 2MSL are over",)
    assert play("established", "ack").later == ()


def test_the_syn_of_a_peer_outside_stands_on_the_ladder() -> None:
    first, second = play("listen", "syn").ladder[1:3]
    assert "─ SYN seq 0 ─" in first
    assert "─ SYN|ACK seq 0 ─" in second


def test_a_syn_that_opens_again_shows_both_connections() -> None:
    ladder = "\n".join(play("time-wait", "syn").ladder)
    assert "no TIME-WAIT any more" in ladder
    assert "SYN|ACK seq 0" in ladder


def test_numbers_count_from_the_first_syn_of_a_direction() -> None:
    ladder = "\n".join(play("established", "syn").ladder)
    assert "SYN seq 100001" in ladder
    assert "ACK ack 1 " in ladder


FLIPS: list[tuple[str, Any, str, str]] = [
    ("unread", Unread.FIN, "established", "close-unread"),
    ("length_ns", 240 * S, "closing", "ack"),
    ("exact_reset", ExactReset.IGNORED, "time-wait", "rst"),
    ("reopen", Reopen.NEVER, "time-wait", "syn"),
    ("restarted_by", RestartedBy.FIN_ONLY, "time-wait", "ack"),
    ("abort_after_fin_sent", AbortAfterFin.RESET, "last-ack", "close-linger-0"),
    ("waits_for", WaitsFor.DATA_SENT, "established", "close-linger-1"),
    ("nonblocking", NonblockingLinger.RETURNS, "established", "close-linger-1-nonblocking"),
    ("expiry_errno", errno.EWOULDBLOCK, "close-wait", "close-linger-1"),
    ("expiry_aborts", True, "established", "close-linger-1"),
    ("linger_supported", False, "established", "close-linger-0"),
    ("fin_wait_2_orphan_ns", 600 * S, "fin-wait-2-closed", "silence"),
    ("orphan_retries", 3, "fin-wait-1-closed", "silence"),
    ("reset_in_close_wait", errno.ECONNRESET, "close-wait", "rst"),
    ("syn_retries", 3, "syn-sent", "silence"),
]


@pytest.mark.parametrize(
    ("name", "value", "position", "happening"), FLIPS, ids=[f"{f[0]}={f[1]}" for f in FLIPS]
)
def test_a_flipped_field_changes_its_cell(
    name: str, value: Any, position: str, happening: str
) -> None:
    assert play(position, happening, LINUX.with_field(name, value)) != play(position, happening)


def test_a_field_that_is_not_about_it_changes_nothing(
    linux: dict[tuple[Position, Happening], Outcome],
) -> None:
    """No segment of the atlas has timestamps: what is done about missing ones does not show."""
    other = LINUX.with_field("missing_timestamp", MissingTimestamp.DROP)
    assert {(at, what): play_cell(at, what, other) for at, what in CELLS} == linux


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_wrong_engine_changes_a_cell(
    linux: dict[tuple[Position, Happening], Outcome], mutation: Mutation
) -> None:
    with mutation.applied():
        for (at, what), right in linux.items():
            try:
                wrong = play_cell(at, what, LINUX)
            except RuntimeError:
                return  # not even the state is reached
            if wrong != right:
                return
    pytest.fail("no cell noticed")
