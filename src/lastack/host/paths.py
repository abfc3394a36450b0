"""What ICMP told of the MTU of a path, kept for the connections that come later (RFC 1191 section
6.3; docs/kernel-notes/icmp.md)."""

from __future__ import annotations

from typing import Final

_MOST: Final = 4096


class Paths:
    """MTUs by the address at the end of the path, each for `kept` ns."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._told: dict[bytes, tuple[int, int]] = {}

    def learn(self, address: bytes, mtu: int, now: int) -> None:
        """A packet to the address was too big. A larger MTU than the one that is known says
        nothing."""
        if 0 < self.told(address, now) < mtu:
            return
        self._told.pop(address, None)
        if len(self._told) >= _MOST:
            del self._told[next(iter(self._told))]  # the one that was told first
        self._told[address] = mtu, now + self._kept

    def told(self, address: bytes, now: int) -> int:
        """Return the MTU that is known of the path to an address, 0 for none."""
        mtu, until = self._told.get(address, (0, now))
        return mtu if now < until else 0
