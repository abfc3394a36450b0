"""UDP on this host (RFC 768): who holds which port, and the datagrams that nobody has read yet.

UDP has ports of its own, beside TCP's, and no TIME-WAIT. A port is exclusive unless its holders
and the newcomer all set SO_REUSEADDR, or all SO_REUSEPORT; any automatic port is free of others.
Measured: docs/kernel-notes/datagrams.md.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

from lastack.profile import PortRules, S
from lastack.tcp import Buffers
from lastack.trace import Arrived, Dropped, ErrorSet, Reason, Scribe, Sent
from lastack.wire import ANY4, Datagram, Flow, IcmpMessage, Packet, is_any, is_loopback, itself

from .errors import errno_of, may_pass
from .ports import Binding, PortError, Ports, flow_hint
from .timewaits import TimeWaits

BROADCAST: Final = b"\xff\xff\xff\xff"
"""255.255.255.255: every host on the link (RFC 919)."""

_READABLE: Final = 0x001
_ERROR: Final = 0x008
_PROTOCOL: Final = 17
_PORT_UNREACHABLE: Final = {4: (3, 3), 16: (1, 4)}
"""By the length of an address."""

_BURST: Final = 6
_MOST_TOLD: Final = 1024

_ROOM: Final = 576
_AROUND: Final = 379
_DESCRIPTOR: Final = 256
_LARGEST_LINEAR: Final = 16_004


def charge(size: int) -> int:
    """Return the bytes of SO_RCVBUF that a datagram of `size` bytes takes while it is queued.

    A kernel charges the memory of the packet: descriptor, headers, and the text rounded up to a
    power of two, or above 16,004 bytes in pages (docs/kernel-notes/datagrams.md, on loopback).
    """
    if size > _LARGEST_LINEAR:
        return size + _ROOM + _DESCRIPTOR
    needed = size + _AROUND
    return (_ROOM if needed <= _ROOM else 1 << (needed - 1).bit_length()) + _DESCRIPTOR


class Mailbox:
    """What a UDP socket has on its host: a port, perhaps a peer, and the queue of arrivals.

    peer is (address, port) after connect(): nobody else's datagrams are taken then. owner is the
    file that is woken; buffers.receive is SO_RCVBUF in bytes; error is an errno not yet told, or 0;
    named is the address of bind(), the wildcard without.
    """

    __slots__ = (
        "conn", "binding", "owner", "buffers", "peer", "error", "named", "_queue", "_charged",
    )  # fmt: skip

    def __init__(self, conn: int, binding: Binding, owner: object, buffers: Buffers) -> None:
        self.conn = conn
        self.binding = binding
        self.owner = owner
        self.buffers = buffers
        self.peer: tuple[bytes, int] | None = None
        self.error = 0
        self.named = binding.address
        self._queue: deque[Datagram] = deque()
        self._charged = 0

    def take_error(self) -> int:
        """Return the pending error and forget it."""
        number, self.error = self.error, 0
        return number

    @property
    def first(self) -> Datagram | None:
        """The oldest datagram that has not been read."""
        return self._queue[0] if self._queue else None

    def take(self) -> None:
        """Forget the oldest datagram."""
        self._charged -= charge(len(self._queue.popleft().text))

    def behind(self, offset: int) -> tuple[Datagram, int] | None:
        """Return the datagram that has byte `offset` of the queue, and where in it."""
        for datagram in self._queue:
            if offset < len(datagram.text) or not offset:
                return datagram, offset
            offset -= len(datagram.text)
        return None

    def put(self, datagram: Datagram) -> bool:
        """Queue a datagram; False when it does not fit. An empty queue takes any."""
        size = charge(len(datagram.text))
        if self._queue and self._charged + size > self.buffers.receive:
            return False
        self._queue.append(datagram)
        self._charged += size
        return True

    def takes(self, flow: Flow) -> bool:
        """Tell whether a datagram to this mailbox's port is for it."""
        if not self.binding.closeness(flow.dst):
            return False
        return self.peer is None or self.peer == (flow.src, flow.sport)


class Machine(Protocol):
    """What the table needs of its host."""

    addresses: tuple[bytes, ...]
    scribe: Scribe | None
    _packets: list[Packet]

    def wake(self, owner: object, events: int) -> None:
        """Note news for a file."""

    def _source_for(self, remote: bytes) -> bytes:
        """Return the host's address towards `remote`; PortError ENETUNREACH."""


class Datagrams:
    """The UDP ports of one host. Every look-up costs O(sockets on that port)."""

    def __init__(self, host: Machine, rules: PortRules, seed: int = 0) -> None:
        self._host = host
        # No parity: of UDP's ports connect() and bind() choose from all alike.
        self._ports = Ports(replace(rules, parity=False), TimeWaits(0, seed), seed)
        self._boxes: dict[int, list[Mailbox]] = {}
        self._limit = ErrorLimit()

    # -- for sockets ---------------------------------------------------------------------------

    def bind(self, box: Mailbox, address: bytes, port: int) -> None:
        """Give an unbound mailbox an address (or the wildcard, or the broadcast address) and a
        port; 0 chooses one.

        PortError: EADDRNOTAVAIL, EADDRINUSE; `bind_exhausted` when there is none to choose.
        """
        self._ports.bind(box.binding, address, port, (*self._host.addresses, BROADCAST))
        box.named = address
        self._boxes.setdefault(box.binding.port, []).append(box)

    def bind_address(self, box: Mailbox, address: bytes) -> None:
        """Give an unbound mailbox an address and no port yet; PortError EADDRNOTAVAIL."""
        self._ports.bind_address(box.binding, address, (*self._host.addresses, BROADCAST))

    def bind_any(self, box: Mailbox) -> None:
        """Choose a port for a mailbox that has none; PortError EAGAIN when all are taken."""
        if box.binding.port:
            return
        try:
            self.bind(box, box.binding.address, 0)
        except PortError as error:
            raise PortError(errno.EAGAIN, error.reason, error.holders) from None

    def connect(self, box: Mailbox, address: bytes, port: int) -> None:
        """Take datagrams from this peer only, at the address that it is reached from.

        PortError: ENETUNREACH, EINVAL from loopback to elsewhere, EAGAIN.
        """
        remote = itself(address)
        source = self._source(box, remote)
        self.bind_any(box)
        box.binding.address = source
        box.peer = (remote, port)

    def disconnect(self, box: Mailbox) -> None:
        """Forget the peer, and with it an address and a port that nobody named."""
        if box.peer is None:
            return
        box.peer = None
        if box.binding.chosen:
            self.release(box)
        box.binding.address = box.named

    @property
    def in_use(self) -> bool:
        """Whether a socket has a port."""
        return bool(self._boxes)

    def send(
        self, box: Mailbox, data: bytes, address: bytes, port: int, now: int, *,
        source: bytes = ANY4, tos: int = 0, ttl: int = 64,
    ) -> None:  # fmt: skip
        """Send one datagram; PortError as `connect`, and ENETUNREACH for a source that is none of
        the host's. It leaves the host at once: the queue that may overflow is the link's, so that
        no send buffer is ever full."""
        self.bind_any(box)
        remote = itself(address)
        if is_any(source):
            source = self._source(box, remote)
        elif not self._is_ours(source):
            raise PortError(errno.ENETUNREACH, Reason.ADDRESS_NOT_OURS)
        flow = Flow(source, box.binding.port, remote, port)
        datagram = Datagram(flow, data, tos=tos, ttl=ttl, number=self._next_number())
        self._emit(datagram, box.conn, now)

    def release(self, box: Mailbox) -> None:
        """Give the port back. What has not been read is gone, and nobody is told."""
        boxes = self._boxes.get(box.binding.port, [])
        if box in boxes:
            boxes.remove(box)
            if not boxes:
                del self._boxes[box.binding.port]
        self._ports.release(box.binding)

    def _source(self, box: Mailbox, remote: bytes) -> bytes:
        local = box.binding.address
        if is_any(local) or local == BROADCAST:
            return self._host._source_for(remote)
        if is_loopback(local) and not self._is_ours(remote):
            raise PortError(errno.EINVAL, Reason.ADDRESS_NOT_OURS)
        return local

    def _emit(self, packet: Datagram | IcmpMessage, conn: int, now: int) -> None:
        self._host._packets.append(packet)
        if self._host.scribe is not None:
            self._host.scribe.write(Sent(conn, packet.number, packet, 0, 0, False), now)

    def _next_number(self) -> int:
        scribe = self._host.scribe
        return scribe.journal.next_packet() if scribe is not None else 0

    def _is_ours(self, address: bytes) -> bool:
        return is_loopback(address) or address in self._host.addresses

    # -- from below ----------------------------------------------------------------------------

    def arrives(self, datagram: Datagram, now: int) -> None:
        """Queue a datagram at the socket that it is for, or drop it with its reason.

        Broadcasts go to every socket of the port that takes them. Where nobody takes it, the
        sender is told: port unreachable.
        """
        flow = datagram.flow
        ours = self._is_ours(flow.dst)
        takers = self._takers(flow) if ours or flow.dst == BROADCAST else []
        scribe = self._host.scribe
        if scribe is not None:
            conn = takers[0].conn if takers else 0
            scribe.begin(Arrived(conn, datagram.number, datagram), now)
            if not takers:
                why = Reason.PORT_CLOSED if ours else Reason.NOT_FOR_US
                scribe.write(Dropped(0, datagram.number, why), now)
        if ours and not takers:
            self._refuse(datagram, now)
        for box in takers:
            if box.put(datagram):
                self._host.wake(box.owner, _READABLE)
            elif scribe is not None:
                full = Reason.RECEIVE_BUFFER_FULL
                scribe.write(Dropped(box.conn, datagram.number, full), now)

    def _refuse(self, datagram: Datagram, now: int) -> None:
        flow = datagram.flow
        if self._is_ours(flow.src) or self._limit.allows(flow.src, now):
            back = Flow(flow.dst, 0, flow.src, 0)
            said = IcmpMessage(
                back,
                *_PORT_UNREACHABLE[len(flow.src)],
                flow,
                0,
                protocol=_PROTOCOL,
                number=self._next_number(),
            )
            self._emit(said, 0, now)

    def icmp_arrives(self, message: IcmpMessage, now: int) -> bool:
        """Take an ICMP error about a datagram of ours; False when it is not about UDP.

        Only a socket with a peer is told, by its next call, and only of what will not pass.
        """
        if message.protocol != _PROTOCOL:
            return False
        takers = self._takers(message.quoted.reversed())
        box = takers[0] if takers else None
        scribe = self._host.scribe
        if scribe is not None:
            conn = 0 if box is None else box.conn
            scribe.begin(Arrived(conn, message.number, message), now)
        number = 0 if may_pass(message) else errno_of(message)
        if box is None or box.peer is None or not number:
            if scribe is not None:
                why = Reason.NO_CONNECTION if box is None else Reason.ICMP_IGNORED
                scribe.write(Dropped(0, message.number, why), now)
            return True
        box.error = number
        if scribe is not None:
            scribe.write(ErrorSet(box.conn, number, Reason.UNREACHABLE), now)
        self._host.wake(box.owner, _ERROR)
        return True

    def _takers(self, flow: Flow) -> Sequence[Mailbox]:
        boxes = [box for box in self._boxes.get(flow.dport, ()) if box.takes(flow)]
        if len(boxes) < 2 or flow.dst == BROADCAST:
            return boxes
        best = max(_fit(box, flow) for box in boxes)
        boxes = [box for box in boxes if _fit(box, flow) == best]
        if all(box.binding.reuseport for box in boxes):
            # One flow always reaches the same of them; which one is the hash's to say.
            return [boxes[flow_hint(flow.dst, flow.src, flow.sport) % len(boxes)]]
        return [boxes[-1]]


class ErrorLimit:
    """How often a host is told that a port is unreachable: 6 times in a row, then once a second
    (net.ipv4.icmp_ratelimit, by a token bucket). Loopback has no limit."""

    def __init__(self) -> None:
        self._told: dict[bytes, tuple[int, int]] = {}

    def allows(self, address: bytes, now: int) -> bool:
        """Tell whether an error may be sent to the address now, and count it."""
        saved, since = self._told.pop(address, (_BURST * S, now))
        saved = min(saved + now - since, _BURST * S)
        allowed = saved >= S
        self._told[address] = (saved - S if allowed else saved, now)
        if len(self._told) > _MOST_TOLD:
            del self._told[next(iter(self._told))]  # whoever was told least recently
        return allowed


def _fit(box: Mailbox, flow: Flow) -> tuple[int, bool]:
    """Return how well a socket that takes a datagram fits: address first, then peer."""
    return box.binding.closeness(flow.dst), box.peer is not None
