"""Explicit congestion notification (SHLD-8; RFC 3168 section 6.1): a mark instead of a loss.

The receiver of a marked segment sets ECE on every ACK until a segment with CWR tells it that the
sender has reduced its window. Measured: docs/kernel-notes/ecn.md.
"""

from __future__ import annotations

from typing import Final

from lastack.profile import Ecn
from lastack.wire import CWR, ECE, Segment, copy_segment

from . import loss
from .codepoints import CE, ECT, NONE_CAME, NOT_ECT, Codepoints
from .tcb import Tcb

_QUICK: Final = 2
"""ACKs that leave at once after a mark, so that the sender learns of it soon."""


def marked(seg: Segment) -> Segment:
    """Return a copy with the mark that a congested router sets; what is not ECT stays as it is."""
    twin = copy_segment(seg, seg.number)
    if seg.ecn != NOT_ECT:
        twin.ecn = CE
    return twin


# -- the handshake (section 6.1.1) ----------------------------------------------------------------


def syn_flags(tcb: Tcb, *, answering: bool, again: bool) -> int:
    """Return the flags that our SYN or SYN|ACK carries. A repeated SYN does without: what lies on
    the path may drop it for them (section 6.1.1.1)."""
    if answering:
        return ECE if tcb.ecn_ok else 0
    tcb.ecn_ok = tcb.profile.start.ecn is Ecn.OFFERED and not again
    return ECE | CWR if tcb.ecn_ok else 0


def syn_arrives(tcb: Tcb, seg: Segment, *, acked: bool) -> None:
    """The peer's SYN, or (`acked`) its SYN|ACK, settles whether both sides understand marks."""
    flags = seg.flags & (ECE | CWR)
    if acked:
        tcb.ecn_ok = tcb.ecn_ok and flags == ECE
    elif tcb.passive:
        willing = tcb.profile.start.ecn is not Ecn.OFF
        # A SYN that is marked itself comes from somebody who does not keep to the RFC.
        tcb.ecn_ok = willing and flags == ECE | CWR and seg.ecn == NOT_ECT
    else:
        tcb.ecn_ok = tcb.ecn_ok and flags == ECE | CWR


# -- the receiver (6.1.3) -------------------------------------------------------------------------


def note(tcb: Tcb, seg: Segment) -> None:
    """A segment was taken whose IP header says something."""
    if tcb.codepoints is NONE_CAME:
        tcb.codepoints = Codepoints()
    tcb.codepoints.came(seg.ecn, len(seg.text))


def text_arrives(tcb: Tcb, seg: Segment) -> None:
    """Look at the mark of a segment with text, and for the sender's CWR."""
    if not tcb.ecn_ok:
        return
    if seg.flags & CWR:
        tcb.ecn_echo = False
        tcb.acks.at_once = True  # its window may be a single segment now
    if seg.ecn == CE:
        if not tcb.ecn_echo:
            tcb.acks.hurry(_QUICK)
        tcb.ecn_echo = True
    elif seg.ecn == NOT_ECT and tcb.codepoints is not NONE_CAME:
        tcb.acks.hurry(_QUICK)  # without ECT it is probably repeated: something was lost


# -- the sender (6.1.2) ---------------------------------------------------------------------------


def ack_arrives(tcb: Tcb, seg: Segment) -> None:
    """Both sides understand marks. An ACK with ECE: the window goes down as for a loss, once in a
    round trip."""
    if seg.flags & ECE:
        loss.reduce(tcb)


def outgoing(tcb: Tcb, *, text: bool, again: bool) -> tuple[int, int]:
    """Return the flags and the codepoint for a segment. Only new text is ECT (6.1.4, 6.1.5), and
    the first after a reduction says CWR."""
    flags = ECE if tcb.ecn_echo else 0
    if not text or again:
        return flags, NOT_ECT
    if tcb.owes_cwr:
        tcb.owes_cwr = False
        flags |= CWR
    return flags, ECT
