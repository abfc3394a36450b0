"""The TCP socket: the calls of socket(7) and tcp(7) as attempts that never block.

Each call either does its work, raises the errno of a real socket, or answers AGAIN and has changed
nothing; waiting is the front end's. Errors in the order in which Linux looks for them.
"""

from __future__ import annotations

import errno
import struct

from lastack.host import Endpoint, PortError
from lastack.state import CLOSED, SYN_RECEIVED, SYN_SENT
from lastack.tcp import Urgent
from lastack.trace import Called, Reason, Refused, Returned

from . import addresses, closing, names
from .common import check_how
from .control import Control, fit
from .datagram import Received
from .errors import os_error
from .files import AGAIN, ERR, HUP, IN, OUT, RDHUP, NotNow
from .linger import ClosePlan
from .options import get_option, set_option
from .parts import SocketParts
from .stored import SocketOptions

_OPENING = (SYN_SENT, SYN_RECEIVED)


class TcpSocket(SocketParts):
    """An AF_INET (or AF_INET6) SOCK_STREAM socket of one host."""

    __slots__ = ()

    # -- bind, listen, accept ------------------------------------------------------------------

    def bind(self, address: bytes, port: int, now: int, *, scope: int = 0) -> None:
        """bind(2). EINVAL when bound already, EADDRNOTAVAIL, EADDRINUSE, `addresses.to_bind`.

        It is how a program names its local address, and it may do without (MUST-43).
        With IP_BIND_ADDRESS_NO_PORT, port 0 leaves the choice of a port to connect() or listen().
        """
        if self.binding.port:
            raise os_error(errno.EINVAL)
        address = addresses.to_bind(self.binding, self.family, address, scope)
        try:
            if port == 0 and self.options.ip.no_port:
                self.host.ports.bind_address(self.binding, address, self.host.addresses)
            else:
                self.host.ports.bind(self.binding, address, port, self.host.addresses)
            self.binding.v6only = addresses.v6only_after(self.binding)
        except PortError as error:
            raise self._refuse("bind", error, now) from None
        self._named = address

    def listen(self, backlog: int, now: int) -> None:
        """listen(2): on an unbound socket a port is chosen; EINVAL when connected."""
        if self.listening and self.listener is not None:
            self.listener.set_backlog(backlog)
            return
        if self.endpoint is not None and self.state is not CLOSED:
            raise os_error(errno.EINVAL)
        try:
            if not self.binding.port:
                address = self.binding.address
                self.host.ports.bind(self.binding, address, 0, self.host.addresses)
            self.endpoint = None
            self.listener = self.host.listen(
                self.binding, backlog, self.options, self.buffers, self, self.conn
            )
        except PortError as error:
            raise self._refuse("listen", error, now) from None

    def accept(self, now: int) -> TcpSocket | NotNow:
        """accept(2): the oldest connection of the queue; EINVAL when not listening."""
        if self.listener is None or self.listener.state is CLOSED:
            raise os_error(errno.EINVAL)
        endpoint = self.listener.take()
        if endpoint is None:
            return AGAIN
        child = TcpSocket(self.host, self.family, endpoint)
        child._adopt(endpoint, now)
        return child

    def _adopt(self, endpoint: Endpoint, now: int) -> None:
        self.conn = endpoint.connection.conn
        self._opened = True
        if isinstance(endpoint.inherited, SocketOptions):
            self.options = endpoint.inherited
            self.receive_timeout, self.send_timeout = self.options.timeouts
        endpoint.owner = self
        endpoint.follows_path_mtu = self.options.ip.follows_path_mtu
        self.options.apply(endpoint.connection, now)
        if endpoint.connection.state is not CLOSED:
            self.host.settle(endpoint, now)  # a keep-alive timer may run from here on

    # -- connect -------------------------------------------------------------------------------

    def connect(self, address: bytes, port: int, now: int, *, scope: int = 0) -> NotNow | None:
        """connect(2), the first attempt: sends SYN. AGAIN while the handshake is under way.

        EISCONN, EALREADY (non-blocking, under way), EADDRNOTAVAIL, ENETUNREACH, the errors of
        `addresses.to_reach`, or that of an earlier attempt that nobody has been told.
        """
        if self.listening:
            raise os_error(errno.EISCONN)
        if self._connect_spoilt:
            raise os_error(errno.EINVAL)
        if self._connecting:
            if self.state in _OPENING:
                if self.nonblocking:
                    raise os_error(errno.EALREADY)
                return AGAIN
            return self.connected(now)
        if self.endpoint is not None:
            # what was connected is so until AF_UNSPEC, also when the connection is gone
            was = self.state is not CLOSED or self._may_reconnect()
            raise os_error(errno.EISCONN if was else errno.EINVAL)
        address = addresses.to_reach(self.binding, self.family, address, scope)
        if self._opened:
            self.conn = self.host.new_conn()
        self._forget_error()
        options = self.options
        try:
            self.endpoint = self.host.connect(
                self.binding, address, port, self.buffers, self, self.conn, options, now
            )
        except PortError as error:
            raise self._refuse("connect", error, now) from None
        self.endpoint.follows_path_mtu = options.ip.follows_path_mtu
        self.listener = None  # one that was shut down earlier
        self._opened = self._connecting = True
        if self._shut_read:
            self.endpoint.connection.shutdown_receive(now)
        options.apply(self.endpoint.connection, now)
        return AGAIN if self.state in _OPENING else self.connected(now)

    @property
    def connecting(self) -> bool:
        """Whether connect() was called and its handshake is under way."""
        return self._connecting and self.state in _OPENING

    def connected(self, now: int) -> NotNow | None:
        """connect(2), a later attempt: AGAIN, success, or the error of the handshake, once."""
        if self.state in _OPENING:
            return AGAIN
        self._connecting = False
        if self.state is not CLOSED or self.endpoint is None:
            return None
        error = self.endpoint.connection.take_error() or errno.ECONNABORTED
        self.tell(error, "connect", now)
        if self._may_reconnect():
            self.renew()
        raise os_error(error)

    def disconnect(self, now: int) -> None:
        """connect(2) to AF_UNSPEC: ABORT whatever there is, and be as new (RFC 9293 has no such
        call). The port and the address that bind() named stay. A thread that waits in a call is
        told what the call would be told now; Linux tells it EPIPE.
        """
        closing.dissolve(self, now)
        self._connecting = False

    def _may_reconnect(self) -> bool:
        return self.host.profile.ports.reconnect_after_refused

    # -- data ----------------------------------------------------------------------------------

    def send(self, data: bytes | memoryview, flags: int, now: int) -> int | NotNow:
        """send(2): queue at least one byte, and return how many; the data is copied.

        EPIPE after shutdown, after the end, and on a socket that never was connected.
        """
        if self.endpoint is None:
            raise os_error(self.take_error(now) or errno.EPIPE)
        tcp = self.endpoint.connection
        state, closing = tcp.state, tcp.fin_queued
        if state in _OPENING and not closing:
            tcp.note_early_send()
            return AGAIN
        if tcp.error:
            raise self._take("send", now)
        if closing or self._shut_write or state is CLOSED:
            raise os_error(errno.EPIPE)
        if len(data) == 0:
            return 0
        more = bool(flags & names.MSG_MORE)
        count = tcp.send(
            data, now, push_urgent=bool(flags & names.MSG_OOB), more=more,
            record=bool(flags & names.MSG_EOR),
        )  # fmt: skip
        self.host.settle(self.endpoint, now)
        if count and flags & names.MSG_ZEROCOPY and self.options.zerocopy:
            queue = self.error_queue(new=True)
            assert queue is not None
            queue.send_done()
            self.host.wake(self, ERR)
        return count if count else AGAIN

    def recv(self, size: int, flags: int, now: int) -> bytes | NotNow:
        """recv(2): up to `size` bytes, b"" at the end of the stream. MSG_PEEK leaves them;
        MSG_TRUNC throws them away, and zeros in their place say how many they were.

        ENOTCONN when never connected. What is queued comes before an error, and the peer's FIN
        too (docs/kernel-notes/peer-calls.md).
        """
        if flags & names.MSG_OOB:
            return self._recv_urgent(size, flags, now)
        if self.endpoint is None:
            error = self.take_error(now)
            killed = self.listener is not None and self.listener.killed
            if (killed or self._shut_read) and not error and not self.listening:
                return b""
            raise os_error(error or errno.ENOTCONN)
        tcp = self.endpoint.connection
        peek = bool(flags & names.MSG_PEEK)
        skip = self.peek_from if peek else 0
        if tcp.unread > skip and size:
            text = tcp.receive(skip + size, now, peek=peek)[skip:]
            self.host.settle(self.endpoint, now)
            if text:
                if self.peek_offset >= 0:
                    self.looked(len(text), peek=peek)
                return bytes(len(text)) if flags & names.MSG_TRUNC else text
            # else there was nothing but an urgent byte, which the stream leaves out
        if tcp.peer_closed or (size == 0 and tcp.unread):
            if size and not peek:
                tcp.end_read()
            return b""
        if tcp.error:
            raise self._take("recv", now)
        if tcp.read_shut or tcp.state is CLOSED:
            return b""
        return AGAIN

    def recv_error(self, size: int, room: int, now: int) -> Received:
        """recvmsg(2) with MSG_ERRQUEUE: `size` octets of what the oldest error is about, and its
        control data as far as `room` octets hold it. EAGAIN when there is none. An ICMP error that
        was read here is not told by another call any more."""
        queue = self.error_queue()
        if not queue:
            raise os_error(errno.EAGAIN)
        oldest = queue.take(self.family)
        if oldest.text:
            self.take_error(now)
        kept, flags = fit([oldest.control], room)
        flags |= names.MSG_ERRQUEUE | (names.MSG_TRUNC if len(oldest.text) > size else 0)
        return Received(oldest.text[:size], len(oldest.text), oldest.source, kept, flags)

    def brought(self, room: int) -> tuple[tuple[Control, ...], int]:
        """Return the control data that recvmsg(2) adds to what it has just read, as far as `room`
        octets hold it, and MSG_CTRUNC if that is not all: with TCP_INQ how much is left to read,
        a FIN counting one (docs/kernel-notes/control-data.md)."""
        if not self.options.inq or self.endpoint is None:
            return (), 0
        tcp = self.endpoint.connection
        left = struct.pack("i", tcp.unread + int(tcp.peer_closed))
        return fit([(names.IPPROTO_TCP, names.TCP_CM_INQ, left)], room)

    def _recv_urgent(self, size: int, flags: int, now: int) -> bytes:
        """MSG_OOB: the urgent byte. Never waits: EAGAIN when it is announced and not here yet,
        EINVAL when there is none, it was taken, or it is in line."""
        if self.listening:
            raise os_error(errno.ENOTCONN)
        if self.endpoint is None or self.options.inline:
            raise os_error(errno.EINVAL)
        tcp = self.endpoint.connection
        if tcp.urgent in (Urgent.NONE, Urgent.TAKEN):
            raise os_error(errno.EINVAL)
        if tcp.state is CLOSED and not tcp.peer_closed:
            raise os_error(errno.ENOTCONN)
        if tcp.urgent is Urgent.HERE:
            byte = tcp.receive_urgent(now, peek=bool(flags & names.MSG_PEEK))
            return byte[:size]
        if tcp.read_shut or tcp.state is CLOSED:
            return b""
        raise os_error(errno.EAGAIN)

    def shutdown(self, how: int, now: int) -> None:
        """shutdown(2). Never waits, whatever SO_LINGER says; ENOTCONN when there is no peer."""
        check_how(how)
        if self.listener is not None and self.listening:
            if how != names.SHUT_WR:
                closing.shut_listener(self, self.listener, now)
            return
        if self.endpoint is None:
            # It fails, and is remembered: a connection that comes later is born shut.
            self._shut_read = self._shut_read or how != names.SHUT_WR
            self._shut_write = self._shut_write or how != names.SHUT_RD
        if self._connecting and self.state is not SYN_SENT:
            self._connecting = False  # connect() has nothing left to tell
            self._connect_spoilt = self.state in (CLOSED, SYN_RECEIVED)
        if self.endpoint is None or self.state is CLOSED:
            raise os_error(errno.ENOTCONN)
        tcp = self.endpoint.connection
        if tcp.state is SYN_SENT:
            closing.dissolve(self, now, Reason.CLOSED_WHILE_CONNECTING)
            self._connecting = False
            return
        if how != names.SHUT_WR:
            tcp.shutdown_receive(now)
        if how != names.SHUT_RD:
            tcp.close(Reason.SHUTDOWN_CALL, now)
        self.host.settle(self.endpoint, now)

    # -- names and options ---------------------------------------------------------------------

    def getpeername(self) -> tuple[bytes, int]:
        """getpeername(2); ENOTCONN before and after the connection."""
        if self.endpoint is None or self.state in (CLOSED, SYN_SENT):
            raise os_error(errno.ENOTCONN)
        return self.peer

    def setsockopt(self, level: int, name: int, value: bytes, now: int) -> None:
        """setsockopt(2) with the value as bytes; ENOPROTOOPT for what is not supported."""
        set_option(self, level, name, value, now)

    def getsockopt(self, level: int, name: int, size: int, now: int) -> bytes:
        """getsockopt(2): at most `size` bytes."""
        return get_option(self, level, name, size, now)

    def ioctl(self, request: int) -> int:
        """ioctl(2): SIOCINQ, SIOCOUTQ (a queued FIN counts one), SIOCOUTQNSD, SIOCATMARK; EINVAL
        when it listens, ENOTTY for another request."""
        known = (names.SIOCINQ, names.SIOCOUTQ, names.SIOCOUTQNSD, names.SIOCATMARK)
        if request not in known:
            raise os_error(errno.ENOTTY)
        if self.listening and request != names.SIOCATMARK:
            raise os_error(errno.EINVAL)
        if self.endpoint is None:
            return 0
        tcp = self.endpoint.connection
        if request == names.SIOCINQ:
            return tcp.readable_before_mark
        if request == names.SIOCATMARK:
            return int(tcp.at_mark)
        return tcp.unacked if request == names.SIOCOUTQ else tcp.unsent

    # -- readiness and the end -----------------------------------------------------------------

    def mask(self, now: int) -> int:
        """Return the level of readiness as poll(2) would (docs/kernel-notes/peer-calls.md; Linux
        tcp_poll)."""
        listener = self.listener
        if listener is not None and listener.state is not CLOSED:
            return IN if listener.queue else 0
        if self.endpoint is None:
            bits = OUT | HUP | (ERR if self.error or self.error_queue() else 0)
            ended = self._shut_read or (listener is not None and listener.killed)
            return bits | IN | RDHUP if ended else bits
        bits = self.endpoint.connection.poll(shut_write=self._shut_write)
        return bits | ERR if self.error_queue() else bits

    def release(self, now: int, *, exiting: bool = False) -> ClosePlan | None:
        """close(2), the last reference: FIN, RST, or a plan of what to wait for (SO_LINGER)."""
        return closing.release(self, now, exiting=exiting)

    def still_closing(self, plan: ClosePlan, now: int) -> bool:
        """Tell whether a lingering close() has to wait on."""
        return closing.still_closing(self, plan, now)

    def finish_close(self, plan: ClosePlan, now: int, *, interrupted: bool = False) -> int:
        """End a lingering close(); return its errno, 0 for success."""
        return closing.finish_close(self, plan, now, interrupted=interrupted)

    # -- trace ---------------------------------------------------------------------------------

    def called(self, call: str, text: str, thread: str, now: int) -> None:
        """Write down that a program makes a call on this socket."""
        if self.host.scribe is not None:
            self.host.scribe.begin(Called(self.conn, call, text, thread), now)

    def returned(self, call: str, text: str, number: int, now: int) -> None:
        """Write down how the call ended; `number` is its errno, 0 for success."""
        if self.host.scribe is not None:
            self.host.scribe.write(Returned(self.conn, call, text, number), now)

    def _take(self, call: str, now: int) -> OSError:
        assert self.endpoint is not None
        error = self.endpoint.connection.take_error()
        self.tell(error, call, now)
        return os_error(error)

    def _refuse(self, call: str, error: PortError, now: int) -> OSError:
        if self.host.scribe is not None:
            event = Refused(self.conn, call, error.errno, error.reason, error.holders)
            self.host.scribe.write(event, now)
        return os_error(error.errno)
