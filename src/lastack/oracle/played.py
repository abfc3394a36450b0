"""The story of a run on the kernel: packets, calls and sockets laid beside each other.

It is told in the events that a simulated world writes, so all that is derived from those, ledger,
endings, ladders, claims, is derived in the same way. Times are ns since the first program started.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from lastack.state import LISTEN, TIME_WAIT
from lastack.trace import Event, Journal, Reason, SocketRow, Waiting
from lastack.verdict import Book, Calls, CallSeen, Observer, Sightings, Watch
from lastack.wire import (
    Flow,
    Frame,
    Interface,
    WireError,
    is_loopback,
    pack_address,
    read_frame,
)

from .records import Record
from .running import Finished, Program, Raw, run
from .socket_table import Entry
from .stage import Stage

_RAW_IP: Final = 101
_TIMERS: Final = {1: "retransmit", 2: "keepalive", 3: "time-wait", 4: "persist"}
_BEGINS, _PACKET, _ENDS = 0, 1, 2

Moment = tuple[int, int, "Frame | CallSeen | TimeWaitKilled"]


@dataclass(frozen=True)
class Played:
    """What happened. rows are the sockets that were left, by host; infos is what TCP_INFO said as
    close() was called, by host and flow; missed are packets that the capture does not have; faces
    are the interfaces that frames (times in ns since 1970) refer to."""

    programs: list[Finished]
    events: list[Event]
    book: Book
    names: dict[bytes, str]
    calls: list[CallSeen]
    rows: dict[str, list[SocketRow]]
    infos: dict[tuple[str, Flow], bytes]
    faces: list[Interface]
    frames: list[Frame]
    missed: int
    ended_at: int


def play_on(stage: Stage, programs: Sequence[Program], limit: float) -> Played:
    """Run programs on a stage for at most `limit` seconds, and tell what happened."""
    return tell(stage, programs, run(stage, programs, limit))


class TimeWaitKilled(NamedTuple):
    """A TIME-WAIT that was destroyed from outside: when (ns since 1970), whose, of which flow."""

    at: int
    host: str
    flow: Flow


def tell(
    stage: Stage, programs: Sequence[Program], raw: Raw, killed: Sequence[TimeWaitKilled] = ()
) -> Played:
    """Return the story of a run that is over."""
    names = stage.names
    pairs = zip(programs, raw.records, strict=True)
    records = [(program.host, Record(program.host, path, names)) for program, path in pairs]
    watch = _watch(records)
    calls = [call for _, record in records for call in record.calls]
    faces = [
        Interface(_RAW_IP, host, tuple(map(pack_address, addresses)))
        for host, addresses in zip(stage.hosts, stage.addresses, strict=True)
    ]
    journal, book, events = Journal(), Book(), list[Event]()
    journal.listeners += [events.append, book]
    observer = Observer(journal, watch)
    sightings = Sightings(journal, observer, faces, names)
    seen = Calls(journal, observer, names)
    for at, kind, what in sorted(_moments(raw, calls, killed), key=_when):
        if isinstance(what, TimeWaitKilled):
            half = observer.half_of(what.flow)
            conn = half.conn if half is not None else 0
            ended = Waiting(conn, what.flow, "ended", at, Reason.KILLED)
            journal.write(ended, what.host, 0, at)
        elif isinstance(what, CallSeen):
            (seen.begins if kind == _BEGINS else seen.ends)(what, at)
        else:
            _take(sightings, what, faces, at)
    sightings.finish()
    _tell_time_waits(raw, observer, journal)
    return Played(
        raw.programs, events, book, names, calls,
        {host: [_row(entry) for entry in table] for host, table in raw.tables.items()},
        {(host, flow): info for host, record in records for flow, info in record.infos.items()},
        faces, raw.frames, raw.missed, raw.looked,
    )  # fmt: skip


def _watch(records: list[tuple[str, Record]]) -> Callable[[str, Flow], Watch]:
    """Return what is known of the programs behind ends, by host and flow."""
    hosts = {host for host, record in records if record.calls}
    known = {(host, flow) for host, record in records for flow in record.flows}
    opaque = {(host, flow) for host, record in records for flow in record.opaque}

    def watch(host: str, flow: Flow) -> Watch:
        end = (host, flow)
        if end in known:
            return Watch.CALLS
        if end in opaque or host not in hosts:
            return Watch.PACKETS
        return Watch.NEVER_ACCEPTED

    return watch


def _take(sightings: Sightings, frame: Frame, faces: list[Interface], at: int) -> None:
    try:
        captured = read_frame(frame, faces[frame.interface])
    except WireError:
        return  # no packet of TCP, or one in fragments: nothing that a connection did
    if captured is not None:
        sightings.take(captured, frame.interface, at)


def _moments(raw: Raw, calls: list[CallSeen], killed: Sequence[TimeWaitKilled]) -> list[Moment]:
    found: list[Moment] = [(frame.at - raw.began, _PACKET, frame) for frame in raw.frames]
    found += [(one.at - raw.began, _PACKET, one) for one in killed]
    for call in calls:
        found.append((call.begun - raw.began, _BEGINS, call))
        if call.ended - raw.began <= raw.looked:
            found.append((call.ended - raw.began, _ENDS, call))
    return found


def _when(one: Moment) -> tuple[int, int]:
    return one[0], one[1]


def _tell_time_waits(raw: Raw, observer: Observer, journal: Journal) -> None:
    """The kernel tells of its TIME-WAITs how long they still last."""
    for host, table in raw.tables.items():
        for row in table:
            half = observer.half_of(row.flow, host if is_loopback(row.flow.src) else "")
            if row.state is TIME_WAIT and half is not None and half.host == host:
                until = raw.looked + row.expires_in
                entered = Waiting(half.conn, row.flow, "entered", until, Reason.FIN_ARRIVED)
                journal.write(entered, host, 0, raw.looked)


def _row(entry: Entry) -> SocketRow:
    local, remote = entry.shown
    return SocketRow(
        entry.state, local, remote, entry.recv_queue, entry.send_queue,
        _TIMERS.get(entry.timer, ""), entry.expires_in,
        orphan=not entry.inode and entry.state not in (LISTEN, TIME_WAIT),
    )  # fmt: skip
