"""Judges of the claims about TIME_WAIT and busy ports: S13 to S17, S26."""

from __future__ import annotations

from lastack.profile import S
from lastack.trace import Arrived, Dropped, Read, ResetSent, Sent, Waiting
from lastack.verdict import seconds

from .claims_seen import NotSeen, Seen, Side, about

Answer = tuple[bool, str]


def s13(seen: Seen) -> Answer:
    """TIME_WAIT lasts four minutes, and so long its port is busy."""
    server = seen.connections(1)[0].server
    free = seen.results.get("server")
    if not isinstance(free, float):
        raise NotSeen("the port did not become free")
    busy = round(free * S)
    # a kernel is asked at the end, when its TIME-WAIT is over: then the port alone tells
    gone = server.saw_time_wait and not _entries(server)
    lasts = busy if gone else _entered(server)
    holds = about(lasts, 240) and about(busy, 240)
    stood = "TIME-WAIT" if gone else f"TIME-WAIT for {seconds(lasts)}"
    return holds, (
        f"{stood}; bind() = EADDRINUSE, tried once a second, until after {free:g} s it gave 0"
    )


def s14(seen: Seen) -> Answer:
    """bind() fails before networking is restarted, and works after it."""
    _, before, after, forced = seen.binds(80, 4)
    holds = before == "EADDRINUSE" and after == "0"
    told = f"bind() = {before} before the restart, {after} after it"
    return holds, told if holds else f"{told}, {forced} after the TIME-WAIT was destroyed (ss -K)"


def s15(seen: Seen) -> Answer:
    """TIME_WAIT yields to SO_REUSEADDR of the new socket, ESTABLISHED does not."""
    in_time_wait, established = seen.binds(80, 2)[1], seen.binds(81, 2)[1]
    if not seen.connections(1)[0].server.saw_time_wait:
        raise NotSeen("there was no TIME-WAIT")
    holds = in_time_wait == "0" and established == "EADDRINUSE"
    return holds, (
        f"port in TIME-WAIT, only the new socket has the option: bind() = {in_time_wait}; "
        f"port in ESTABLISHED, both have it: bind() = {established}"
    )


def s16(seen: Seen) -> Answer:
    """The restarted server gets its port with the option, and not without."""
    without, with_it = seen.binds(80, 2)[1], seen.binds(81, 2)[1]
    holds = without == "EADDRINUSE" and with_it == "0"
    served = sum(one.returned == "0" for one in seen.calls("accept", "server"))
    return holds, (
        f"restarted a second after its close: bind() = {without} without the option, {with_it} "
        f"where old and new have it; {served} clients served in all"
    )


def s17(seen: Seen) -> Answer:
    """The delayed segment of the old connection arrives on the new one."""
    old, new = seen.connections(2)
    numbers = [one.packet for one in old.client.events(Sent) if one.last > one.first]
    late = [one for one in new.server.events(Arrived) if numbers and one.packet == numbers[0]]
    cut = [one for one in old.server.events(Waiting) if one.what == "ended"]
    how = cut[0].reason.value if cut else "not cut short"
    arrived = "the old segment reached the new connection" if late else "the old segment did not"
    return bool(late and cut), f"TIME-WAIT: {how}; {arrived}{_then(new.server, late)}"


def s26(seen: Seen) -> Answer:
    """A FIN that is repeated to TIME_WAIT is acknowledged, and the closer can end."""
    connection = seen.connections(1)[0]
    client, server = connection.client, connection.server
    again = [one for one in server.fins() if one.again]
    if not again:
        raise NotSeen("the server did not repeat its FIN")
    answers = client.sent(again[0].n, flags="ACK")
    begun = [one for one in client.events(Waiting) if one.what == "restarted"]
    holds = client.saw_time_wait and bool(answers) and server.path[-1:] == ["CLOSED"]
    answer = "acknowledged" if answers else "not acknowledged"
    lasts = seconds(begun[0].until - begun[0].at) if begun else ""
    rest = f" by TIME-WAIT, whose {lasts} began again" if begun else ""
    ended = "LAST-ACK ended" if server.path[-1:] == ["CLOSED"] else "LAST-ACK stays"
    after = seconds(again[0].at - server.fins()[0].at)
    return holds, f"the FIN came again after {after}, was {answer}{rest}; {ended}"


def _entries(side: Side) -> list[Waiting]:
    return [one for one in side.events(Waiting) if one.what == "entered"]


def _entered(side: Side) -> int:
    found = _entries(side)
    if not found:
        raise NotSeen(f"the {side.end.host} was not in TIME-WAIT")
    return int(found[0].until - found[0].at)


def _then(server: Side, late: list[Arrived]) -> str:
    if not late:
        return ""
    after = seconds(late[0].at - server.end.opened_at)
    dropped = [one for one in server.events(Dropped) if one.packet == late[0].packet]
    reset = [one for one in server.events(ResetSent) if one.reply_to == late[0].packet]
    if dropped:
        return f" {after} after its SYN and was dropped: {dropped[0].reason.value}"
    if reset:
        return f" {after} after its SYN and drew a RST: {reset[0].reason.value}"
    read = max([0, *(one.last for one in server.events(Read))])
    return f" {after} after its SYN, and the new server read {read} bytes"
