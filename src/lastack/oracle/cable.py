"""A cable of our own between hosts: it delays, and loses or holds back what a rule tells it to.

Each host has a TUN device for each other host; what one sends we carry to the other. It is what
netem would do, without the module that many kernels do not have. On a busy machine a packet arrives
later than it is due: `late` tells by how much.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Final

from lastack.net import Direction, LinkRules
from lastack.wire import Frame

from .namespace import Namespace
from .sniff import Sniffer, finds_neighbours
from .tun import Tun

_TICK: Final = 0.05
_QUEUE: Final = 10_000
"""Packets that a device keeps until we take them, so that none is lost but by rule."""
_SWITCH: Final = 0.0002
"""Our other threads let go of the interpreter after so many seconds, not after 5 ms: on a machine
with four busy programs on two processors 99 of 100 packets are less than 3 ms late then, with
_at_the_front."""

Addresses = Sequence[Sequence[str]]
"""Of each host, one of each family that it has."""

Fate = Callable[[int, int, int, int], "int | None"]
"""What becomes of a packet: the numbers of the hosts that sends it and that gets it, its length in
octets, and when it is sent, in ns since the first packet; returns how many ns it travels, or None
when it is lost. It is asked once for each packet."""


@dataclass(order=True)
class _UnderWay:
    arrives: int
    number: int
    device: Tun
    data: bytes


class Cable:
    """Joins hosts pair by pair, which it is given as `stage.Join` wants it. late: the most ns by
    which a packet came too late."""

    def __init__(
        self, spaces: list[Namespace], addresses: Addresses, *, fate: Fate, mtu: int = 1500
    ) -> None:
        self.lost = 0
        self.late = 0
        self._fate = fate
        self._spaces = spaces
        self._addresses = addresses
        self._devices: dict[Tun, tuple[int, int]] = {}
        for here, there in permutations(range(len(spaces)), 2):
            near, far = addresses[here][0], addresses[there][0]
            tun = Tun(spaces[here], f"to{there}", near, far, mtu=mtu)
            self._devices[tun] = (here, there)
            spaces[here].ip(f"link set to{there} txqueuelen {_QUEUE} multicast off")
            for near, far in zip(addresses[here][1:], addresses[there][1:], strict=True):
                spaces[here].address(f"to{there}", near, far)
        self._ends = {ends: tun for tun, ends in self._devices.items()}
        self._under_way: list[_UnderWay] = []
        self._count = 0
        self._began = 0
        self._over = threading.Event()
        self._sniffer = Sniffer(spaces)
        self._interval = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH)
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
        return max(later, self._sniffer.last)

    def stop(self) -> list[Frame]:
        """Cut it; return the packets in the order of time."""
        self._over.set()
        self._thread.join()
        sys.setswitchinterval(self._interval)
        frames = self._sniffer.stop()
        self.lost = self._sniffer.lost
        for tun in self._devices:
            tun.close()
        return frames

    def restart(self, host: int) -> None:
        """What a restart of networking does to a host: its interfaces go and come back."""
        space = self._spaces[host]
        for here, there in self._devices.values():
            if here == host:
                space.ip(f"link set to{there} down")
                space.ip(f"address flush dev to{there}")
                space.ip(f"link set to{there} up")
                for near, far in zip(self._addresses[here], self._addresses[there], strict=True):
                    space.address(f"to{there}", near, far)

    def _carry(self) -> None:
        _at_the_front()
        while not self._over.is_set():
            wait = _TICK
            if self._under_way:
                wait = min(wait, (self._under_way[0].arrives - time.time_ns()) / 1e9)
            ready, _, _ = select.select(list(self._devices), [], [], max(wait, 0))
            for tun in ready:
                self._take(tun)
            while self._under_way and (late := time.time_ns() - self._under_way[0].arrives) >= 0:
                one = heapq.heappop(self._under_way)
                self.late = max(self.late, late)
                with contextlib.suppress(OSError):  # the interface is down
                    one.device.send(one.data)

    def _take(self, tun: Tun) -> None:
        here, there = self._devices[tun]
        while data := tun.receive():
            if finds_neighbours(data):
                continue  # there is one neighbour on this link
            now = time.time_ns()
            self._began = self._began or now
            travels = self._fate(here, there, len(data), now - self._began)
            if travels is not None:
                self._count += 1
                due = _UnderWay(now + travels, self._count, self._ends[there, here], data)
                heapq.heappush(self._under_way, due)


def _at_the_front() -> None:
    """Let this thread run before programs that compute; without the right to, in its turn."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(threading.get_native_id(), os.SCHED_RR, os.sched_param(1))


def as_simulated(rules: LinkRules, seed: int, hosts: Sequence[str]) -> Fate:
    """Return the fate that packets have on the links of a simulated world: of each direction the
    same ones are lost, counted from the first, and the same ones are late by as much."""
    numbered = permutations(enumerate(hosts), 2)
    lanes = {(i, j): Direction(seed, src, dst, 0, rules) for (i, src), (j, dst) in numbered}
    latest = dict.fromkeys(lanes, 0)

    def fate(sender: int, receiver: int, length: int, at: int) -> int | None:
        lane = lanes[sender, receiver]
        lost, jitter = lane.ask()
        sent = None if lost else lane.sent_at([length], at)
        if sent is None:
            return None
        arrives = max(sent + rules.delay_ns + jitter, latest[sender, receiver])
        latest[sender, receiver] = arrives  # jitter and rate never reorder
        return arrives - at

    return fate
