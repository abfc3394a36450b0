"""Judges of the claims about closing and acknowledging: S10 to S12, S19, S20, S23 to S25."""

from __future__ import annotations

from lastack.trace import Arrived, ErrorTold, Queued, ResetSent, segment_of
from lastack.verdict import seconds

from .claims_seen import Connection, NotSeen, Seen, SegmentSeen, Side

Answer = tuple[bool, str]

ACTIVE = ["FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT"]
PASSIVE = ["CLOSE-WAIT", "LAST-ACK", "CLOSED"]


def s10(seen: Seen) -> Answer:
    """The stray draws a RST out of no connection, and no call fails."""
    resets = _resets_from_nowhere(seen)
    failed = [one.call for one in seen.played.events if isinstance(one, ErrorTold)]
    strays = f"the stray came after {seconds(_stray(seen).at)}"
    holds = bool(resets) and not failed and seen.results == {"client": None, "server": 100}
    reset = f"answered with RST: {resets[0].reason.value}" if resets else "not answered"
    return holds, f"{strays} and was {reset}; {_failures(failed)}"


def _first_is_active(one: Connection, two: Connection) -> bool:
    """The client closed `one` first, the server `two`: whoever was first went the active way."""
    active = one.client.path == two.server.path == ACTIVE
    return active and one.server.path == two.client.path == PASSIVE


def s11(seen: Seen) -> Answer:
    """Whoever closes first goes the active way, and what the other still sends arrives."""
    one, two = seen.connections(2)
    answer = seen.results.get("client")
    holds = _first_is_active(one, two) and answer == 14
    return holds, (
        f"client first: client {_way(one.client)}, server {_way(one.server)}; "
        f"server first: server {_way(two.server)}, client {_way(two.client)}; "
        f"read after the own FIN: {answer} bytes"
    )


def s12(seen: Seen) -> Answer:
    """An unacknowledged FIN is sent again."""
    server = seen.connections(1)[0].server
    fins = server.fins()
    if not fins:
        raise NotSeen("the server sent no FIN")
    holds = len(fins) > 1 and all(one.again for one in fins[1:])
    gone = server.end.ended_at
    rest = "its end was not seen"
    if gone:
        rest = f"gave up in silence after {seconds(gone - fins[0].at)}"
    intervals = ", ".join(seconds(one.at - fins[0].at) for one in fins[1:4])
    return holds, f"LAST-ACK sent its FIN {len(fins)} times (after {intervals} ...), {rest}"


def s19(seen: Seen) -> Answer:
    """The first close() sends nothing; the last one sends the FIN."""
    connection = seen.connections(1)[0]
    client = connection.client
    if len(client.closes) != 2:
        raise NotSeen(f"close() returned {len(client.closes)} times")
    first, last = client.closes
    fins = client.fins()
    between = [one for one in client.sent(first.first_n) if one.n < last.first_n]
    early = [one for one in between if one.flags != "ACK"]
    holds = (
        not early and bool(fins) and fins[0].n > last.first_n
        and seen.results.get("server") == 10
    )  # fmt: skip
    sent = ", ".join(one.flags for one in early) or "nothing"
    after = f"FIN {seconds(fins[0].at - first.begun)} later" if fins else "no FIN"
    return holds, (
        f"the first {first.told}: {sent} was sent, and 10 bytes went through the other "
        f"descriptor; with the second close() {after}"
    )


def s20(seen: Seen) -> Answer:
    """The process is gone, the queue is delivered, and the end is TIME_WAIT."""
    (client,) = seen.clients(1)
    if not client.end.steps or client.end.close_at is None:
        raise NotSeen("the end of the process did not close the connection")
    ended, left = client.close, client.account.accepted - client.acked(client.close.n)
    during = client.path[0]
    holds = client.delivered and client.saw_time_wait and ended.at_once
    return holds, (
        f"at exit {left:,} bytes unacknowledged, {during}; {client.fate}; "
        f"{client.ending} after {seconds((client.end.ended_at or 0) - ended.ended)}"
    )


def s23(seen: Seen) -> Answer:
    """Later sequence numbers are kept and acknowledged again; too late ones draw a RST."""
    connection = seen.connections(1)[0]
    server = connection.server
    queued = server.events(Queued)
    early = [
        one for one in server.events(Arrived)
        if queued and one.n < queued[0].cause and one.what.text
    ]  # fmt: skip
    repeated = [
        one for one in server.sent(early[0].n if early else 0, flags="ACK")
        if queued and one.n < queued[0].n
    ]  # fmt: skip
    resets = _resets_from_nowhere(seen)
    holds = (
        bool(early) and len(repeated) == len(early) and bool(resets)
        and not server.sent(flags="RST") and connection.client.delivered
    )  # fmt: skip
    reset = f"RST after {seconds(resets[0].at)}" if resets else "no RST"
    return holds, (
        f"{len(early)} segments came too early: {len(repeated)} times the same ACK; "
        f"{connection.client.fate}; the one that came too late: {reset}"
    )


def s24(seen: Seen) -> Answer:
    """Some acknowledgments cover one segment, some cover many."""
    connection = seen.connections(1)[0]
    ends = sorted({one.seq + one.size for one in connection.client.sent() if one.size})
    covered = [_between(ends, *pair) for pair in _steps(connection.server)]
    single, most = covered.count(1), max(covered, default=0)
    ranges = sum(one > 1 for one in covered)
    holds = single > 0 and ranges > 0 and connection.client.delivered
    return holds, (
        f"{single} ACKs covered one segment, {ranges} covered a range, at most {most} segments"
    )


def s25(seen: Seen) -> Answer:
    """The ways do not tell who connected; one socket can even be both."""
    one, two = seen.connections(2)
    result = seen.results.get("client")
    holds = _first_is_active(one, two) and result == b"to myself"
    said = result.decode() if isinstance(result, bytes) else result
    return holds, (
        f"closing first: client {_way(one.client)}, server {_way(two.server)}; closing second: "
        f"server {_way(one.server)}, client {_way(two.client)}; a socket connected to itself "
        f"read {said!r}"
    )


def _way(side: Side) -> str:
    return " ".join(side.path)


def _resets_from_nowhere(seen: Seen) -> list[ResetSent]:
    return [one for one in seen.played.events if isinstance(one, ResetSent) and one.conn == 0]


def _stray(seen: Seen) -> Arrived:
    """Return the arrival of a segment with text that found no connection."""
    for one in seen.played.events:
        if isinstance(one, Arrived) and one.conn == 0 and one.host == "server":
            seg = segment_of(one.what)
            if seg is not None and seg.text:
                return one
    raise NotSeen("no segment arrived for a connection that was gone")


def _failures(calls: list[str]) -> str:
    return f"{', '.join(calls)} failed" if calls else "no call of either program failed"


def _steps(side: Side) -> list[tuple[int, int]]:
    """Return (before, after) of each acknowledgment that a side sent, counted from the SYN."""
    found: list[tuple[int, int]] = []
    base: int | None = None
    last = 1
    for one in side.sent():
        base = one.segment.ack - 1 if base is None else base
        acked = _relative(one, base)
        if acked > last:
            found.append((last, acked))
            last = acked
    return found


def _relative(one: SegmentSeen, base: int) -> int:
    return (one.segment.ack - base) & 0xFFFFFFFF


def _between(ends: list[int], first: int, last: int) -> int:
    return sum(first < end <= last for end in ends)
