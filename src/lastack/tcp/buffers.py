"""How much the two queues of a connection hold (SO_SNDBUF, SO_RCVBUF, autotuning).

Sizes are bytes of kernel memory, as getsockopt() tells them; text fills a little less of it,
because a kernel also accounts for the packet around the text. The figures and the script that
measures them are in docs/kernel-notes/buffers.md.
"""

from __future__ import annotations

from typing import Final

from lastack.profile import BufferRules, WindowOpens

_HEADERS: Final = 512
"""Kernel memory beside the text of one packet, before it is rounded up to a power of two."""
_DESCRIPTOR: Final = 256
"""Kernel memory of one packet's descriptor."""
_CHUNK_MEMORY: Final = 832
"""Kernel memory beside the text of one chunk of the send queue."""
_LARGEST_CHUNK: Final = 65535


def chunk_size(mss: int, largest_window: int) -> int:
    """Return how much text the send queue keeps together: half the peer's largest window.

    A kernel hands such a chunk to the network card, which cuts it into segments.
    """
    half = min(largest_window // 2, _LARGEST_CHUNK)
    return max(half - half % mss, mss)


def packet_memory(mss: int) -> int:
    """Return the memory that one full-sized packet is charged for when the send buffer grows."""
    return (1 << (mss + _HEADERS - 1).bit_length()) + _DESCRIPTOR


class Buffers:
    """Limits of the send and the receive queue of one socket.

    space: how many bytes of text the receive queue can hold. at_once: all that is free of it is
    the window; in_segments: without window scale whole segments of it are. They are asked for with
    every segment, and so are kept. read_per_trip: the most that the program took in a round trip,
    at first a guess (rcv_space).
    """

    __slots__ = ("rules", "send", "receive", "space", "at_once", "in_segments", "send_fixed",
                 "receive_fixed", "lowat", "read_per_trip")  # fmt: skip

    def __init__(self, rules: BufferRules) -> None:
        self.rules = rules
        self.send = rules.send_default
        self.at_once = rules.window_opens is WindowOpens.AT_ONCE
        self.in_segments = rules.unscaled_in_segments and not self.at_once
        self._hold(rules.receive_default)
        self.send_fixed = False
        self.receive_fixed = False
        self.lowat = 0
        self.read_per_trip = 0

    def _hold(self, memory: int) -> None:
        self.receive = memory
        self.space = int(memory * self.rules.window_share)

    def copy(self) -> Buffers:
        """Return the buffers that an accepted connection inherits."""
        twin = Buffers(self.rules)
        twin.send = self.send
        twin._hold(self.receive)
        twin.send_fixed, twin.receive_fixed = self.send_fixed, self.receive_fixed
        twin.lowat = self.lowat
        return twin

    def set_send(self, value: int) -> None:
        """SO_SNDBUF: `value` bytes as the program asked for."""
        self.send = self._set(value, self.rules.send_floor)
        self.send_fixed = True

    def set_receive(self, value: int) -> None:
        """SO_RCVBUF: `value` bytes as the program asked for."""
        self._hold(self._set(value, self.rules.receive_floor))
        self.receive_fixed = True

    def _set(self, value: int, floor: int) -> int:
        size = min(value & 0xFFFF_FFFF, self.rules.set_max)
        return max(2 * size if self.rules.doubles else size, floor)

    def may_begin(self, queued: int, blocks: int, unsent: int) -> bool:
        """Tell whether another block may be queued behind so many bytes in so many blocks.

        It may as long as the memory is below the limit, which is therefore passed by less than one
        block, and less is unsent than TCP_NOTSENT_LOWAT says.
        """
        if queued + blocks * _CHUNK_MEMORY >= self.send:
            return False
        return unsent < (self.lowat or self.rules.notsent_lowat)

    def writable(self, queued: int, blocks: int, unsent: int) -> bool:
        """Tell whether a writer that was refused is woken: enough of the buffer is free, and less
        than half of TCP_NOTSENT_LOWAT is unsent."""
        if 2 * unsent >= (self.lowat or self.rules.notsent_lowat):
            return False
        used = queued + blocks * _CHUNK_MEMORY
        return used <= self.send * (1 - self.rules.writable_share)

    def scale(self, usual: int) -> int:
        """Return the window scale to offer; `usual` is what the largest buffer needs. It can tell
        half of a buffer that does not grow."""
        if self.receive_fixed and self.rules.scale_fits_fixed:
            return min(usual, max((self.receive // 2).bit_length() - 16, 0))
        return usual

    def window(self, free: int, unit: int, before: int, segment: int) -> int:
        """Return a window that the field can tell with the window scale: a multiple of `unit`; not
        less than what is left of the one `before` (SHLD-14).

        Down to 0 it goes only from 0, whatever the system does with the rest. In steps it opens by
        a `segment` or half of the buffer at least, the Fr of section 3.8.6.2.2 (MUST-39).
        """
        rest = free % unit
        if rest and (self.rules.window_rounds_up or free < unit):
            rest -= unit
        opens = free - rest - before
        if opens <= 0 or (self.rules.window_steps and opens < min(segment, self.space // 2)):
            return before + (-before % unit if self.rules.window_rounds_up else 0)
        return free - rest

    def whole(self, free: int, left: int, offered: int, segment: int) -> int:
        """Return a window that no scale makes coarser: as many whole segments as are `free`, but
        the one `offered` last stays while that is less than a segment away; never less than what
        is `left` of that (SHLD-14)."""
        segment = min(segment, self.space)
        if offered <= free - segment or offered > free:
            return max(free - free % segment, left)
        if segment == self.space and free > offered + self.space // 2:
            return max(free, left)
        return max(offered, left)

    def first_window(self, mss: int) -> int:
        """Return the first window: half the buffer in whole segments; the field of a SYN may not
        be able to tell it."""
        if self.at_once:
            return min(self.space, 0xFFFF)
        half = self.receive // 2
        return half - half % mss if half > mss else half

    def before_text(self, segment: int) -> int:
        """Return how far the window may open before any text shows what text takes of the buffer:
        half of it, less a `segment` where it holds several (tcp_init_buffer_space)."""
        if self.at_once:
            return self.space
        half = self.receive // 2
        return max(2 * segment, half - segment) if half > 2 * segment else half

    def opened(self, mss: int) -> None:
        """The handshake is done: a buffer that is the window holds whole segments of the peer."""
        if self.at_once:
            self._hold(-(-self.receive // mss) * mss)

    def grow_send(self, segments: int, mss: int) -> bool:
        """Grow the send buffer to two windows of `segments`; tell whether it grew."""
        if self.send_fixed or not self.rules.autotune:
            return False
        wanted = min(2 * segments * packet_memory(mss), self.rules.send_max)
        if wanted <= self.send:
            return False
        self.send = wanted
        return True

    def takes(self, used: int) -> bool:
        """Tell whether a segment is taken behind so many bytes: the window was promised, and its
        right edge may lie a little beyond the buffer, which then grows for it unless SO_RCVBUF
        fixed it (tcp_clamp_window)."""
        if used <= self.receive:
            return True
        if self.receive_fixed or not self.rules.autotune:
            return False
        self.receive = min(used, self.rules.receive_max)
        return used <= self.receive

    def grow_receive(self, copied: int) -> None:
        """Grow the receive buffer: the program took so much in a round trip, more than before."""
        if not self.receive_fixed and self.rules.autotune:
            window = 2 * copied
            window += 2 * window * (copied - self.read_per_trip) // self.read_per_trip
            wanted = min(int(window / self.rules.window_share), self.rules.receive_max)
            self._hold(max(self.receive, wanted))
        self.read_per_trip = copied
