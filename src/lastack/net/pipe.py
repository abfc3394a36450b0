"""What carries packets out of the process: a TUN device, or what an embedder has instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class Pipe(Protocol):
    """One end of a real link; whole IP packets, one at a time, as bytes."""

    mtu: int
    """Largest packet, IP header included, in octets."""
    offload: bool
    """Whether the other side fills in checksums, so that those that arrive mean nothing."""

    def send(self, packets: Iterable[bytes]) -> None:
        """Hand packets on; what the link has no room for is lost, as on any link."""
        ...

    def receive(self) -> list[bytes]:
        """Return what has arrived, without waiting; empty when nothing has."""
        ...
