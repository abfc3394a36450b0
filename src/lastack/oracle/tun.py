"""A TUN device in a namespace: what the kernel sends on it we read, what we write reaches it.

The kernel has the near address of a point-to-point link, whoever holds the device plays the far
end. Whole IP packets in both directions, with checksums, no offload.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import struct
from collections.abc import Iterable
from typing import Final

from lastack.wire import Packet, WireError, build, parse

from .namespace import Namespace, NoNamespace

_TUNSETIFF: Final = 0x400454CA
_IFF_TUN_NO_PI: Final = 0x0001 | 0x1000
_LARGEST: Final = 1 << 16


class Tun:
    """The device `link` of a namespace, up, with addresses. A context manager.

    It is non-blocking: `receive` returns what is there. `fileno` is for select().
    """

    def __init__(
        self, space: Namespace, link: str, near: str, far: str, *, mtu: int = 1500
    ) -> None:
        self._fd = space.call(lambda: _open(link))
        try:
            space.ip(f"link set {link} mtu {mtu}")
            space.ip(f"link set {link} up")
            space.address(link, near, far)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Tun:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the device away."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._fd

    def wait(self, seconds: float) -> bool:
        """Wait until the kernel has sent something; False after `seconds`."""
        return bool(select.select([self._fd], [], [], max(seconds, 0))[0])

    def receive(self) -> bytes | None:
        """Return the next packet that the kernel sent, None if there is none."""
        try:
            return os.read(self._fd, _LARGEST)
        except BlockingIOError:
            return None

    def receive_packets(self) -> list[Packet]:
        """Return all that the kernel has sent and that `wire` understands."""
        found = []
        while data := self.receive():
            with contextlib.suppress(WireError):
                found.append(parse(data))
        return found

    def send(self, data: bytes) -> None:
        """Let a packet reach the kernel; OSError (EIO) while the link is down."""
        os.write(self._fd, data)

    def send_packets(self, packets: Iterable[Packet]) -> None:
        """Let packets reach the kernel, in order."""
        for packet in packets:
            self.send(build(packet))


def _open(link: str) -> int:
    try:
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise NoNamespace(f"/dev/net/tun: {error.strerror}") from None
    try:
        fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", link.encode(), _IFF_TUN_NO_PI))
    except BaseException:
        os.close(fd)
        raise
    return fd
