"""The kernel's tables of TCP sockets, /proc/net/tcp and tcp6, of the calling thread's namespace."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lastack.profile import unmapped
from lastack.state import State
from lastack.wire import Flow, show_endpoint

STATES: Final = {
    1: State.ESTABLISHED, 2: State.SYN_SENT, 3: State.SYN_RECEIVED, 4: State.FIN_WAIT_1,
    5: State.FIN_WAIT_2, 6: State.TIME_WAIT, 7: State.CLOSED, 8: State.CLOSE_WAIT,
    9: State.LAST_ACK, 10: State.LISTEN, 11: State.CLOSING, 12: State.SYN_RECEIVED,
}  # fmt: skip
"""RFC 9293's names by the numbers of include/net/tcp_states.h."""
_TABLES: Final = ("/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6")
_TICK_NS: Final = 10_000_000
"""The table tells timers in USER_HZ, 1/100 s."""


@dataclass(frozen=True)
class Entry:
    """One socket: flow has the local end as source; timer is the kernel's number for what it waits
    for (0 nothing, 1 retransmission, 2 keep-alive, 3 TIME-WAIT, 4 probe), expires_in in ns."""

    flow: Flow
    state: State
    send_queue: int
    recv_queue: int
    timer: int
    expires_in: int
    inode: int

    @property
    def shown(self) -> tuple[str, str]:
        """Both ends as "address:port"."""
        flow = self.flow
        return show_endpoint(flow.src, flow.sport), show_endpoint(flow.dst, flow.dport)


def socket_table(*paths: str) -> list[Entry]:
    """Return the TCP sockets of both families, or those of other files; one that is bound and no
    more is in no table. What an IPv6 socket has with an IPv4 peer stands under IPv4 addresses, as
    its packets do."""
    found = [Path(path) for path in paths or _TABLES]
    texts = [path.read_text("ascii") for path in found if paths or path.exists()]
    return [_entry(line) for text in texts for line in text.splitlines()[1:]]


def _entry(line: str) -> Entry:
    words = line.split()
    (src, sport), (dst, dport) = _end(words[1]), _end(words[2])
    send, receive = (int(part, 16) for part in words[4].split(":"))
    timer, ticks = (int(part, 16) for part in words[5].split(":"))
    return Entry(
        Flow(src, sport, dst, dport), STATES[int(words[3], 16)], send, receive, timer,
        ticks * _TICK_NS, int(words[9]),
    )  # fmt: skip


def _end(text: str) -> tuple[bytes, int]:
    address, _, port = text.partition(":")
    # 32-bit words, printed as numbers of this machine
    words = [int(address[i : i + 8], 16) for i in range(0, len(address), 8)]
    packed = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    return unmapped(packed), int(port, 16)
