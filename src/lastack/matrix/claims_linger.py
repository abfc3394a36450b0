"""Judges of the claims about SO_LINGER: S1 to S9, S18, S21, S22, S27.

A judge is asked only when the program could be run: where SO_LINGER is missing, that is the answer.
"""

from __future__ import annotations

from .claims_seen import Seen, Side, about

Answer = tuple[bool, str]


def s1(seen: Seen) -> Answer:
    """The option as it comes, after (1, 30), and after (0, 7)."""
    first, on, off = seen.results["client"]
    holds = first == (0, 0) and on == (1, 30) and off[0] == 0
    return holds, f"get {first}; set (1, 30), get {on}; set (0, 7), get {off}"


def s2(seen: Seen) -> Answer:
    """Left alone and l_onoff = 0 are the same: at once, and all is sent."""
    plain, off, replied = seen.clients(3)
    holds = all(
        one.close.at_once and one.close.returned == "0" and one.delivered and "FIN" in one.ending
        for one in (plain, off)
    )
    same = _end(plain) == _end(off)
    second = "the same with (0, 30)" if same else f"with (0, 30) {_end(off)}"
    third = f"with an unread reply {replied.ending}, {replied.fate}"
    return holds and same, f"{_end(plain)}; {second}; {third}"


def s3(seen: Seen) -> Answer:
    """RST and nothing else, the queue is gone, nobody is in TIME_WAIT, the peer hears of it."""
    connection = seen.connections(1)[0]
    client, server = connection.client, connection.server
    close = client.close
    wire = client.sent(close.first_n)
    told = seen.results.get("server")
    time_wait = client.saw_time_wait or server.saw_time_wait
    holds = (
        close.at_once and close.returned == "0" and client.lost > 0 and not time_wait
        and [one.flags for one in wire] == ["RST|ACK"] and told == "ECONNRESET"
    )  # fmt: skip
    sent = ", ".join(f"{one.flags} seq {one.seq:,}" for one in wire[:2]) or "nothing"
    more = f" and {len(wire) - 2} more" if len(wire) > 2 else ""
    return holds, (
        f"{close.told}, then {sent}{more} on the wire; {client.fate}; "
        f"{'TIME-WAIT' if time_wait else 'no TIME-WAIT'}; the server read {_told(told)}"
    )


def s4(seen: Seen) -> Answer:
    """close() sleeps until every byte is acknowledged; then FIN and TIME_WAIT."""
    client, idle = seen.clients(2)
    close = client.close
    acked = client.acked(close.n)
    holds = (
        close.returned == "0" and not close.at_once and acked == client.account.accepted
        and client.ending == "FIN, then TIME-WAIT"
    )  # fmt: skip
    return holds, (
        f"{close.told}: {_acknowledged(client, acked)}; {client.ending}; "
        f"with nothing queued {idle.close.told}"
    )


def s5(seen: Seen) -> Answer:
    """At the limit EWOULDBLOCK, and the queue is lost."""
    (client,) = seen.clients(1)
    close = client.close
    holds = close.returned == "EWOULDBLOCK" and about(close.waited, 1) and client.lost > 0
    return holds, f"{close.told}; {client.fate}; ended by {client.ending}"


def s6(seen: Seen) -> Answer:
    """Success came when all was acknowledged, and nobody had read anything."""
    connection = seen.connections(1)[0]
    client = connection.client
    close = client.close
    acked, read = client.acked(close.n), connection.server.read(close.n)
    holds = close.returned == "0" and acked == client.account.accepted and read == 0
    return holds, (
        f"{close.told}: {_acknowledged(client, acked)}, the server's program had read {read:,}"
    )


def s7(seen: Seen) -> Answer:
    """A non-blocking close() does not sleep."""
    (client,) = seen.clients(1)
    return client.close.at_once, _end(client)


def s8(seen: Seen) -> Answer:
    """The wait tells the unit of l_linger = 1."""
    (client,) = seen.clients(1)
    waited = client.close.waited
    seconds, ticks = about(waited, 1), about(waited, 0.01)
    unit = "seconds" if seconds else "ticks of 1/100 s" if ticks else "something else"
    return seconds or ticks, f"l_linger = 1: {client.close.told}, the unit is {unit}"


def s9(seen: Seen) -> Answer:
    """The three rows, and whether the second int was understood as l_linger."""
    zero, abort, limit = seen.clients(3)
    rows = (
        zero.close.at_once and zero.delivered and "FIN" in zero.ending,
        abort.close.at_once and abort.ending == "RST" and abort.lost > 0,
        about(limit.close.waited, 1) and limit.ending == "RST" and limit.lost > 0,
    )
    told = "; ".join(
        f"row {number} {'as in the table' if row else 'differs'}: {_end(side)}"
        for number, (row, side) in enumerate(zip(rows, (zero, abort, limit), strict=True), 1)
    )
    return all(rows), f"{told} (the fields are int here, not u_short)"


def s18(seen: Seen) -> Answer:
    """Lingering costs sleep, and bytes where expiry aborts; the default costs neither."""
    plain, linger = seen.clients(2)
    costs = not linger.close.at_once and (linger.ending != "RST" or linger.lost > 0)
    holds = costs and plain.close.at_once and plain.delivered
    return holds, f"lingering: {_end(linger)}; default: {_end(plain)}"


def s21(seen: Seen) -> Answer:
    """No TIME_WAIT after l_linger = 0; with another l_linger as always."""
    connections = seen.connections(2)
    zero, five = (one.client for one in connections)
    somewhere = zero.saw_time_wait or connections[0].server.saw_time_wait
    holds = zero.ending == "RST" and not somewhere and five.saw_time_wait
    return holds, (
        f"l_linger = 0: {zero.ending}, {'' if somewhere else 'no '}TIME-WAIT; "
        f"l_linger = 5: {five.close.told}, {five.ending}"
    )


def s22(seen: Seen) -> Answer:
    """The value returned tells success from expiry."""
    success, expiry = seen.clients(2)
    done, over = success.close, expiry.close
    acked = success.acked(done.n) == success.account.accepted
    left = expiry.account.accepted - expiry.acked(over.n)
    holds = acked and left > 0 and done.returned == "0" and over.returned != "0"
    return holds, (
        f"{success.account.accepted:,} bytes acknowledged: {done.told}; "
        f"time up with {left:,} bytes unacknowledged: {over.told}"
    )


def s27(seen: Seen) -> Answer:
    """The first example delivers within 30 s, the second aborts."""
    thirty, abort = seen.clients(2)
    first = thirty.close.returned == "0" and thirty.delivered and thirty.close.waited <= 30e9
    second = abort.close.at_once and abort.ending == "RST" and abort.lost > 0
    return first and second, f"30 s: {_end(thirty)}; abort: {_end(abort)}"


def _end(side: Side) -> str:
    return f"{side.close.told}, {side.fate}, {side.ending}"


def _told(result: object) -> str:
    return f"{result:,} bytes" if isinstance(result, int) else f"what it had, then {result}"


def _acknowledged(side: Side, acked: int) -> str:
    total = side.account.accepted
    data = f"all {total:,} bytes" if acked == total else f"{acked:,} of {total:,} bytes"
    return f"{data} {'and the FIN ' if side.fin_acked(side.close.n) else ''}were acknowledged"
