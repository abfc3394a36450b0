"""The calls of RFC 9293 section 3.10: OPEN, SEND, RECEIVE, CLOSE, ABORT.

Each changes the Tcb and returns at once; nothing is sent here but the SYN of OPEN and the RST of
ABORT, which are the call. close(2), SO_LINGER and blocking are the sockets' business.
"""

from __future__ import annotations

import errno

from lastack.profile import AbortAfterFin
from lastack.state import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    LAST_ACK,
    SYN_RECEIVED,
    SYN_SENT,
)
from lastack.trace import Accepted, Destroyed, Queue, Read, Reason
from lastack.wire import seq

from . import emit, urgent
from .buffers import chunk_size
from .mark import Urgent
from .right_sizing import RightSizing
from .sendq import NOTHING_QUEUED, SendQueue
from .tcb import HANGUP, READ_HANGUP, READABLE, UNSET, WRITABLE, Tcb, enter
from .window import receive_window


def open_active(tcb: Tcb, now: int) -> None:
    """OPEN, active (3.10.1): send SYN, enter SYN-SENT."""
    enter(tcb, SYN_SENT, Reason.OPEN_CALL, now)
    emit.send_syn(tcb, now)


def send(
    tcb: Tcb, data: bytes | memoryview, now: int, *, segments: bool = False, begins: bool = True
) -> int:
    """SEND (3.10.2): queue a copy of what the last block of the queue takes, or another block;
    return the count, 0 when the queue is full. `segments`: a block is one segment. `begins`: it is
    the beginning of what the program's call sends."""
    sendq = tcb.sendq
    size = emit.full_size(tcb) if segments else chunk_size(tcb.send_size(), tcb.max_snd_wnd)
    begun = sendq.last_block()
    room = size - begun
    fills = 0 < begun < size
    if not fills:
        room = size
        unsent = sendq.end - tcb.sent_end()
        if not tcb.buffers.may_begin(sendq.end - sendq.start, len(sendq.blocks), unsent):
            tcb.wants_room = True
            tcb.writer_sleeps = not tcb.in_flight()
            return 0
    taken = bytes(data[:room])
    if sendq is NOTHING_QUEUED:
        sendq = tcb.sendq = SendQueue()
    first = sendq.end
    sendq.append(taken, fills=fills, begins=begins)
    if tcb.scribe is not None:
        tcb.scribe.write(Accepted(tcb.conn, first, sendq.end), now)
    return len(taken)


def receive(tcb: Tcb, size: int, now: int, *, peek: bool) -> bytes:
    """RECEIVE (3.10.3): return at most `size` bytes, b"" when there is none."""
    first = tcb.recvq.read
    if tcb.mark.stage is Urgent.NONE:
        text = tcb.recvq.take(size, peek=peek)
    else:
        text = urgent.receive(tcb, size, now, peek=peek)
        first = tcb.recvq.read - len(text)
    if not peek and not len(tcb.recvq):
        tcb.fin_unread = False
    if peek or not text:
        return text
    if tcb.scribe is not None:
        tcb.scribe.write(Read(tcb.conn, first, first + len(text)), now)
    if tcb.sizing is not None and tcb.sizing.program_read(len(text), now):
        _size_buffer(tcb, tcb.sizing, len(text), now)
    _announce_window(tcb)
    return text


def _size_buffer(tcb: Tcb, sizing: RightSizing, count: int, now: int) -> None:
    """The program has read `count` bytes, and a round trip is over: the receive buffer follows."""
    packet = min(tcb.recvq.packet, count)
    copied = sizing.copied(count, packet, len(tcb.recvq), now)
    if copied > tcb.buffers.read_per_trip:
        tcb.buffers.grow_receive(copied)


def _announce_window(tcb: Tcb) -> None:
    """Owe an ACK when reading opens the window enough to be worth a segment (MUST-39)."""
    if tcb.state is CLOSED:
        return
    if not (tcb.recvq.used or tcb.fin_unread):
        tcb.acks.all_read()
    if tcb.acks.due and seq.sub(tcb.rcv_nxt, tcb.rcv_wup) > tcb.rcv_mss:
        tcb.acks.at_once = True
        return
    if tcb.fin_received or tcb.shut_read:
        return
    left = tcb.rcv_wnd()
    space = min(tcb.buffers.space, 0xFFFF << tcb.rcv_wscale)  # what the field can tell
    if 2 * left <= space and receive_window(tcb) >= 2 * max(left, 1):
        tcb.acks.at_once = True


def shutdown_receive(tcb: Tcb, now: int) -> None:
    """Nobody reads any more. No segment says so; only later data shows (sections 3.6, 3.9.1)."""
    tcb.shut_read = True
    tcb.wake(READABLE | READ_HANGUP)


def close(tcb: Tcb, reason: Reason, now: int) -> None:
    """CLOSE (3.10.4): FIN behind everything queued. Nothing more can be sent after it."""
    state = tcb.state
    if state is SYN_SENT:
        gone(tcb, Reason.CLOSED_WHILE_CONNECTING, now)
    elif state is SYN_RECEIVED:
        tcb.fin_queued = True
        if reason is not Reason.SHUTDOWN_CALL and not len(tcb.sendq):
            # no SENDs "and there is no pending data to send"
            enter(tcb, FIN_WAIT_1, reason, now)
        # "otherwise, queue for processing after entering ESTABLISHED state" (`close_now`): as
        # shutdown(2) does
    elif state is ESTABLISHED:
        tcb.fin_queued = True
        enter(tcb, FIN_WAIT_1, reason, now)
        tcb.wake(WRITABLE)
    elif state is CLOSE_WAIT:
        tcb.fin_queued = True
        enter(tcb, LAST_ACK, reason, now)
        tcb.wake(WRITABLE | HANGUP)


def close_now(tcb: Tcb, now: int) -> None:
    """ESTABLISHED, for which a CLOSE in SYN-RECEIVED has waited: its FIN goes before the answer to
    the segment that ended the handshake."""
    enter(tcb, FIN_WAIT_1, Reason.CLOSE_CALL, now)
    owed = tcb.acks.at_once
    emit.flush(tcb, now)
    tcb.acks.at_once = owed


def abort(tcb: Tcb, reason: Reason, now: int) -> bool:
    """ABORT (3.10.5): RST where the peer must be told, queues destroyed, CLOSED. Tell whether a
    RST was sent.

    In CLOSING and LAST-ACK with everything sent the RFC sends nothing: both sides have closed.
    An administrator's ends both in silence, whatever waits to be sent.
    """
    state = tcb.state
    if state is CLOSED:
        return False
    sent_all = tcb.fin_seq != UNSET
    silent = state is SYN_SENT or (
        state in (CLOSING, LAST_ACK)
        and reason is not Reason.UNREAD_AT_CLOSE
        and tcb.profile.closing.abort_after_fin_sent is AbortAfterFin.SILENT
        and (sent_all or reason is Reason.KILLED)
    )
    if not silent:
        emit.send_reset(tcb, reason, now)
    gone(tcb, reason, now)
    return not silent


def destroy_queues(tcb: Tcb, reason: Reason, now: int) -> None:
    """Throw the send queue away, and what lies beyond a gap in the receive queue."""
    sent = min(tcb.sent_end(), tcb.sendq.end)
    start, end = tcb.sendq.start, tcb.sendq.end
    tcb.sendq.clear()
    if sent > start and tcb.scribe is not None:
        tcb.scribe.write(Destroyed(tcb.conn, Queue.UNACKED, start, sent, reason), now)
    if end > sent and tcb.scribe is not None:
        tcb.scribe.write(Destroyed(tcb.conn, Queue.UNSENT, sent, end, reason), now)
    discard_beyond_gap(tcb, reason, now)


def discard_beyond_gap(tcb: Tcb, reason: Reason, now: int) -> None:
    """Throw away what waits for a gap to close: it will not."""
    for begin, text in tcb.recvq.clear_beyond_gap():
        if tcb.scribe is not None:
            last = begin + len(text)
            tcb.scribe.write(Destroyed(tcb.conn, Queue.OUT_OF_ORDER, begin, last, reason), now)


def discard_unread(tcb: Tcb, reason: Reason, now: int) -> None:
    """Throw away what was received in order and never read: nobody can read it any more."""
    first, last = tcb.recvq.read, tcb.recvq.ready
    tcb.recvq.clear_unread()
    tcb.fin_unread = False
    if last > first and tcb.scribe is not None:
        tcb.scribe.write(Destroyed(tcb.conn, Queue.UNREAD, first, last, reason), now)


def gone(tcb: Tcb, reason: Reason, now: int, *, error: int = 0) -> None:
    """Enter CLOSED: no timer, no send queue; what was received in order stays readable."""
    destroy_queues(tcb, reason, now)
    tcb.timers.stop_all()
    tcb.acks.forget()
    enter(tcb, CLOSED, reason, now)
    if error:
        tcb.fail(error, reason, now)
    else:
        tcb.wake(READABLE | WRITABLE | HANGUP | READ_HANGUP)


def reset_errno(tcb: Tcb) -> int:
    """Return the errno that a RST of the peer sets, by the state it finds."""
    rules = tcb.profile.errors
    if tcb.state is SYN_SENT:
        return errno.ECONNREFUSED
    if tcb.state is SYN_RECEIVED and not tcb.passive:
        return rules.reset_in_syn_received_active
    if tcb.state is CLOSE_WAIT:
        return rules.reset_in_close_wait
    return errno.ECONNRESET


def unacked(tcb: Tcb) -> int:
    """Return how many bytes are queued and not acknowledged, sent or not; a queued FIN counts one.

    It does not change any more when the connection is gone; a SYN that was refused is one too.
    While the connection is being opened nothing counts.
    """
    if tcb.state is SYN_RECEIVED:
        return 0
    if tcb.state is CLOSED:
        # the FIN of a shutdown() that waited for ESTABLISHED was never in the queue
        fin = tcb.fin_queued and (tcb.fin_seq != UNSET or tcb.syn_acked())
        written = tcb.iss + 1 + tcb.sendq.end + fin
        return (written - tcb.snd_una) & seq.MASK if tcb.snd_nxt != tcb.iss else 0
    return len(tcb.sendq) + int(tcb.fin_queued and not tcb.fin_acked())
