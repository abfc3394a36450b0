"""SACK as a receiver: which blocks to report (RFC 2018 section 4; duplicates, RFC 2883)."""

from __future__ import annotations

from lastack.wire import Segment, seq

from .tcb import Tcb

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
    tcb.recent = (*[start for start in tcb.recent if start != first][-8:], first)


def repeated(tcb: Tcb, seg: Segment) -> None:
    """Text below RCV.NXT came again: the ACK that answers it says so (RFC 2883 section 4.1)."""
    if tcb.sack_ok and seg.length and seq.lt(seg.seq, tcb.rcv_nxt):
        first = tcb.recvq.ready + seq.diff(seg.seq, tcb.rcv_nxt)
        tcb.duplicate = (first, first + seg.length)


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
    tcb.seen_blocks = tcb.recvq.blocks() if tcb.sack_ok and tcb.recvq.pieces else ()
    tcb.recvq.ready_before = tcb.recvq.ready


def blocks(tcb: Tcb) -> tuple[tuple[int, int], ...]:
    """Return the blocks of the next ACK as sequence numbers, the most recent first."""
    if not tcb.sack_ok or not (tcb.recvq.pieces or tcb.duplicate):
        return ()
    held = tcb.recvq.blocks()
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


def _number(tcb: Tcb, position: int) -> int:
    return (tcb.rcv_nxt + position - tcb.recvq.ready) & seq.MASK
