"""The atlas: every state, everything that can happen there, under every profile, played.

A cell is one happening in one position. It is played on a host whose peer says nothing else; what
is told is what follows at once, what the program's next calls are told, and what comes of it when
everybody leaves it alone for an hour.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from lastack.profile import MS, Profile, S
from lastack.report import ladder, plain
from lastack.trace import Arrived, Destroyed, Event, Queue, Returned, Sent, StateChanged, segment_of
from lastack.verdict import Book, ConnectionStory, account, count, seconds, threads
from lastack.wire import show

from .atlas_ground import HOST, PEER
from .atlas_happenings import CELLS, Happening, next_calls
from .atlas_simulated import SimulatedGround
from .atlas_stage import LATER, MOMENT, Position, Stage, flag_names

TICK: Final = 5 * MS
"""What leaves so soon is the answer: the ACK of a lone FIN waits for the clock's next tick, ns."""
_NAMES: Final = {HOST: "host", PEER: "peer"}


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    returned, took: of a call, its result and the ns until it returned. state: when it had returned.
    sent: the flags of the segments until then. told: what recv(), recv() again and send() said
    after that, where a program has the socket and made no call. ours, theirs: the fate of the bytes
    of both sides after an hour. later: what else happened in that hour.
    """

    returned: str
    took: int
    state: str
    sent: tuple[str, ...]
    told: tuple[str, ...]
    ours: str
    theirs: str
    later: tuple[str, ...]
    ladder: tuple[str, ...]


@dataclass(frozen=True)
class Variant:
    """One outcome, and the profiles that have it."""

    profiles: tuple[str, ...]
    outcome: Outcome


@dataclass(frozen=True)
class Cell:
    """A happening in a position; where profiles agree, they share a variant."""

    position: Position
    happening: Happening
    variants: tuple[Variant, ...]


def play_cell(position: Position, happening: Happening, profile: Profile) -> Outcome:
    """Play one cell under one profile."""
    stage, ground = _reached(position, happening, profile)
    before = len(stage.sent)
    returned, took = happening.act(stage)
    ground.pass_time(ground.now + TICK)
    stage.look()
    sent = tuple(flag_names(seg.flags) for _, seg in stage.sent[before:])
    state, so_far = stage.state_of(position).value, len(ground.events)
    ground.pass_time(MOMENT + took + LATER)
    ours, theirs = _fates(ground.events)
    drawn = ground.events if happening.slug == "silence" else ground.events[:so_far]
    return Outcome(
        returned, took, state, sent, _told(position, happening, profile), ours, theirs,
        _later(ground.events[so_far:], MOMENT + took), _ladder(drawn),
    )  # fmt: skip


def cells(profiles: Sequence[Profile]) -> list[Cell]:
    """Play every cell: position by position, calls first."""
    return [
        Cell(where, what, _folded((one.name, play_cell(where, what, one)) for one in profiles))
        for where, what in CELLS
    ]


def _folded(outcomes: Iterable[tuple[str, Outcome]]) -> tuple[Variant, ...]:
    names: dict[Outcome, list[str]] = {}
    for name, outcome in outcomes:
        names.setdefault(outcome, []).append(name)
    return tuple(Variant(tuple(group), outcome) for outcome, group in names.items())


def _reached(
    position: Position, happening: Happening, profile: Profile
) -> tuple[Stage, SimulatedGround]:
    ground = SimulatedGround(profile)
    stage = Stage(ground)
    stage.reach(position, happening.before)
    stage.pause()
    stage.check(position)
    return stage, ground


def _told(position: Position, happening: Happening, profile: Profile) -> tuple[str, ...]:
    """Ask in a play of its own: asking changes what comes later."""
    if happening.call or position.closed:
        return ()
    stage, ground = _reached(position, happening, profile)
    happening.act(stage)
    if happening.slug == "silence":
        ground.pass_time(MOMENT + LATER)
    return next_calls(stage)


def _later(events: Iterable[Event], since: int) -> tuple[str, ...]:
    """Return what happened after it: states with their time and reason, segments by their number
    where one follows another of its kind."""
    said: list[str] = []
    run: list[tuple[str, int]] = []
    for event in events:
        if isinstance(event, Sent):
            seg = segment_of(event.what)
            name = flag_names(seg.flags) if seg is not None else ""
            if run and run[-1][0] != name:
                said.append(_times(run))
                run = []
            run.append((name, event.at - since))
        elif isinstance(event, StateChanged):
            if run:
                said.append(_times(run))
                run = []
            after = seconds(event.at - since)
            said.append(f"{event.new.value} after {after}: {event.reason.value}")
    return tuple([*said, _times(run)] if run else said)


def _times(run: list[tuple[str, int]]) -> str:
    name, first = run[0]
    if len(run) == 1:
        return f"{name} after {seconds(first)}"
    return f"{name} {len(run)} times, after {seconds(first)} to {seconds(run[-1][1])}"


def _fates(events: Iterable[Event]) -> tuple[str, str]:
    """Return what became of our bytes and of the peer's, "" where there are none."""
    kept = list(events)
    book = Book().read(kept)
    if not book.stories:
        return "", ""
    story = book.stories[0]
    end = story.ends[0]
    sent = account(story, end)
    parts = [
        (end.acked, "acknowledged"), (sent.unknown - end.acked, "sent and not acknowledged"),
        (sent.destroyed, "destroyed unsent"), (sent.queued, "still queued"),
    ]  # fmt: skip
    ours = _parts(sent.accepted, parts) if sent.accepted else ""
    gap = sum(
        event.last - event.first for event in kept
        if isinstance(event, Destroyed) and event.queue is Queue.OUT_OF_ORDER
    )  # fmt: skip
    thrown = sum(
        event.last - event.first for event in kept
        if isinstance(event, Destroyed) and event.queue is Queue.UNREAD
    )  # fmt: skip
    unread = end.queued - end.read - thrown
    theirs = [
        (end.read, "read"), (unread, "unread"), (thrown, "thrown away unread"),
        (gap, "behind a gap, thrown away"),
    ]  # fmt: skip
    total = end.queued + gap
    return ours, _parts(total, theirs) if total else ""


def _parts(total: int, parts: Iterable[tuple[int, str]]) -> str:
    there = [(size, what) for size, what in parts if size]
    if len(there) == 1:
        return f"{count(total, 'byte')} {there[0][1]}"
    return f"{count(total, 'byte')}: " + ", ".join(f"{size} {what}" for size, what in there)


def _ladder(events: Sequence[Event]) -> tuple[str, ...]:
    """Return the ladders from the moment on: two, where a connection took another's place; packets
    one by one where there is no connection."""
    book = Book().read(events)
    if not book.stories:
        return _packets(events)
    each = threads(events, book)
    return tuple(text for story in book.stories for text in _from_the_moment(story, each[story]))


def _from_the_moment(story: ConnectionStory, events: Iterable[Event]) -> list[str]:
    lines = ladder(story, events, _NAMES)
    kept, stamp = [lines[0]], ""
    for line in lines[1:]:
        shown = line[0][0].strip()
        stamp = shown or stamp
        if float(stamp) >= MOMENT / S:
            first = not shown and len(kept) == 1
            kept.append(((stamp.rjust(10) + " ", "time"), *line[1:]) if first else line)
    return [plain(line).rstrip() for line in kept] if len(kept) > 1 else []


def _packets(events: Iterable[Event]) -> tuple[str, ...]:
    lines = []
    for event in events:
        if event.at >= MOMENT and isinstance(event, Sent | Arrived):
            lines.append(f"{event.at / S:10.6f} {show(event.what)}")
        elif event.at >= MOMENT and isinstance(event, Returned):
            lines.append(f"{event.at / S:10.6f} {event.call} = {event.text}")
    return tuple(lines)
