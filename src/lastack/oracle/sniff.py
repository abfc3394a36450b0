"""Packets of a namespace as they pass, by packet(7): whole IP packets with the kernel's times."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from typing import Final

from lastack.wire import Direction, Frame

from .namespace import Namespace

_ETH_P_ALL: Final = 0x0003
_ETHERTYPES: Final = frozenset({0x0800, 0x86DD})
_SOL_PACKET, _STATISTICS, _AUXDATA = 263, 6, 8
_SO_TIMESTAMPNS: Final = 35
_SO_RCVBUFFORCE: Final = 33
_ROOM: Final = 64 << 20
_LARGEST: Final = 1 << 18
_OUTGOING: Final = 4
_TICK: Final = 0.05
_ICMP6, _HOP_BY_HOP = 58, 0
_NEIGHBOURS: Final = frozenset({130, 131, 132, 133, 134, 135, 136, 143})
"""ICMPv6 types of multicast listener and neighbour discovery (RFC 3810, RFC 4861)."""


class Sniffer:
    """Captures what passes the interfaces of namespaces, from its making to `stop`.

    `frames` are in the order in which they were read; `lost` is how many the kernel had no room
    for; nothing is late here. What a host sends to itself stands once, as on libpcap's lo.
    """

    def __init__(self, namespaces: list[Namespace]) -> None:
        self.frames: list[Frame] = []
        self.lost = 0
        self.late = 0
        self._sockets = [space.call(_socket) for space in namespaces]
        self._numbers = {sock.fileno(): number for number, sock in enumerate(self._sockets)}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read_all, name="sniffer", daemon=True)
        self._thread.start()

    def stop(self) -> list[Frame]:
        """Read what is there and end; return the frames in the order of time."""
        self._over.set()
        self._thread.join()
        for sock in self._sockets:
            raw = sock.getsockopt(_SOL_PACKET, _STATISTICS, 8)
            self.lost += struct.unpack("II", raw)[1]
            sock.close()
        self._sockets.clear()
        self.frames.sort(key=lambda frame: frame.at)
        return self.frames

    @property
    def last(self) -> int:
        """When the last packet passed, ns since 1970; 0 before the first."""
        return self.frames[-1].at if self.frames else 0

    def _read_all(self) -> None:
        buffer = bytearray(_LARGEST)
        while True:
            over = self._over.is_set()
            ready, _, _ = select.select(self._sockets, [], [], 0 if over else _TICK)
            for sock in ready:
                with contextlib.suppress(BlockingIOError):
                    for _ in range(1000):
                        self._take(sock, buffer)
            if over and not ready:
                return

    def _take(self, sock: socket.socket, buffer: bytearray) -> None:
        size, ancillary, _, address = sock.recvmsg_into([buffer], 256)
        name, protocol, kind = address[:3]
        if protocol not in _ETHERTYPES or (name == "lo" and kind == _OUTGOING):
            return
        if finds_neighbours(buffer[:size]):
            return
        at, length = 0, size
        for level, number, value in ancillary:
            if (level, number) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
                whole, part = struct.unpack("qq", value[:16])
                at = whole * 1_000_000_000 + part
            elif (level, number) == (_SOL_PACKET, _AUXDATA):
                length = max(size, struct.unpack_from("III", value)[1])
        direction = Direction.OUT if kind == _OUTGOING else Direction.IN
        number = self._numbers[sock.fileno()]
        self.frames.append(Frame(at, number, bytes(buffer[:size]), length, direction))


def finds_neighbours(data: bytes | bytearray) -> bool:
    """Say whether a packet does for IPv6 what ARP does for IPv4; no connection sees either."""
    if len(data) < 41 or data[0] >> 4 != 6:
        return False
    at = 40
    protocol = data[6]
    if protocol == _HOP_BY_HOP:
        protocol, at = data[40], 48 + 8 * data[41]
    return protocol == _ICMP6 and len(data) > at and data[at] in _NEIGHBOURS


def _socket() -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
    sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _ROOM)
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    sock.setsockopt(_SOL_PACKET, _AUXDATA, 1)
    sock.setblocking(False)
    return sock
