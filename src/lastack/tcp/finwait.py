"""How long an orphan stays in FIN-WAIT-2 (TCP_LINGER2, net.ipv4.tcp_fin_timeout)."""

from __future__ import annotations

from lastack.profile import MINUTE, NEVER, ClosingRules, FinWait2Excess
from lastack.state import CLOSED, FIN_WAIT_2
from lastack.trace import Reason

from . import timers
from .tcb import Tcb, enter
from .timewait import entry_of


def orphan_limit(linger2_ns: int, rules: ClosingRules) -> int:
    """Return the limit in ns: TCP_LINGER2 where it is set (above 0), else the system's."""
    return linger2_ns if linger2_ns > 0 else rules.fin_wait_2_orphan_ns


def split_limit(limit: int, rules: ClosingRules) -> tuple[int, int]:
    """Return (ns as a connection, ns in the table after it).

    Linux spends what exceeds a minute in the socket, and then the same excess in the table, so a
    limit of 90 s lasts 60 s (docs/kernel-notes/give-up.md).
    """
    if rules.fin_wait_2_excess is FinWait2Excess.DOUBLED and MINUTE < limit < NEVER:
        return limit - MINUTE, limit - MINUTE
    return 0, limit


def _limits(tcb: Tcb) -> tuple[int, int]:
    closing = tcb.profile.closing
    return split_limit(orphan_limit(tcb.settings.linger2, closing), closing)


def settle(tcb: Tcb, now: int) -> None:
    """An orphan in FIN-WAIT-2 moves to the host's table; a long limit is spent here first."""
    if not tcb.orphan or tcb.state is not FIN_WAIT_2:
        return
    here, there = _limits(tcb)
    if not here:
        _to_table(tcb, there, now)
    elif not tcb.timers.running(timers.FIN_WAIT_2_IDLE):
        tcb.timers.set(timers.FIN_WAIT_2_IDLE, now + here)


def idle_over(tcb: Tcb, now: int) -> None:
    """What was to be spent here has passed."""
    if tcb.state is FIN_WAIT_2:
        _to_table(tcb, _limits(tcb)[1], now)


def _to_table(tcb: Tcb, duration: int, now: int) -> None:
    tcb.entry = (entry_of(tcb, fin_wait_2=True), duration)
    tcb.timers.stop_all()
    enter(tcb, CLOSED, Reason.CLOSE_CALL, now, quiet=True)
