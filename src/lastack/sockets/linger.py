"""SO_LINGER: what close(2) means.

    l_onoff  l_linger  close() returns            what is queued         the connection ends by
    -------  --------  -------------------------  ---------------------  ----------------------
    0        ignored   at once                    goes on being sent     FIN, TIME-WAIT
    other    0         at once                    destroyed              RST, no TIME-WAIT
    other    n         when it is acknowledged,   sent; at the limit     FIN, TIME-WAIT;
                       or after n units           as the profile says    at the limit as it says

Unread received data comes first: where the profile resets for it, it does so whatever SO_LINGER
says. `options` stores and prints a `Linger`; `socket.release` does what `plan_close` answers;
the TCP below knows CLOSE and ABORT only and never sees this option.
"""

from __future__ import annotations

import errno
import struct
from enum import Enum
from typing import Final, NamedTuple

from lastack.profile import (
    NEVER,
    ClosingRules,
    LingerRange,
    LingerRules,
    NonblockingLinger,
    Unread,
    WaitsFor,
)
from lastack.trace import Reason

_LAYOUT: Final = struct.Struct("ii")


class Linger(NamedTuple):
    """struct linger; `onoff` is 0 or 1."""

    onoff: int = 0
    linger: int = 0

    def pack(self) -> bytes:
        """Return the struct as getsockopt() gives it."""
        return _LAYOUT.pack(self.onoff, self.linger)


class Call(Enum):
    """The call of RFC 9293 that a close(2) makes."""

    CLOSE = "CLOSE, section 3.10.4"
    ABORT = "ABORT, section 3.10.5"
    REFUSE = "none: the socket stays open"


class ClosePlan(NamedTuple):
    """What one close(2) does: the call, why, and how long the caller waits.

    wait_until is a time in ns, 0 for no wait. The rest says what happens when it is reached.
    """

    call: Call
    reason: Reason
    wait_until: int = 0
    waits_for: WaitsFor = WaitsFor.FIN_ACKED
    expiry_errno: int = 0
    expiry_aborts: bool = False
    signal_errno: int = 0


def parse_linger(raw: bytes, stored: Linger, rules: LingerRules) -> Linger | int:
    """Return what setsockopt(SO_LINGER) stores, or the errno with which it fails."""
    if not _supported(rules):
        return errno.ENOPROTOOPT
    if len(raw) < _LAYOUT.size:
        return errno.EINVAL
    onoff, seconds = _LAYOUT.unpack_from(raw)
    if rules.seconds_range is LingerRange.EDOM and not 0 <= seconds <= 0xFFFF:
        return errno.EDOM
    if rules.seconds_range is LingerRange.U16:
        seconds &= 0xFFFF
    if not onoff and rules.off_keeps_seconds:
        seconds = stored.linger
    return Linger(int(onoff != 0), seconds)


def show_linger(stored: Linger, rules: LingerRules) -> bytes | int:
    """Return what getsockopt(SO_LINGER) gives, or the errno with which it fails."""
    return stored.pack() if _supported(rules) else errno.ENOPROTOOPT


def _supported(rules: LingerRules) -> bool:
    return rules.linger_supported


def plan_close(
    linger: Linger, *, unread: bool, out_of_order: bool, fin_possible: bool, exiting: bool,
    nonblocking: bool, linger_rules: LingerRules, closing_rules: ClosingRules, now: int,
) -> ClosePlan:  # fmt: skip
    """Decide what close(2) does. Pure.

    unread: bytes were received in order and not read; out_of_order: bytes wait for a gap.
    fin_possible: the connection has, or still can have, a FIN that can be waited for (it is
    synchronized). exiting: the process ends, and nobody is there to wait.
    """
    rule = closing_rules.unread
    # SHLD-3
    if rule is not Unread.FIN and unread:
        return ClosePlan(Call.ABORT, Reason.UNREAD_AT_CLOSE)
    if rule is Unread.RESET_ALSO_OUT_OF_ORDER and out_of_order:
        return ClosePlan(Call.ABORT, Reason.UNREAD_AT_CLOSE)
    if not linger.onoff or not _supported(linger_rules):
        return ClosePlan(Call.CLOSE, Reason.CLOSE_CALL)
    if linger.linger == 0:
        return ClosePlan(Call.ABORT, Reason.LINGER_ZERO)
    if exiting or not fin_possible:
        return ClosePlan(Call.CLOSE, Reason.CLOSE_CALL)
    if nonblocking and linger_rules.nonblocking is NonblockingLinger.RETURNS:
        return ClosePlan(Call.CLOSE, Reason.CLOSE_CALL)
    if nonblocking and linger_rules.nonblocking is NonblockingLinger.REFUSES:
        return ClosePlan(Call.REFUSE, Reason.CLOSE_CALL, expiry_errno=errno.EWOULDBLOCK)
    limit = NEVER if linger.linger < 0 else now + linger.linger * linger_rules.unit_ns
    return ClosePlan(
        Call.CLOSE, Reason.CLOSE_CALL, limit, linger_rules.waits_for, linger_rules.expiry_errno,
        linger_rules.expiry_aborts, linger_rules.signal_errno,
    )  # fmt: skip
