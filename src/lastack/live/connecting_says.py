"""The answer about a connection in words."""

from __future__ import annotations

import errno
from typing import Final

from lastack.state import SYN_SENT, TIME_WAIT
from lastack.trace import Reason
from lastack.verdict import SENTENCES, Figures, cause, count, seconds

from .addresses import endpoint
from .connecting import ConnectCause, WhyConnect, serves
from .why_says import say_bind
from .why_words import Saying, clears, owner_names


def say_connect(why: WhyConnect) -> Saying:
    """Put an answer in words."""
    local = "" if why.local is None else f"{endpoint(*why.local)} - "
    told = _TOLD[why.cause](why)
    foretold = why.cause not in (ConnectCause.UNTRIED, ConnectCause.EXISTS)
    sure = "" if why.attempt.tried or not foretold else " (foretold, not tried)"
    return Saying(f"{local}{endpoint(*why.remote)} {told.verdict}{sure}", told.advice)


def _errno(why: WhyConnect) -> str:
    return errno.errorcode.get(why.attempt.error, str(why.attempt.error))


def _connected(why: WhyConnect) -> Saying:
    return Saying(
        "can be connected to: nothing is in the way",
        (
            f"Automatic ports in use towards it: {why.used:,} of {why.settings.total:,}.",
            "If your program is refused all the same: does it use another address, a proxy, or "
            "live in another network namespace (--pid)?",
        ),
    )


def _refused(why: WhyConnect) -> Saying:
    if not why.remote_is_ours:
        return Saying(
            "refuses: the SYN was answered with an RST (ECONNREFUSED)",
            (
                "On that host nobody listens on this address and port, or a packet filter answers "
                "so (REJECT with tcp-reset). Look there: lastack why "
                f"{endpoint(*why.remote)}",
            ),
        )
    elsewhere = [held for held in why.holders if not serves(held, why.remote)]
    if elsewhere:
        there = ", ".join(sorted({endpoint(*held.row.local) for held in elsewhere}))
        return Saying(
            f"refuses: {owner_names(elsewhere)} listens on {there} alone (ECONNREFUSED)",
            ("Connect to that address, or let the server bind the wildcard.",),
        )
    if any(serves(held, why.remote) for held in why.holders):
        return Saying(
            "refuses although somebody listens: a packet filter answers (ECONNREFUSED)",
            ("See nft list ruleset; a REJECT with tcp-reset looks like this.",),
        )
    return Saying(
        "refuses: nobody listens on that port of this host (ECONNREFUSED)",
        (
            "Start the server, or look whether it lives in another network namespace (a "
            "container: --pid).",
        ),
    )


def _unreachable(why: WhyConnect) -> Saying:
    if why.attempt.error == errno.ENETUNREACH:
        return Saying(
            "is unreachable: no route leads there (ENETUNREACH)",
            (f"See ip route get {_address(why)}.",),
        )
    return Saying(
        "is unreachable: no host answers there, or a router says so (EHOSTUNREACH)",
        (
            f"In the same network: ip neigh shows FAILED for it when nobody has the address. "
            f"Else a router or a route refuses: ip route get {_address(why)}.",
        ),
    )


def _prohibited(why: WhyConnect) -> Saying:
    return Saying(
        f"is forbidden from here: this host's own rules refuse ({_errno(why)})",
        (f"See nft list ruleset, and ip route get {_address(why)} for a prohibiting route.",),
    )


def _timed_out(why: WhyConnect) -> Saying:
    again = why.attempt.syns_again
    sent = f", sent again {count(again, 'time')}" if again else ""
    return Saying(
        f"does not answer: the SYN{sent} stays without a reply (ETIMEDOUT)",
        (
            "A packet filter drops it, the host is down, its accept queue is full, or the way "
            "back is another one. connect() itself gives up after about 127 s "
            "(tcp_syn_retries).",
        ),
    )


def _queue_full(why: WhyConnect) -> Saying:
    full = [held for held in why.holders if serves(held, why.remote)]
    row = full[0].row
    return Saying(
        f"does not answer: the accept queue of {owner_names(full)} is full "
        f"({row.recv_queue} waiting, limit {row.send_queue})",
        (
            "The program does not call accept() fast enough, or not at all: look what it does.",
            "A longer queue only helps against bursts: listen(backlog) and net.core.somaxconn.",
        ),
    )


def _exhausted(why: WhyConnect) -> Saying:
    row = SENTENCES[Reason.NO_PORT_FREE]
    said = cause(Reason.NO_PORT_FREE, Figures())
    if why.attempt.in_bind:
        return Saying(
            f"cannot be connected to: {said} (bind() to port 0: EADDRINUSE)",
            (
                "Set IP_BIND_ADDRESS_NO_PORT before bind(): then each destination has all ports "
                "to itself.",
                row.remedy,
            ),
        )
    return Saying(
        f"cannot be connected to: {why.used:,} of {why.settings.total:,} automatic ports are "
        "taken towards it (EADDRNOTAVAIL)",
        (
            f"{row.remedy} Other destinations are not concerned.",
            "Ports in TIME-WAIT: let the server close first, or sysctl -w net.ipv4.tcp_tw_reuse=1 "
            "(needs timestamps on both sides).",
            "More source addresses, or more ports on the server, multiply the room.",
        ),
    )


def _no_source(why: WhyConnect) -> Saying:
    return Saying(
        "cannot be connected to: no local address or port fits (EADDRNOTAVAIL)",
        (f"See ip addr and ip route get {_address(why)}.",),
    )


def _local_refused(why: WhyConnect) -> Saying:
    if why.bind is None:
        return Saying(f"cannot be made: bind() to the local address fails ({_errno(why)})", ())
    told = say_bind(why.bind)
    return Saying(f"cannot be made: {told.verdict}", told.advice)


def _exists(why: WhyConnect) -> Saying:
    held = why.holders[0]
    state, row = held.row.state, SENTENCES[Reason.TUPLE_TAKEN]
    if state is SYN_SENT:
        return Saying(
            f"is being made: SYN-SENT, sent again {count(held.row.retransmits, 'time')}, the next "
            f"in {seconds(held.row.expires_in)}",
            ("No answer so far: a packet filter, a host that is down, a full accept queue.",),
        )
    wait = ""
    if state is TIME_WAIT:
        wait = " Or wait: a TIME-WAIT is kept for 60 s."
    return Saying(
        f"exists already: {state.value} of {owner_names([held])}, clears {clears(held)}",
        (f"A second connection with the same four numbers cannot be. {row.remedy}{wait}",),
    )


def _untried(why: WhyConnect) -> Saying:
    return Saying(
        "finds nothing in the way on this side; only a trial tells the rest",
        (f"Automatic ports in use towards it: {why.used:,} of {why.settings.total:,}.",),
    )


def _other(why: WhyConnect) -> Saying:
    return Saying(
        f"cannot be connected to: connect() fails with {_errno(why)}",
        (f"See ip route get {_address(why)}; a blackhole route gives EINVAL.",),
    )


def _address(why: WhyConnect) -> str:
    return endpoint(*why.remote).rpartition(":")[0].strip("[]")


_TOLD: Final = {
    ConnectCause.CONNECTED: _connected,
    ConnectCause.REFUSED: _refused,
    ConnectCause.UNREACHABLE: _unreachable,
    ConnectCause.PROHIBITED: _prohibited,
    ConnectCause.TIMED_OUT: _timed_out,
    ConnectCause.QUEUE_FULL: _queue_full,
    ConnectCause.PORTS_EXHAUSTED: _exhausted,
    ConnectCause.NO_SOURCE: _no_source,
    ConnectCause.LOCAL_REFUSED: _local_refused,
    ConnectCause.EXISTS: _exists,
    ConnectCause.UNTRIED: _untried,
    ConnectCause.OTHER: _other,
}
