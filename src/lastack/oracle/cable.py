"""A cable of our own between two hosts: it delays, and loses or holds back what a rule tells it to.

Each host has a TUN device; what one sends we carry to the other, in order, and write down at both
ends. It is what netem would do, without the module that many kernels do not have.
"""

from __future__ import annotations

import contextlib
import heapq
import select
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lastack.wire import Direction, Frame

from .namespace import Namespace
from .tun import Tun

_TICK: Final = 0.05
_DEVICE: Final = "cable0"

Fate = Callable[[int, int], int | None]
"""What happens to a packet: which host sends it (0 or 1), and when, in ns since the first packet;
returns how much longer than others it takes, or None when it is lost."""


@dataclass(order=True)
class _UnderWay:
    arrives: int
    number: int
    receiver: int
    data: bytes


class Cable:
    """Joins two hosts, which it is given as `stage.Join` wants it. delay is one way, in ns."""

    def __init__(
        self, spaces: list[Namespace], addresses: list[str], *, delay: int, fate: Fate
    ) -> None:
        self.lost = 0
        self.frames: list[Frame] = []
        self._delay = delay
        self._fate = fate
        self._spaces = spaces
        self._addresses = addresses
        self._tuns = [
            Tun(space, _DEVICE, addresses[number], addresses[1 - number])
            for number, space in enumerate(spaces)
        ]
        self._under_way: list[_UnderWay] = []
        self._count = 0
        self._began = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="cable", daemon=True)
        self._thread.start()

    @property
    def began(self) -> int:
        """When the first packet was sent, ns since 1970; 0 before."""
        return self._began

    @property
    def last(self) -> int:
        """When the last packet passed an end, or is going to, ns since 1970."""
        later = max((one.arrives for one in list(self._under_way)), default=0)
        return max(later, self.frames[-1].at if self.frames else 0)

    def stop(self) -> list[Frame]:
        """Cut it; return the packets in the order of time."""
        self._over.set()
        self._thread.join()
        for tun in self._tuns:
            tun.close()
        self.frames.sort(key=lambda frame: frame.at)
        return self.frames

    def restart(self, host: int) -> None:
        """What a restart of networking does to a host: its interface goes and comes back."""
        space, near, far = self._spaces[host], self._addresses[host], self._addresses[1 - host]
        space.ip(f"link set {_DEVICE} down")
        space.ip(f"address flush dev {_DEVICE}")
        space.ip(f"address add {near} peer {far} dev {_DEVICE}")
        space.ip(f"link set {_DEVICE} up")

    def _carry(self) -> None:
        while not self._over.is_set():
            wait = _TICK
            if self._under_way:
                wait = min(wait, (self._under_way[0].arrives - time.time_ns()) / 1e9)
            ready, _, _ = select.select(self._tuns, [], [], max(wait, 0))
            for tun in ready:
                self._take(self._tuns.index(tun))
            while self._under_way and self._under_way[0].arrives <= time.time_ns():
                self._deliver(heapq.heappop(self._under_way))

    def _take(self, sender: int) -> None:
        while data := self._tuns[sender].receive():
            now = time.time_ns()
            self._began = self._began or now
            self.frames.append(Frame(now, sender, data, len(data), Direction.OUT))
            longer = self._fate(sender, now - self._began)
            if longer is not None:
                self._count += 1
                arrives = now + self._delay + longer
                heapq.heappush(self._under_way, _UnderWay(arrives, self._count, 1 - sender, data))

    def _deliver(self, one: _UnderWay) -> None:
        with contextlib.suppress(OSError):  # the interface is down
            self._tuns[one.receiver].send(one.data)
            now = time.time_ns()
            self.frames.append(Frame(now, one.receiver, one.data, len(one.data), Direction.IN))
