"""A hand-made TCP peer on a TUN device: it says what it is told and never reacts by itself.

The kernel is 10.9.0.1, the peer 10.9.0.2; on a `Tun6` fd09::1 and fd09::2. All sequence numbers,
in and out, are relative: 0 is the SYN of the side whose numbers they are. Flags are written as
tcpdump does, PSH left out: "S", "S.", ".", "F.", "R", "R.". Window scale, timestamps and
SACK when asked for.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass

import lab

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
KERNEL, PEER = "10.9.0.1", "10.9.0.2"
BITS = {"F": 1, "S": 2, "R": 4, "P": 8, ".": 16, "U": 32, "E": 64, "W": 128}
MASK = 0xFFFFFFFF


@dataclass(frozen=True)
class Segment:
    """What the kernel sent: time.monotonic(), flags, relative numbers, payload size, window,
    whether it has a timestamp, the urgent pointer, the ECN bits of the IP header, PSH, the rest of
    the type of service, and the time to live."""

    at: float
    flags: str
    seq: int
    ack: int
    size: int
    window: int
    stamped: bool
    up: int = 0
    mark: int = 0
    pushed: bool = False
    tos: int = 0
    ttl: int = 0

    def __str__(self) -> str:
        ack = f" ack={self.ack}" if "." in self.flags else ""
        return (
            f"{self.flags} seq={self.seq}{ack}"
            + (f" len={self.size}" if self.size else "")
            + (f" urg={self.up}" if self.up else "")
        )


def shown(segments: list[Segment]) -> str:
    """Segments on one line; "nothing" when there is none."""
    return ", ".join(map(str, segments)) or "nothing"


def checksum(data: bytes) -> int:
    """RFC 1071."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(protocol: int, payload: bytes, mark: int = 0) -> bytes:
    """A datagram from the peer to the kernel."""
    addresses = socket.inet_aton(PEER) + socket.inet_aton(KERNEL)
    head = struct.pack("!BBHHHBBH", 0x45, mark, 20 + len(payload), 0, 0x4000, 64, protocol, 0)
    head += addresses
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


class Tun:
    """The device; sorts what arrives by (peer's port, kernel's port)."""

    family = socket.AF_INET
    kernel, peer, prefix = KERNEL, PEER, "24"
    header = 20

    def __init__(self) -> None:
        self.fd = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH22x", b"peer0", IFF_TUN | IFF_NO_PI))
        self.set_up()
        self.inbox: dict[tuple[int, int], deque[tuple[float, bytes, int, int]]] = {}

    def set_up(self) -> None:
        """Give the kernel its address."""
        lab.shell(f"ip addr add {self.kernel}/{self.prefix} dev peer0 && ip link set peer0 up")

    def addresses(self, source: str, destination: str) -> bytes:
        """Both addresses as they stand in headers."""
        return b"".join(socket.inet_pton(self.family, one) for one in (source, destination))

    def write(self, protocol: int, payload: bytes, mark: int = 0) -> None:
        """Let the peer send a datagram."""
        os.write(self.fd, ipv4(protocol, payload, mark))

    def pump(self, timeout: float) -> bool:
        """Read one datagram within `timeout` seconds; False when there was none."""
        if not select.select([self.fd], [], [], max(0.0, timeout))[0]:
            return False
        raw = os.read(self.fd, 65536)
        if raw[0] >> 4 == 4 and raw[9] == socket.IPPROTO_TCP:
            self.take(raw[(raw[0] & 15) * 4 : struct.unpack("!H", raw[2:4])[0]], raw[1], raw[8])
        return True

    def take(self, tcp: bytes, tos: int, ttl: int) -> None:
        """Keep a segment of the kernel's for its connection."""
        kernel_port, peer_port = struct.unpack("!HH", tcp[:4])
        box = self.inbox.setdefault((peer_port, kernel_port), deque())
        box.append((time.monotonic(), tcp, tos, ttl))


class Tun6(Tun):
    """The same with IPv6 addresses."""

    family = socket.AF_INET6
    kernel, peer, prefix = "fd09::1", "fd09::2", "64"
    header = 40

    def set_up(self) -> None:
        """Give the kernel its address; `nodad` makes it usable at once."""
        lab.shell(f"ip addr add {self.kernel}/64 dev peer0 nodad && ip link set peer0 up")

    def write(self, protocol: int, payload: bytes, mark: int = 0) -> None:
        """Let the peer send a packet."""
        head = struct.pack("!IHBB", 6 << 28 | mark << 20, len(payload), protocol, 64)
        os.write(self.fd, head + self.addresses(self.peer, self.kernel) + payload)

    def pump(self, timeout: float) -> bool:
        """Read one packet within `timeout` seconds; False when there was none."""
        if not select.select([self.fd], [], [], max(0.0, timeout))[0]:
            return False
        raw = os.read(self.fd, 65536)
        if raw[0] >> 4 == 6 and raw[6] == socket.IPPROTO_TCP:
            self.take(raw[40:], (raw[0] << 8 | raw[1]) >> 4 & 255, raw[7])
        return True


class Peer:
    """One connection end (or, before `open` and `connect`, one port) of the hand-made peer."""

    def __init__(
        self, tun: Tun, port: int = 7, *, timestamps: bool = False, isn: int = 1_000_000,
        sack: bool = False,
    ) -> None:  # fmt: skip
        self.tun, self.port, self.kernel_port = tun, port, 0
        self.sack = sack
        self.timestamps, self.clock, self.echo = timestamps, 500_000, 0
        self.scale = -1
        """The window scale to offer, -1 for none."""
        self.bare = False
        """Send SYNs without MSS."""
        self.isn, self.kernel_isn = isn, 0
        self.window = 65535
        self.next = 0
        """The next sequence number to send."""
        self.seen = 0
        """One past the last sequence number that the kernel sent."""

    def send(
        self,
        flags: str,
        *,
        seq: int | None = None,
        ack: int | None = None,
        data: bytes = b"",
        clock: int | None = None,
        stamped: bool = True,
        up: int = 0,
        held: tuple[tuple[int, int], ...] = (),
        mark: int = 0,
    ) -> None:
        """Send one segment; without `seq` it is the next one, without `ack` it acknowledges all.
        `held`: SACK blocks, in the kernel's relative numbers."""
        first = self.next if seq is None else seq
        bits = sum(BITS[flag] for flag in flags)
        acked = 0 if "." not in flags else self.seen if ack is None else ack
        field = (acked + self.kernel_isn) & MASK if "." in flags else 0
        options = b"\2\4" + struct.pack("!H", 1480 - self.tun.header) if "S" in flags else b""
        if self.bare:
            options = b""
        if self.scale >= 0 and "S" in flags:
            options += b"\1\3\3" + bytes([self.scale])
        if self.sack and "S" in flags:
            options += b"\1\1\4\2"
        if self.timestamps and stamped:
            self.clock += 1
            value = self.clock if clock is None else clock
            options += b"\1\1\x08\x0a" + struct.pack("!II", value, self.echo)
        if held:
            options += b"\1\1\5" + bytes([2 + 8 * len(held)])
            for left, right in held:
                edges = (left + self.kernel_isn) & MASK, (right + self.kernel_isn) & MASK
                options += struct.pack("!II", *edges)
        offset = (20 + len(options)) // 4 << 4
        ports = struct.pack("!HH", self.port, self.kernel_port)
        numbers = struct.pack("!II", (first + self.isn) & MASK, field)
        head = ports + numbers + struct.pack("!BBHHH", offset, bits, self.window, 0, up)
        pseudo = self.tun.addresses(self.tun.peer, self.tun.kernel)
        pseudo += struct.pack("!HH", socket.IPPROTO_TCP, len(head + options + data))
        check = struct.pack("!H", checksum(pseudo + head + options + data))
        self.tun.write(socket.IPPROTO_TCP, head[:16] + check + head[18:] + options + data, mark)
        if seq is None:
            self.next += len(data) + ("S" in flags) + ("F" in flags)

    def icmp(self, kind: int, code: int, *, seq: int = 1, mtu: int = 0) -> None:
        """Send an ICMP error (RFC 792) about the kernel's segment `seq`."""
        head = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0x4000, 64, socket.IPPROTO_TCP, 0)
        head += socket.inet_aton(KERNEL) + socket.inet_aton(PEER)
        quoted = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        number = (seq + self.kernel_isn) & MASK
        quoted += struct.pack("!HHI", self.kernel_port, self.port, number)
        message = struct.pack("!BBHHH", kind, code, 0, 0, mtu) + quoted
        message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
        os.write(self.tun.fd, ipv4(socket.IPPROTO_ICMP, message))

    def icmp6(self, kind: int, code: int, *, seq: int = 1, mtu: int = 0) -> None:
        """Send an ICMPv6 error (RFC 4443) about the kernel's segment `seq`."""
        quoted = struct.pack("!IHBB", 6 << 28, 20, socket.IPPROTO_TCP, 64)
        quoted += self.tun.addresses(self.tun.kernel, self.tun.peer)
        number = (seq + self.kernel_isn) & MASK
        quoted += struct.pack("!HHI", self.kernel_port, self.port, number) + bytes(12)
        message = struct.pack("!BBHI", kind, code, 0, mtu) + quoted
        pseudo = self.tun.addresses(self.tun.peer, self.tun.kernel)
        pseudo += struct.pack("!II", len(message), socket.IPPROTO_ICMPV6)
        message = message[:2] + struct.pack("!H", checksum(pseudo + message)) + message[4:]
        self.tun.write(socket.IPPROTO_ICMPV6, message)

    def _parse(self, at: float, raw: bytes, tos: int, ttl: int) -> Segment:
        seq, ack, offset, bits, window = struct.unpack("!IIBBH", raw[4:16])
        flags = "".join(flag for flag, bit in BITS.items() if bits & bit and flag != "P")
        if "S" in flags:
            self.kernel_isn = seq
        head = offset >> 4 << 2
        size = len(raw) - head
        relative = (seq - self.kernel_isn) & MASK
        if "R" not in flags:
            end = relative + size + ("S" in flags) + ("F" in flags)
            self.seen = end if "S" in flags else max(self.seen, end)
        at_option = max(raw.find(fill + b"\x08\x0a", 20, head) for fill in (b"\1\1", b"\4\2")) + 4
        stamped = at_option > 4
        if stamped:
            self.echo = struct.unpack("!I", raw[at_option : at_option + 4])[0]
        if "R" in flags and seq == 0:
            relative = 0  # a reply to a segment without ACK has the field 0, not a number of ours
        mine = (ack - self.isn) & MASK if "." in flags else ack
        (up,) = struct.unpack("!H", raw[18:20])
        return Segment(
            at,
            flags,
            relative,
            mine,
            size,
            window,
            stamped,
            up,
            tos & 3,
            bool(bits & 8),
            tos & ~3,
            ttl,
        )

    def receive(self, timeout: float = 0.5) -> Segment | None:
        """The next segment from the kernel on this connection, None after `timeout` seconds."""
        box = self.tun.inbox.setdefault((self.port, self.kernel_port), deque())
        end = time.monotonic() + timeout
        while not box:
            if not self.tun.pump(end - time.monotonic()) and time.monotonic() >= end:
                return None
        return self._parse(*box.popleft())

    def collect(self, seconds: float, *, acknowledge: bool = False) -> list[Segment]:
        """All that comes in that time; with `acknowledge` each segment that has length is acked."""
        segments, end = [], time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            segment = self.receive(left)
            if segment:
                segments.append(segment)
                if acknowledge and (segment.size or "F" in segment.flags):
                    self.send(".")
        return segments

    def ask(self, flags: str, *, wait: float = 0.1, **what: object) -> str:
        """Send a segment and show what the kernel answers within `wait` seconds."""
        self.collect(0.005)
        self.send(flags, **what)  # type: ignore[arg-type]
        return shown(self.collect(wait))

    def open(
        self, *options: tuple[int, int, int | bytes], port: int = 0, rtt: float = 0.0
    ) -> socket.socket:
        """Let the kernel connect to this peer, which answers after `rtt` seconds; options are
        (level, name, value)."""
        sock = socket.socket(self.tun.family)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for level, name, value in options:
            sock.setsockopt(level, name, value)
        sock.bind((self.tun.kernel, port))
        self.start(sock)
        self.receive()
        time.sleep(rtt)
        self.send("S.")
        assert self.receive() is not None, "the kernel did not complete the handshake"
        sock.setblocking(True)
        return sock

    def start(self, sock: socket.socket) -> None:
        """Begin a non-blocking connect of a bound socket to this peer."""
        self.kernel_port = sock.getsockname()[1]
        sock.setblocking(False)
        sock.connect_ex((self.tun.peer, self.port))

    def connect(self, listener: socket.socket) -> socket.socket:
        """Connect to the kernel's listener; returns the accepted socket."""
        self.kernel_port = listener.getsockname()[1]
        self.send("S")
        assert self.receive() is not None, "no SYN-ACK"
        self.send(".")
        listener.settimeout(2)
        accepted, _ = listener.accept()
        accepted.setblocking(True)
        return accepted


def connected(
    *options: tuple[int, int, int | bytes], timestamps: bool = False, sack: bool = False
) -> tuple[socket.socket, Peer]:
    """(kernel's socket, peer) of a fresh connection that the kernel opened."""
    peer = Peer(Tun(), timestamps=timestamps, sack=sack)
    return peer.open(*options), peer


def listening(backlog: int = 8, port: int = 0) -> tuple[socket.socket, Peer]:
    """(kernel's listener, unconnected peer that knows its port)."""
    listener = socket.socket()
    peer = Peer(Tun())
    listener.bind((KERNEL, port))
    listener.listen(backlog)
    peer.kernel_port = listener.getsockname()[1]
    return listener, peer
