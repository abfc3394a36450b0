"""How much the queues hold (SO_SNDBUF, SO_RCVBUF, tcp_rmem, tcp_wmem)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .rule import rule


class WindowOpens(Enum):
    """How the receive buffer becomes a window."""

    GRADUALLY = "the SYN offers half of it; more as text arrives; RCV.WND is what was offered"
    AT_ONCE = "all that is free is offered, and is RCV.WND also where the field cannot tell it"


@dataclass(frozen=True)
class BufferRules:
    """Buffer sizes of one system, in bytes of kernel memory; queued text is a little less."""

    receive_default: int = rule(
        131072, "first receive buffer; net.ipv4.tcp_rmem[1]", unit="bytes",
        source="docs/kernel-notes/buffers.md",
    )  # fmt: skip
    receive_max: int = rule(
        33554432, "largest automatic receive buffer; net.ipv4.tcp_rmem[2]", unit="bytes",
        source="docs/kernel-notes/buffers.md",
    )  # fmt: skip
    send_default: int = rule(
        16384, "first send buffer; net.ipv4.tcp_wmem[1]", unit="bytes",
        source="docs/kernel-notes/buffers.md",
    )  # fmt: skip
    send_max: int = rule(
        4194304, "largest automatic send buffer; net.ipv4.tcp_wmem[2]", unit="bytes",
        source="docs/kernel-notes/buffers.md",
    )  # fmt: skip
    set_max: int = rule(
        4194304, "largest SO_SNDBUF and SO_RCVBUF; net.core.wmem_max, rmem_max", unit="bytes",
        source="docs/kernel-notes/buffers.md",
    )  # fmt: skip
    send_floor: int = rule(
        4608, "least send buffer after setsockopt()", unit="bytes",
        source="docs/kernel-notes/buffers.md",
    )  # fmt: skip
    receive_floor: int = rule(
        2304, "least receive buffer after setsockopt()", unit="bytes",
        source="docs/kernel-notes/buffers.md",
    )  # fmt: skip
    doubles: bool = rule(
        True, "setsockopt() stores twice the value it is given",
        source="docs/kernel-notes/buffers.md",
    )  # fmt: skip
    autotune: bool = rule(
        True, "buffers grow while their size was not set by setsockopt()",
        source="docs/kernel-notes/buffers.md",
    )  # fmt: skip
    trains: bool = rule(
        True, "several segments leave in one piece, whose last one has PSH",
        source="docs/kernel-notes/acks.md",
    )  # fmt: skip
    train_least: int = rule(
        2, "least segments that leave in one piece where cwnd has room; net.ipv4.tcp_min_tso_segs",
        unit="segments", source="docs/kernel-notes/sending.md",
    )  # fmt: skip
    train_share: int = rule(
        3, "a train waits for the next ACK while the windows have room for less than this part of"
        " themselves, 0: for less than four segments; net.ipv4.tcp_tso_win_divisor",
        source="docs/kernel-notes/sending.md",
    )  # fmt: skip
    window_opens: WindowOpens = rule(
        WindowOpens.GRADUALLY, "how the buffer becomes a window",
        source="docs/kernel-notes/buffers.md",
    )  # fmt: skip
    window_steps: bool = rule(
        False, "the window opens by a segment or half of the buffer at least",
        source="docs/kernel-notes/buffers.md",
    )  # fmt: skip
    window_rounds_up: bool = rule(
        True, "a window that the window scale cannot tell becomes the next larger one",
        source="docs/kernel-notes/buffers.md",
    )  # fmt: skip
    unscaled_in_segments: bool = rule(
        True, "without window scale RCV.WND is whole segments of the peer, and may be more than "
        "the field can tell", source="docs/kernel-notes/found.md",
    )  # fmt: skip
    scale_fits_fixed: bool = rule(
        True, "with SO_RCVBUF set the window scale offered is no larger than that buffer needs",
        source="docs/kernel-notes/buffers.md",
    )  # fmt: skip
    window_share: float = rule(
        249 / 256, "part of the receive buffer that text can fill",
        source="docs/kernel-notes/buffers.md",
    )  # fmt: skip
    notsent_lowat: int = rule(
        0xFFFF_FFFF, "so much unsent text makes a writer wait; net.ipv4.tcp_notsent_lowat",
        unit="bytes", source="docs/kernel-notes/sending.md",
    )  # fmt: skip
    writable_share: float = rule(
        1 / 3, "part of the send buffer that must be free to wake a writer",
        source="docs/kernel-notes/buffers.md",
    )  # fmt: skip
