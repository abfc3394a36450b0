"""Keep-alives (RFC 9293 section 3.8.4, MAY-5; RFC 1122 section 4.2.3.6)."""

from __future__ import annotations

import errno

from lastack.profile import KeepaliveRules
from lastack.state import CLOSE_WAIT, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2
from lastack.trace import Reason

from . import calls, emit, timers
from .tcb import Tcb

_WATCHED = frozenset({ESTABLISHED, CLOSE_WAIT, FIN_WAIT_1, FIN_WAIT_2})


def begin(tcb: Tcb, since: int, now: int) -> None:
    """SO_KEEPALIVE is on: the first probe is due when the idle time has passed `since` then.
    Off unless a program asks (MUST-25)."""
    if tcb.settings.keepalive and tcb.state in _WATCHED:
        tcb.timers.set(timers.KEEPALIVE, max(since + _settings(tcb)[0], now))
    else:
        tcb.timers.stop(timers.KEEPALIVE)


def default_keepalive(rules: KeepaliveRules) -> tuple[int, int, int]:
    """Return (idle, interval) in ns and the number of probes of the system (MUST-28: two
    hours or more)."""
    return rules.keepalive_idle_ns, rules.keepalive_interval_ns, rules.keepalive_probes


def _settings(tcb: Tcb) -> tuple[int, int, int]:
    """Return what TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT say, or the system (MUST-27)."""
    idle, interval, probes = default_keepalive(tcb.profile.keepalive)
    return (
        tcb.settings.keep_idle or idle,
        tcb.settings.keep_interval or interval,
        tcb.settings.keep_probes or probes,
    )


def expired(tcb: Tcb, now: int) -> None:
    """The keep-alive timer fired: probe an idle peer, or give it up with a RST.

    A probe has SEQ = SND.NXT - 1 and no text (SHLD-12); any answer shows that the peer is there.
    With TCP_USER_TIMEOUT that limit counts and not the number of probes.
    """
    if not tcb.settings.keepalive or tcb.state not in _WATCHED:
        return
    if tcb.orphan and tcb.state is FIN_WAIT_2:
        return  # it has a limit of its own
    silent = now - tcb.heard_at
    waits, interval, probes = _settings(tcb)
    if tcb.in_flight() or tcb.sendq.end > tcb.sent_end():
        # MUST-26; the retransmission or persist timer watches the peer meanwhile
        tcb.timers.set(timers.KEEPALIVE, now + waits)
        return
    if silent < waits:
        tcb.keep_sent = 0
        tcb.timers.set(timers.KEEPALIVE, now + waits - silent)
        return
    limit = tcb.settings.user_timeout
    # one lost answer proves nothing (MUST-29)
    over = silent >= limit and tcb.keep_sent > 0 if limit > 0 else tcb.keep_sent >= probes
    if over:
        emit.send_reset(tcb, Reason.KEEPALIVE_UNANSWERED, now)
        error = tcb.soft_error or errno.ETIMEDOUT
        calls.gone(tcb, Reason.KEEPALIVE_UNANSWERED, now, error=error)
        return
    tcb.keep_sent += 1
    emit.send_ack(tcb, now, probe=True)
    tcb.timers.set(timers.KEEPALIVE, now + interval)


def heard(tcb: Tcb, now: int) -> None:
    """A segment of the peer arrived: it is there."""
    tcb.heard_at = now
    tcb.keep_sent = 0
