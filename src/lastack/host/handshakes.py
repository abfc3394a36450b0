"""Handshakes at a listening socket: requests, SYN cookies, and the last ACK (3.10.7.2, 3.10.7.4).

A request is a connection in SYN-RECEIVED that is not in the accept queue yet. When there are more
of them than the backlog, the next SYN is answered by a cookie, and nothing is kept.
"""

from __future__ import annotations

from typing import Final, Protocol

from lastack.profile import FullQueue, FullRequests, Profile, S
from lastack.state import CLOSED, SYN_RECEIVED
from lastack.tcp import Buffers, Connection, Entry
from lastack.trace import Dropped, Opened, Reason, Scribe, Sent
from lastack.wire import ABSENT, ACK, CWR, ECE, RST, SYN, Flow, Segment, copy_segment

from . import cookies
from .endpoint import Endpoint, Listener
from .listen import judge
from .ports import Binding, Ports

_VALID_NS: Final = 120 * S
"""How long after the last cookie an ACK may be that of one."""
_MOST_NOTED: Final = 1024
_READABLE: Final = 0x001


class Desk(Protocol):
    """What a host does for its handshakes."""

    profile: Profile
    ports: Ports
    scribe: Scribe | None

    def new_conn(self) -> int:
        """Return the number of a new incarnation."""

    def send(self, seg: Segment) -> None:
        """Queue a segment that belongs to no connection."""

    def settle(self, endpoint: Endpoint, now: int) -> None:
        """Collect what a connection has to send and to tell."""

    def wake(self, owner: object, events: int) -> None:
        """Note news for a file."""

    def reply_reset(self, seg: Segment, reason: Reason, conn: int, now: int) -> None:
        """Answer a segment that belongs to no connection."""

    def new_connection(
        self, flow: Flow, buffers: Buffers, conn: int, maxseg: int, iss: int,
        scribe: Scribe | None, now: int,
    ) -> Connection:  # fmt: skip
        """Return a connection that no table has yet."""

    def new_endpoint(
        self, flow: Flow, binding: Binding, buffers: Buffers, conn: int, maxseg: int,
        old: Entry | None, now: int, iss: int = -1,
    ) -> Endpoint:  # fmt: skip
        """Enter a connection into the table; `iss` is chosen unless it is given."""


class Handshakes:
    """Every handshake that a host's listening sockets have under way."""

    def __init__(self, host: Desk, secret: bytes) -> None:
        self._host = host
        self._secret = secret
        # Only for the trace, so that it can tell which SYN a cookie answered: flow -> (conn, SYN)
        self._noted: dict[Flow, tuple[int, int]] = {}

    # -- LISTEN --------------------------------------------------------------------------------

    def arrives(
        self, listener: Listener, seg: Segment, now: int, *, old: Entry | None = None
    ) -> None:
        """A segment without a connection arrives at a listening socket; `old` is the TIME-WAIT
        that its SYN has ended."""
        host = self._host
        verdict = judge(seg, host.profile.acceptance, full=listener.full)
        if verdict is Reason.SYN_ARRIVED:
            self.syn_arrives(listener, seg, old, now)
        elif verdict is Reason.ACK_IN_LISTEN:
            if not self._cookie_returns(listener, seg, now):
                host.reply_reset(seg, verdict, listener.conn, now)
        else:
            self._drop(listener, seg, verdict, now)

    def _drop(self, listener: Listener, seg: Segment, reason: Reason, now: int) -> None:
        if self._host.scribe is not None:
            self._host.scribe.write(Dropped(listener.conn, seg.number, reason), now)

    def syn_arrives(self, listener: Listener, seg: Segment, old: Entry | None, now: int) -> None:
        """A SYN begins a request; `old` is the TIME-WAIT that it takes the place of."""
        host = self._host
        rule = host.profile.start.full_requests
        if old is None and listener.crowded and rule is not FullRequests.KEPT:
            if rule is FullRequests.COOKIES:
                self._answer_by_cookie(listener, seg, now)
            else:
                self._drop(listener, seg, Reason.REQUESTS_FULL, now)
            return
        endpoint = self._begin(listener, seg.flow.reversed(), host.new_conn(), seg.number, old, now)
        listener.requests.add(endpoint)
        endpoint.connection.syn_arrives(seg, now)
        host.settle(endpoint, now)

    def _begin(
        self, listener: Listener, flow: Flow, conn: int, syn: int, old: Entry | None, now: int,
        iss: int = -1,
    ) -> Endpoint:  # fmt: skip
        host = self._host
        binding = host.ports.inherit(listener.binding, flow.src)
        maxseg = listener.options.maxseg
        endpoint = host.new_endpoint(
            flow, binding, listener.buffers.copy(), conn, maxseg, old, now, iss
        )
        endpoint.listener = listener
        endpoint.connection.set_ip_fields(listener.options.ip_fields(flow))
        if host.scribe is not None:
            host.scribe.write(Opened(conn, flow, False, syn), now)
        return endpoint

    # -- cookies -------------------------------------------------------------------------------

    def _answer_by_cookie(self, listener: Listener, seg: Segment, now: int) -> None:
        """Answer a SYN as a connection would that is forgotten at once."""
        host, flow = self._host, seg.flow.reversed()
        iss = cookies.make(flow, seg.seq, seg.mss, self._secret, now)
        answer = self._answer(listener, flow, iss, seg, now)
        if answer.tsval == ABSENT:
            # Nothing but a timestamp could carry the other options.
            plain = copy_segment(seg, seg.number)
            plain.wscale, plain.sack_ok = ABSENT, False
            plain.flags &= ~(ECE | CWR)
            answer = self._answer(listener, flow, iss, plain, now)
        number = host.scribe.journal.next_packet() if host.scribe is not None else 0
        answer = copy_segment(answer, number)
        if answer.tsval != ABSENT:
            answer.tsval = cookies.stamp(answer.tsval, seg, ecn=bool(answer.flags & ECE))
        listener.cookies_until = now + _VALID_NS
        host.send(answer)
        if host.scribe is not None:
            conn = self._note(flow, seg.number)
            host.scribe.write(Sent(conn, number, answer, 0, 0, False), now)

    def _answer(self, listener: Listener, flow: Flow, iss: int, syn: Segment, now: int) -> Segment:
        """Return the SYN|ACK of a connection that nobody keeps."""
        once = self._host.new_connection(
            flow, listener.buffers.copy(), 0, listener.options.maxseg, iss, None, now
        )
        once.set_ip_fields(listener.options.ip_fields(flow))
        once.syn_arrives(syn, now)
        return once.take_segments(now)[0]

    def _note(self, flow: Flow, syn: int) -> int:
        if len(self._noted) >= _MOST_NOTED:
            del self._noted[next(iter(self._noted))]
        conn = self._host.new_conn()
        self._noted[flow] = conn, syn
        return conn

    def _cookie_returns(self, listener: Listener, seg: Segment, now: int) -> bool:
        """An ACK that belongs to nothing: if it returns a cookie, the connection is there."""
        if now > listener.cookies_until or seg.flags & (SYN | RST):
            return False
        host, flow = self._host, seg.flow.reversed()
        kept = cookies.check(flow, seg, self._secret, now)
        if kept is None:
            return False
        if listener.full:
            self._drop(listener, seg, Reason.ACCEPT_QUEUE_FULL, now)
            return True
        conn, syn = self._noted.pop(flow, (0, 0))
        iss = (seg.ack - 1) & 0xFFFFFFFF
        endpoint = self._begin(listener, flow, conn or host.new_conn(), syn, None, now, iss)
        tcp = endpoint.connection
        tcp.cookie_returns(cookies.syn_again(seg, kept, syn), now)
        tcp.may_establish(True)
        tcp.segment_arrives(seg, now)
        host.settle(endpoint, now)
        return True

    # -- SYN-RECEIVED --------------------------------------------------------------------------

    def refuses_last_ack(self, endpoint: Endpoint, seg: Segment, now: int) -> bool:
        """The ACK that ends a handshake needs a place in the accept queue, and a listener."""
        tcp = endpoint.connection
        listener = endpoint.listener
        if listener is None or tcp.state is not SYN_RECEIVED:
            return False
        tcp.may_establish(not listener.full)
        tcp.set_defer(listener.options.defer_accept)
        if listener.state is CLOSED:
            reason = Reason.LISTENER_CLOSED  # whatever it is, there is no such connection
        elif not seg.flags & ACK or seg.flags & (RST | SYN):
            return False
        elif listener.full and self._host.profile.start.full_queue is FullQueue.RESET:
            reason = Reason.ACCEPT_QUEUE_OVERFLOW
        else:
            return False
        self._host.reply_reset(seg, reason, tcp.conn, now)
        self._forget(endpoint, listener, reason, now)
        self._host.settle(endpoint, now)
        return True

    def lost(self, endpoint: Endpoint, now: int) -> bool:
        """A timer of a connection expires: one in SYN-RECEIVED whose listening socket is gone goes
        too, in silence (docs/kernel-notes/listen.md)."""
        listener = endpoint.listener
        if listener is None or listener.state is not CLOSED:
            return False
        self._forget(endpoint, listener, Reason.LISTENER_CLOSED, now)
        return True

    def _forget(self, endpoint: Endpoint, listener: Listener, reason: Reason, now: int) -> None:
        listener.requests.discard(endpoint)
        endpoint.listener = None
        endpoint.connection.vanish(reason, now)

    def settled(self, endpoint: Endpoint, listener: Listener) -> None:
        """Look whether a handshake is over: its connection joins the accept queue, or is gone."""
        state = endpoint.connection.state
        if state is SYN_RECEIVED:
            return
        listener.requests.discard(endpoint)
        if state is CLOSED:
            endpoint.listener = None  # the handshake failed
            return
        endpoint.queued = True
        endpoint.inherited = listener.options.copy()
        listener.queue.append(endpoint)
        self._host.wake(listener.owner, _READABLE)
