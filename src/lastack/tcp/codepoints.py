"""The codepoints of the IP headers that have come (RFC 3168 section 5), for TCP_INFO."""

from __future__ import annotations

from typing import Final

NOT_ECT: Final = 0
ECT1: Final = 1
ECT: Final = 2
"""ECT(0), the codepoint of a sender that understands marks."""
CE: Final = 3
"""Congestion experienced."""


class Codepoints:
    """`marked`: segments with CE; `octets`: those of their text, by codepoint."""

    __slots__ = ("marked", "octets")

    def __init__(self) -> None:
        self.marked = 0
        self.octets = [0, 0, 0, 0]

    def came(self, codepoint: int, size: int) -> None:
        """A segment with a codepoint, and with so much text, was taken."""
        self.marked += codepoint == CE
        self.octets[codepoint] += size


NONE_CAME: Final = Codepoints()
"""Those of every connection to which only NOT-ECT has come."""
