"""The answer in words: one sentence of verdict, and what to do, most useful first."""

from __future__ import annotations

import errno
from typing import Final

from lastack.state import CLOSE_WAIT, State
from lastack.trace import Reason
from lastack.verdict import SENTENCES, Figures, cause, count

from .addresses import endpoint
from .ports import ports_bound
from .why import Cause, Why
from .why_words import Saying, connections, owner_names, short, unacknowledged

_PYTHON: Final = (
    "In Python socket.create_server, asyncio.start_server and http.server set SO_REUSEADDR; a "
    "plain socket.bind() and socketserver.TCPServer (allow_reuse_address) do not."
)


def say_bind(why: Why) -> Saying:
    """Put an answer in words."""
    where = endpoint(why.address, why.port)
    told = _TOLD[why.cause](why)
    sure = "" if why.probe.asked else " (foretold, not tried)"
    advice = list(told.advice)
    if why.probe.with_reuseport == 0 and why.probe.with_reuseaddr != 0:
        if why.cause not in (Cause.FREE, Cause.LISTENING):
            advice.insert(0, "Set SO_REUSEPORT before bind(): the old socket had that option.")
    if why.hidden and any(held.row.inode and not held.owners for held in why.holders):
        hide = f"{why.hidden:,} processes hide their descriptors from this user"
        advice.append(f"Whose it is, root can see: {hide}.")
    if why.refused and why.cause is not Cause.FREE:
        advice.append(f"Options of some sockets stayed unread: {why.refused}.")
    return Saying(f"{where} {told.verdict}{sure}", tuple(advice))


def _free(why: Why) -> Saying:
    return Saying(
        "is free: nothing is in the way of bind()",
        (
            "If your program is refused all the same: does it bind another address, or live in "
            "another network namespace (--pid)?",
        ),
    )


def _privileged(why: Why) -> Saying:
    start = why.settings.unprivileged
    return Saying(
        f"is privileged: bind() below port {start} needs CAP_NET_BIND_SERVICE (EACCES)",
        (
            "Give the program that capability: systemd's AmbientCapabilities=CAP_NET_BIND_SERVICE, "
            "or setcap cap_net_bind_service=+ep FILE.",
            f"Or for everybody: sysctl -w net.ipv4.ip_unprivileged_port_start={why.port}",
        ),
    )


def _not_ours(why: Why) -> Saying:
    row = SENTENCES[Reason.ADDRESS_NOT_OURS]
    return Saying(
        f"cannot be bound: {cause(Reason.ADDRESS_NOT_OURS, Figures())} (EADDRNOTAVAIL)",
        (
            f"{row.remedy} See ip addr; each network namespace has its own.",
            "To bind before the address comes: IP_FREEBIND, or sysctl -w "
            "net.ipv4.ip_nonlocal_bind=1",
        ),
    )


def _exhausted(why: Why) -> Saying:
    row = SENTENCES[Reason.NO_PORT_FREE]
    used = ports_bound((held.row for held in why.holders), why.settings, why.address)
    return Saying(
        f"gets no port: {cause(Reason.NO_PORT_FREE, Figures())} "
        f"({used:,} of {why.settings.total:,}, EADDRINUSE)",
        (
            "If you bind to port 0 and then connect: set IP_BIND_ADDRESS_NO_PORT first, so that "
            "each destination has all ports to itself.",
            f"{row.remedy} Or bind to more local addresses.",
        ),
    )


def _listening(why: Why) -> Saying:
    reason = Reason.PORT_LISTENING
    said = cause(reason, Figures(holders=owner_names(why.in_the_way)))
    if why.probe.with_reuseport == 0:
        return Saying(
            f"is shared: {said}, with SO_REUSEPORT",
            (
                "A new socket with SO_REUSEPORT may listen beside it; each gets part of the "
                "connections.",
                SENTENCES[reason].remedy,
            ),
        )
    return Saying(
        f"is taken: {said}",
        (
            SENTENCES[reason].remedy,
            "Or take another port; or set SO_REUSEPORT on both sockets, of one and the same user.",
            "Destroying the listening socket is no use: the port stays bound until every "
            "descriptor is closed, those of forked children too.",
        ),
    )


def _dual_stack(why: Why) -> Saying:
    other = next(one for one in why.in_the_way if one.row.state is State.LISTEN)
    who, there = owner_names(why.in_the_way), endpoint(*other.row.local)
    if len(why.address) == 4:
        verdict = f"is taken: {who} listens on {there}, which takes IPv4 as well"
        advice = "Set IPV6_V6ONLY on that socket before its bind(), or let it alone serve both."
    else:
        verdict = f"is taken: {who} listens on {there}, and [::] would take IPv4 as well"
        advice = "Set IPV6_V6ONLY on the new socket before bind()."
    return Saying(verdict, (advice, SENTENCES[Reason.PORT_LISTENING].remedy))


def _bound(why: Why) -> Saying:
    said = cause(Reason.PORT_TAKEN, Figures(holders=owner_names(why.in_the_way)))
    note = "It neither listens nor connects, so netstat and lsof do not show its port."
    if why.reuseaddr_helps:
        return _with_option(said, note)
    return Saying(
        f"is taken: {said}, without SO_REUSEADDR",
        (f"Stop that program, or take another port. {note}", _lend(why)),
    )


def _connected(why: Why) -> Saying:
    said = cause(Reason.PORT_CONNECTED, Figures(holders=connections(why.in_the_way)))
    if why.reuseaddr_helps:
        return _with_option(said)
    advice = [f"End {owner_names(why.in_the_way)}, or leave it alone: {_lend(why)}"]
    leaked = [one for one in why.in_the_way if one.row.state is CLOSE_WAIT and one.owners]
    if leaked:
        owner = leaked[0].owners[0]
        advice.append(
            "CLOSE-WAIT never ends by itself: the program has not closed. From outside: "
            f"lastack fix fin --pid {owner.pid} --fd {owner.fd}"
        )
    return Saying(f"is taken: {said}, without SO_REUSEADDR", (*advice, _next_time()))


def _outgoing(why: Why) -> Saying:
    taken = [one for one in why.in_the_way if one.outgoing]
    said = f"an outgoing connection took the port: {connections(taken)}"
    reserve = f"To keep automatic choice away from it: sysctl -w {why.settings.reserve(why.port)}"
    if why.reuseaddr_helps:
        told = _with_option(said)
        return Saying(told.verdict, (*told.advice, reserve))
    if why.clears_in is not None:
        first = f"Wait {short(why.clears_in)}; or {_kill(why)}"
    else:
        first = f"End {owner_names(taken)}, or leave it alone: {_lend(why)}"
    return Saying(f"is taken: {said}", (first, reserve))


def _ending(why: Why) -> Saying:
    lost = sum(unacknowledged(one) for one in why.in_the_way)
    said = f"a closed connection still delivers {count(lost, 'byte')}: "
    said += connections(why.in_the_way)
    if why.reuseaddr_helps:
        return _with_option(said)
    return Saying(
        f"is taken: {said}",
        (
            "Wait: it clears when the peer acknowledges. A peer that keeps its window shut and "
            "answers the probes can hold it for very long.",
            f"Or lose those bytes, {_kill(why)}",
            _next_time(),
        ),
    )


def _time_wait(why: Why) -> Saying:
    first = max(why.in_the_way, key=lambda held: held.row.expires_in)
    reason = Reason.PORT_CONNECTED
    if first.row.state is State.TIME_WAIT:
        reason = Reason.PORT_IN_TIME_WAIT
    said = cause(reason, Figures(holders=connections(why.in_the_way)))
    if why.reuseaddr_helps:
        return _with_option(said)
    left = short(why.clears_in or 0)
    if why.reuseaddr_helps is None:
        return Saying(
            f"is taken for {left} more, at least without SO_REUSEADDR: {said}",
            (
                "Set SO_REUSEADDR before bind(): it helps if the old socket had it, which only "
                "a trial can tell.",
                f"Or wait {left}; or {_kill(why)}",
            ),
        )
    return Saying(
        f"is taken for {left} more: {said}; the old socket had no SO_REUSEADDR",
        (f"Wait {left}; or {_kill(why)}", _next_time()),
    )


def _unseen(why: Why) -> Saying:
    return Saying(
        "is taken, but no TCP socket of this network namespace has it (EADDRINUSE)",
        (
            "Try again: whoever had it may have left meanwhile.",
            "Before Linux 6.8 sockets that are only bound are not told. A sandbox (seccomp, an "
            "LSM) can refuse too.",
        ),
    )


def _other(why: Why) -> Saying:
    name = errno.errorcode.get(why.probe.plain, str(why.probe.plain))
    return Saying(
        f"cannot be bound: bind() fails with {name}",
        ("EPERM: a sandbox or a cgroup's BPF program refuses. EINVAL: the address needs an "
         "interface.",),
    )  # fmt: skip


_TOLD: Final = {
    Cause.FREE: _free,
    Cause.PRIVILEGED: _privileged,
    Cause.ADDRESS_NOT_OURS: _not_ours,
    Cause.PORTS_EXHAUSTED: _exhausted,
    Cause.LISTENING: _listening,
    Cause.DUAL_STACK: _dual_stack,
    Cause.BOUND: _bound,
    Cause.CONNECTED: _connected,
    Cause.OUTGOING: _outgoing,
    Cause.ENDING: _ending,
    Cause.TIME_WAIT: _time_wait,
    Cause.UNSEEN: _unseen,
    Cause.OTHER: _other,
}


def _with_option(said: str, *more: str) -> Saying:
    return Saying(
        f"can be bound now, with SO_REUSEADDR: {said}",
        ("Set SO_REUSEADDR before bind() and start; nothing has to be ended.", _PYTHON, *more),
    )


def _next_time() -> str:
    return f"For the next restart: {SENTENCES[Reason.PORT_CONNECTED].remedy} {_PYTHON}"


def _lend(why: Why) -> str:
    return (
        f"lastack fix reuse {why.port} sets SO_REUSEADDR on it from outside; then a new socket "
        "with SO_REUSEADDR can bind."
    )


def _kill(why: Why) -> str:
    """Return the command that destroys what is in the way, as a dry run."""
    states = sorted({one.row.state.value.lower() for one in why.in_the_way})
    words = " ".join(f"state {name}" for name in states)
    where = f"src {endpoint(why.address, why.port)}" if any(why.address) else ""
    many = " --all" if len(why.in_the_way) > 1 else ""
    command = f"lastack fix kill '{words} {where or f'sport = :{why.port}'}'{many}"
    return f"as root: {command} (shows what it would do; --yes does it)"
