"""SACK as a receiver: which blocks to report (RFC 2018 section 4; duplicates, RFC 2883)."""

from __future__ import annotations

from collections.abc import Sequence

from lastack.state import SYN_RECEIVED
from lastack.wire import Segment, seq

from .tcb import UNSET, Tcb

_MOST = 4
_MOST_WITH_TIMESTAMPS = 3


def received(tcb: Tcb, first: int, last: int) -> None:
    """Text [first, last) of the peer's stream has arrived: the next ACK reports its block first.

    What had arrived before is reported as a duplicate (D-SACK): of several parts the first.
    """
    if not tcb.sack_ok:
        return
    before = tcb.recvq.ready_before
    doubled = _doubled(tcb, first, last) if first != before or tcb.seen_blocks else None
    if doubled is not None:
        tcb.duplicate = doubled
    if first <= before < last and not tcb.seen_blocks:
        tcb.recent = ()  # in order, and nothing waits: the usual case
        return
    _reports_first(tcb, first)


def _reports_first(tcb: Tcb, position: int) -> None:
    tcb.recent = (*[start for start in tcb.recent if start != position][-8:], position)


def fin_received(tcb: Tcb, at: int, *, again: bool, alone: bool) -> None:
    """A FIN has arrived behind a gap: it has a number, and is reported like text. `again`: it had
    come before; `alone`: without text."""
    if not tcb.sack_ok:
        return
    if again and alone:
        tcb.duplicate = (at, at + 1)
    elif again and tcb.duplicate is not None and tcb.duplicate[1] == at:
        tcb.duplicate = (tcb.duplicate[0], at + 1)
    if alone:
        _reports_first(tcb, at)


def ended(tcb: Tcb) -> None:
    """The peer's FIN was taken: nothing is missing, and no duplicate is worth a report."""
    tcb.duplicate = None
    tcb.recent = tcb.seen_blocks = ()


def repeated(tcb: Tcb, seg: Segment) -> None:
    """Text below RCV.NXT came again: the ACK that answers it says so (RFC 2883 section 4.1)."""
    if not tcb.sack_ok or (tcb.passive and tcb.state is SYN_RECEIVED):
        return  # a half-open request answers by its few words, without a report
    if seg.length and seq.lt(seg.seq, tcb.rcv_nxt):
        # RCV.NXT counts the peer's FIN, positions do not
        first = tcb.recvq.ready + seq.diff(seg.seq, tcb.rcv_nxt) + tcb.fin_received
        last = tcb.recvq.ready + tcb.fin_received
        tcb.duplicate = (first, min(first + seg.length, last))


def _doubled(tcb: Tcb, first: int, last: int) -> tuple[int, int] | None:
    """Return the first part of [first, last) that had been received (RFC 2883 sections 4.1.2 and
    4.2: also of a segment that brings something new)."""
    if first < tcb.recvq.ready_before:
        return first, min(last, tcb.recvq.ready_before)
    for begin, end in tcb.seen_blocks:
        if max(first, begin) < min(last, end):
            return max(first, begin), min(last, end)
    return None


def note_blocks(tcb: Tcb) -> None:
    """Remember which blocks were held before the segment at hand is taken in."""
    waits = tcb.recvq.pieces or tcb.fin_at != UNSET
    tcb.seen_blocks = held(tcb) if tcb.sack_ok and waits else ()
    tcb.recvq.ready_before = tcb.recvq.ready


def held(tcb: Tcb) -> list[tuple[int, int]]:
    """Return what lies beyond a gap, the peer's FIN included: it takes one position."""
    held = tcb.recvq.blocks()
    at = tcb.fin_at
    if at > tcb.recvq.ready and not tcb.fin_received:
        if held and held[-1][1] == at:
            held[-1] = (held[-1][0], at + 1)
        else:
            held.append((at, at + 1))
    return held


def _reported(tcb: Tcb) -> Sequence[tuple[int, int]]:
    """Return what to report: what is held; the ACK of the FIN in FIN-WAIT-1 and FIN-WAIT-2 reports
    once more what waited for the gap."""
    return tcb.seen_blocks if tcb.fin_received else held(tcb)


def blocks(tcb: Tcb) -> tuple[tuple[int, int], ...]:
    """Return the blocks of the next ACK as sequence numbers, the most recent first."""
    if not room(tcb):
        return ()
    held = _reported(tcb)
    ordered: list[tuple[int, int]] = []
    for start in reversed(tcb.recent):
        for block in held:
            if block[0] <= start < block[1] and block not in ordered:
                ordered.append(block)
    ordered += [block for block in reversed(held) if block not in ordered]
    if tcb.duplicate is not None:
        ordered.insert(0, tcb.duplicate)
        tcb.duplicate = None
    most = _MOST_WITH_TIMESTAMPS if tcb.ts_ok else _MOST
    return tuple((_number(tcb, a), _number(tcb, b)) for a, b in ordered[:most])


def room(tcb: Tcb) -> int:
    """Return how many octets the blocks of the next segment take, with padding."""
    if not tcb.sack_ok or not (tcb.recvq.pieces or tcb.duplicate or tcb.fin_at != UNSET):
        return 0
    most = _MOST_WITH_TIMESTAMPS if tcb.ts_ok else _MOST
    count = min(len(_reported(tcb)) + (tcb.duplicate is not None), most)
    return 4 + 8 * count if count else 0


def _number(tcb: Tcb, position: int) -> int:
    return (tcb.rcv_nxt - tcb.fin_received + position - tcb.recvq.ready) & seq.MASK
