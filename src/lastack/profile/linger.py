"""What SO_LINGER makes close(2) do; read by `sockets/linger.py` and nobody else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .rule import S, rule


class WaitsFor(Enum):
    """What a lingering close() waits for."""

    FIN_ACKED = "our FIN is acknowledged"
    DATA_ACKED = "every byte is acknowledged"
    DATA_SENT = "every byte has been sent once"


class NonblockingLinger(Enum):
    """What a lingering close() does on a non-blocking socket."""

    WAITS = "waits all the same"
    RETURNS = "returns at once, the connection closes in the background"
    REFUSES = "fails with EWOULDBLOCK and leaves the socket open"


class LingerRange(Enum):
    """Which l_linger setsockopt() takes."""

    ANY = "any int, negative waits for ever"
    EDOM = "0 to 65535, else EDOM"
    U16 = "the low 16 bits"


@dataclass(frozen=True)
class LingerRules:
    """SO_LINGER on one system."""

    linger_supported: bool = rule(
        True, "SO_LINGER exists; else ENOPROTOOPT", source="docs/kernel-notes/linger.md"
    )
    unit_ns: int = rule(
        S, "what one l_linger stands for", unit="ns", source="docs/kernel-notes/linger.md"
    )
    waits_for: WaitsFor = rule(
        WaitsFor.FIN_ACKED, "what close() waits for", source="docs/kernel-notes/linger.md"
    )
    nonblocking: NonblockingLinger = rule(
        NonblockingLinger.WAITS, "l_linger > 0 with O_NONBLOCK",
        source="docs/kernel-notes/linger.md",
    )  # fmt: skip
    expiry_errno: int = rule(
        0, "errno of close() when the time is up, 0 for success",
        source="docs/kernel-notes/linger.md",
    )  # fmt: skip
    expiry_aborts: bool = rule(
        False, "when the time is up the queue is destroyed and a RST sent",
        source="docs/kernel-notes/linger.md",
    )  # fmt: skip
    signal_errno: int = rule(
        0, "errno of close() when a signal cuts the wait short, 0 for success",
        source="docs/kernel-notes/linger.md",
    )  # fmt: skip
    seconds_range: LingerRange = rule(
        LingerRange.ANY, "which l_linger setsockopt() takes", source="docs/kernel-notes/linger.md"
    )
    off_keeps_seconds: bool = rule(
        True, "setting (0, n) leaves the stored l_linger as it was",
        source="docs/kernel-notes/linger.md",
    )  # fmt: skip
