"""The UDP socket: the calls of socket(7) and udp(7) as attempts that never block.

Measured: docs/kernel-notes/datagrams.md. There is no multicast: it fails with the errno of a
kernel that has none, instead of doing nothing.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from lastack.host import BROADCAST, Host, Mailbox, PortError
from lastack.tcp import Buffers
from lastack.trace import Called, ErrorTold, Refused, Returned
from lastack.wire import ANY4, Datagram, is_loopback, show_endpoint

from . import addresses, names
from .common import check_how, get_common, set_common, unknown_level
from .control import LINK_INDEX, LOOPBACK_INDEX, Control, IpOptions, brought, fit, wish, wish6
from .errors import os_error
from .files import AGAIN, ERR, HUP, IN, OUT, RDHUP, File, NotNow
from .ip_options import LEVELS, get_ip_option, set_ip_option
from .linger import Linger, parse_linger, show_linger

LARGEST: Final = 65_507
"""Largest text of a datagram: 65,535 octets without the headers of IPv4 and UDP (RFC 768)."""
LARGEST6: Final = 65_527
"""The same over IPv6, whose own header is not counted (RFC 8200 section 3)."""
BUFFER: Final = 212_992
"""SO_RCVBUF and SO_SNDBUF of a new socket (net.core.rmem_default, wmem_default)."""

_INT: Final = struct.Struct("i")


class Received(NamedTuple):
    """What recvmsg(2) gives: the text as far as it was wanted, its length as it was sent, and
    who sent it; `source` is None when the socket was shut down instead, and over a stream.

    flags are MSG_TRUNC and MSG_CTRUNC; rights are the files of SCM_RIGHTS, each held once.
    """

    text: bytes
    length: int
    source: tuple[bytes, int] | None
    control: tuple[Control, ...] = ()
    flags: int = 0
    rights: tuple[File, ...] = ()


class UdpSocket(File):
    """An AF_INET (or AF_INET6) SOCK_DGRAM socket of one host."""

    kind = "udp"

    def __init__(self, host: Host, family: int = names.AF_INET) -> None:
        super().__init__()
        self.host = host
        self.family = family
        self.conn = host.new_conn()
        self.buffers = Buffers(host.profile.buffers)
        self.buffers.send = self.buffers.receive = BUFFER
        binding = addresses.new_binding(family, host.profile.ports)
        self.box = Mailbox(self.conn, binding, self, self.buffers)
        self.linger = Linger()
        self.ip = IpOptions()
        self._corked: tuple[bytes, bytes, int] | None = None
        self._flags = {names.SO_BROADCAST: 0, names.SO_KEEPALIVE: 0}
        self._named = False
        self._shut_read = False
        self._shut_write = False

    @property
    def listening(self) -> bool:
        """Whether a program named the port and takes datagrams from anybody: a server's socket."""
        return self._named and self.box.peer is None

    # -- names ---------------------------------------------------------------------------------

    def bind(self, address: bytes, port: int, now: int, *, scope: int = 0) -> None:
        """bind(2). EINVAL when it has a port already, EADDRNOTAVAIL, EADDRINUSE, and the errors of
        `addresses.to_bind`. With IP_BIND_ADDRESS_NO_PORT port 0 leaves the choice to later."""
        binding = self.box.binding
        if binding.port:
            raise os_error(errno.EINVAL)
        address = addresses.to_bind(binding, self.family, address, scope)
        try:
            if port == 0 and self.ip.no_port:
                self.host.datagrams.bind_address(self.box, address)
            else:
                self.host.datagrams.bind(self.box, address, port)
            binding.v6only = addresses.v6only_after(binding)
        except PortError as error:
            raise self._refuse("bind", error, now) from None
        self._named = port != 0

    def connect(self, address: bytes, port: int, now: int, *, scope: int = 0) -> None:
        """connect(2): remember the peer, and take datagrams from nobody else. Nothing is sent,
        and it may be repeated. EACCES for a broadcast address without SO_BROADCAST, EINVAL,
        ENETUNREACH, the errors of `addresses.to_reach`."""
        address = addresses.to_reach(self.box.binding, self.family, address, scope)
        self._may_send_to(address)
        try:
            self.host.datagrams.connect(self.box, address, port)
        except PortError as error:
            raise self._refuse("connect", error, now) from None

    def disconnect(self, now: int) -> None:
        """connect(2) to AF_UNSPEC: take datagrams from anybody again; what connect() chose of the
        name is given back. Nothing happens without a peer."""
        self.host.datagrams.disconnect(self.box)

    def getsockname(self) -> tuple[bytes, int]:
        """getsockname(2): the wildcard and port 0 while unbound."""
        binding = self.box.binding
        return addresses.shown(binding.address, self.family), binding.port

    def getpeername(self) -> tuple[bytes, int]:
        """getpeername(2); ENOTCONN before connect()."""
        if self.box.peer is None:
            raise os_error(errno.ENOTCONN)
        address, port = self.box.peer
        return addresses.shown(address, self.family), port

    def describe(self) -> str:
        """Return the socket for people: "UDP 0.0.0.0:53"."""
        local = show_endpoint(*self.getsockname())
        if self.box.peer is None:
            return f"UDP {local}"
        return f"UDP {local} > {show_endpoint(*self.getpeername())}"

    # -- data ----------------------------------------------------------------------------------

    def send(
        self, data: bytes | memoryview, flags: int, now: int, *, control: Sequence[Control] = ()
    ) -> int:
        """send(2) to the peer of connect(); EDESTADDRREQ without one, else as `send_to`."""
        if self.box.peer is None:
            self._take_port("send", now)
            raise os_error(errno.EMSGSIZE if len(data) > LARGEST else errno.EDESTADDRREQ)
        return self._send(data, flags, *self.box.peer, now, control)

    def send_to(
        self, data: bytes | memoryview, flags: int, address: bytes, port: int, now: int, *,
        control: Sequence[Control] = (), scope: int = 0,
    ) -> int:  # fmt: skip
        """sendto(2): one datagram, whole; a socket without a port gets one. MSG_MORE keeps it
        back, and what the next calls send joins it.

        EOPNOTSUPP for MSG_OOB, EMSGSIZE above 65,507 bytes (65,527 over IPv6), EINVAL for port 0,
        EACCES for a broadcast without SO_BROADCAST, EPIPE after shutdown, ENETUNREACH, the errors
        of `addresses.to_reach`, or that which an earlier datagram met. `control` is that of
        sendmsg(2): IP_TTL, IP_TOS, IP_PKTINFO; IPV6_HOPLIMIT, IPV6_TCLASS, IPV6_PKTINFO.
        """
        address = addresses.to_reach(self.box.binding, self.family, address, scope)
        return self._send(data, flags, address, port, now, control)

    def _send(
        self, data: bytes | memoryview, flags: int, address: bytes, port: int, now: int,
        control: Sequence[Control],
    ) -> int:  # fmt: skip
        if flags & names.MSG_OOB:
            raise os_error(errno.EOPNOTSUPP)
        self._take_port("send", now)
        largest = LARGEST if len(address) == 4 else LARGEST6
        if len(data) > largest:
            raise os_error(errno.EMSGSIZE)
        if port == 0:
            raise os_error(errno.EINVAL)
        self._may_send_to(address)
        self._tell_error("send", now)
        if self._shut_write:
            raise os_error(errno.EPIPE)
        text = bytes(data)
        if self._corked is not None:
            text, address, port = self._corked[0] + text, *self._corked[1:]
            self._corked = None
            if len(text) > largest:
                raise os_error(errno.EMSGSIZE)
        if len(address) == len(ANY4):
            wanted = wish(control, self.ip, allow6=self.family == names.AF_INET6)
        else:
            wanted = wish6(control, self.ip, self._is_ours)
        if flags & names.MSG_MORE:
            self._corked = text, address, port
            return len(data)
        try:
            self.host.datagrams.send(
                self.box, text, address, port, now,
                source=wanted.source, tos=wanted.tos, ttl=wanted.ttl,
            )  # fmt: skip
        except PortError as error:
            raise self._refuse("send", error, now) from None
        return len(data)

    def recv(self, size: int, flags: int, now: int) -> bytes | NotNow:
        """recv(2): as `recv_from`, without the sender."""
        received = self.recv_from(size, flags, now)
        return received if received is AGAIN else received.text

    def recv_from(self, size: int, flags: int, now: int, *, room: int = 0) -> Received | NotNow:
        """recvfrom(2): the oldest datagram, of which what exceeds `size` is lost; MSG_PEEK leaves
        it. After SHUT_RD an empty queue reads as the end, but not where the call must not wait.
        `room`: octets for control data, as recvmsg(2) has them."""
        self._tell_error("recv", now)
        peek = bool(flags & names.MSG_PEEK)
        found = self.box.behind(self.peek_from if peek else 0)
        if found is None:
            waits = not (self.nonblocking or flags & names.MSG_DONTWAIT)
            return Received(b"", 0, None) if self._shut_read and waits else AGAIN
        first, skip = found
        if not peek:
            self.box.take()
        whole = first.text[skip:]
        text = whole[:size]
        self.looked(len(text) if peek else len(whole), peek=peek)
        control, told = fit(self._control(first), room)
        told |= names.MSG_TRUNC if len(whole) > size else 0
        source = addresses.shown(first.flow.src, self.family), first.flow.sport
        return Received(text, len(whole), source, control, told)

    def _control(self, datagram: Datagram) -> list[Control]:
        flow, ours = datagram.flow, self.host.addresses
        inside = is_loopback(flow.dst) or flow.src in ours
        index = LOOPBACK_INDEX if inside else LINK_INDEX
        local = flow.dst
        if local == BROADCAST:
            local = next((address for address in ours if len(address) == len(local)), ANY4)
        return brought(datagram, self.ip, index, local)

    def shutdown(self, how: int, now: int) -> None:
        """shutdown(2): sends nothing. Without a peer it fails with ENOTCONN and works all the
        same: a thread that waits in recv() returns."""
        check_how(how)
        self._shut_read = self._shut_read or how != names.SHUT_WR
        self._shut_write = self._shut_write or how != names.SHUT_RD
        self.host.wake(self, IN | OUT | RDHUP | HUP)
        if self.box.peer is None:
            raise os_error(errno.ENOTCONN)

    def ioctl(self, request: int) -> int:
        """ioctl(2): SIOCINQ, the size of the next datagram; SIOCOUTQ, always 0, also while
        MSG_MORE keeps text back; ENOTTY."""
        if request == names.SIOCINQ:
            return 0 if self.box.first is None else len(self.box.first.text)
        if request == names.SIOCOUTQ:
            return 0
        raise os_error(errno.ENOTTY)

    def _is_ours(self, address: bytes) -> bool:
        return is_loopback(address) or address in self.host.addresses

    def _take_port(self, call: str, now: int) -> None:
        try:
            self.host.datagrams.bind_any(self.box)
        except PortError as error:
            raise self._refuse(call, error, now) from None

    def _may_send_to(self, address: bytes) -> None:
        if address == BROADCAST and not self._flags[names.SO_BROADCAST]:
            raise os_error(errno.EACCES)

    # -- options -------------------------------------------------------------------------------

    def setsockopt(self, level: int, name: int, value: bytes, now: int) -> None:
        """setsockopt(2): SO_REUSEADDR, SO_REUSEPORT, SO_RCVBUF, SO_SNDBUF, SO_BROADCAST, those
        of `common` and of `ip_options`; SO_LINGER and SO_KEEPALIVE are stored and change nothing.
        ENOPROTOOPT for others."""
        if (level, name) == (names.SOL_SOCKET, names.SO_LINGER):
            stored = parse_linger(value, self.linger, self.host.profile.linger)
            if isinstance(stored, int):
                raise os_error(stored)
            self.linger = stored
            return
        if level in LEVELS:
            set_ip_option(self.ip, self.box.binding, self.family, level, name, value)
            return
        if level == names.SOL_SOCKET and set_common(self, name, value):
            return
        if level != names.SOL_SOCKET or name not in _CHANGEABLE:
            raise os_error(errno.ENOPROTOOPT)
        if len(value) < _INT.size:
            raise os_error(errno.EINVAL)
        number: int = _INT.unpack_from(value)[0]
        if name == names.SO_RCVBUF:
            self.buffers.set_receive(number)
        elif name == names.SO_SNDBUF:
            self.buffers.set_send(number)
        elif name == names.SO_REUSEADDR:
            self.box.binding.reuseaddr = number != 0
        elif name == names.SO_REUSEPORT:
            self.box.binding.reuseport = number != 0
        else:
            self._flags[name] = int(number != 0)

    def getsockopt(self, level: int, name: int, size: int, now: int) -> bytes:
        """getsockopt(2): at most `size` bytes; ENOPROTOOPT, for an unknown level of an AF_INET
        socket EOPNOTSUPP."""
        if level in LEVELS:
            binding = self.box.binding
            return get_ip_option(self.ip, binding, self.family, level, name, size, self._path_mtu)
        if level != names.SOL_SOCKET:
            raise os_error(unknown_level(self.family, level, _LEVELS_OF_UDP))
        common = get_common(self, name)
        if common is not None:
            return common[:size]
        if name == names.SO_LINGER:
            value = show_linger(self.linger, self.host.profile.linger)
            if isinstance(value, int):
                raise os_error(value)
            return value[:size]
        if name == names.SO_ERROR:
            return _INT.pack(self.take_error(now))[:size]
        binding = self.box.binding
        known = {
            names.SO_REUSEADDR: int(binding.reuseaddr), names.SO_REUSEPORT: int(binding.reuseport),
            names.SO_RCVBUF: self.buffers.receive, names.SO_SNDBUF: self.buffers.send,
            names.SO_TYPE: names.SOCK_DGRAM, names.SO_DOMAIN: self.family,
            names.SO_PROTOCOL: names.IPPROTO_UDP, names.SO_ACCEPTCONN: 0, **self._flags,
        }  # fmt: skip
        if name not in known:
            raise os_error(errno.ENOPROTOOPT)
        return _INT.pack(known[name])[:size]

    def _path_mtu(self) -> int:
        return 0 if self.box.peer is None else self.host.mtu_to(self.box.peer[0])

    def take_error(self, now: int) -> int:
        """SO_ERROR: the errno that nobody has been told yet, and forget it."""
        error = self.box.take_error()
        if error:
            self._note_told(error, "SO_ERROR", now)
        return error

    def _tell_error(self, call: str, now: int) -> None:
        error = self.box.take_error()
        if error:
            self._note_told(error, call, now)
            raise os_error(error)

    # -- readiness and the end -----------------------------------------------------------------

    def mask(self, now: int) -> int:
        """Return what poll(2) would (Linux udp_poll): always writable."""
        bits = OUT
        if self.box.first is not None:
            bits |= IN
        if self.box.error:
            bits |= ERR
        if self._shut_read:
            bits |= IN | RDHUP
        if self._shut_read and self._shut_write:
            bits |= HUP
        return bits

    def release(self, now: int, *, exiting: bool = False) -> None:
        """close(2), the last reference: never waits, whatever SO_LINGER says."""
        self.host.datagrams.release(self.box)
        self.box.binding.address = addresses.wildcard(self.family)

    # -- trace ---------------------------------------------------------------------------------

    def called(self, call: str, text: str, thread: str, now: int) -> None:
        """Write down that a program makes a call on this socket."""
        if self.host.scribe is not None:
            self.host.scribe.begin(Called(self.conn, call, text, thread), now)

    def returned(self, call: str, text: str, number: int, now: int) -> None:
        """Write down how the call ended; `number` is its errno, 0 for success."""
        if self.host.scribe is not None:
            self.host.scribe.write(Returned(self.conn, call, text, number), now)

    def _note_told(self, error: int, call: str, now: int) -> None:
        if self.host.scribe is not None:
            self.host.scribe.write(ErrorTold(self.conn, error, call), now)

    def _refuse(self, call: str, error: PortError, now: int) -> OSError:
        if self.host.scribe is not None:
            event = Refused(self.conn, call, error.errno, error.reason, error.holders)
            self.host.scribe.write(event, now)
        return os_error(error.errno)


_LEVELS_OF_UDP: Final = (names.IPPROTO_UDP, 136)  # and UDP-Lite
_CHANGEABLE: Final = frozenset(
    {
        names.SO_REUSEADDR, names.SO_REUSEPORT, names.SO_RCVBUF, names.SO_SNDBUF,
        names.SO_BROADCAST, names.SO_KEEPALIVE,
    }
)  # fmt: skip
