"""How long an orphan stays in FIN-WAIT-2 (TCP_LINGER2, net.ipv4.tcp_fin_timeout)."""

from __future__ import annotations

from lastack.profile import MINUTE, NEVER, ClosingRules, FinWait2Excess


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
