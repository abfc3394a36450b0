"""How many automatic ports are in use towards each destination, and when there will be none.

TIME-WAIT lasts a constant 60 s on Linux, so a single look at the timers of those that are left is
the history of the last minute: how many connections ended in the last ten seconds gives the rate
at which ports are taken, and when each port comes back is known. No second look is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lastack.profile import unmapped
from lastack.state import CLOSED, LISTEN, TIME_WAIT

from .diag import sockets
from .namespaces import Namespace
from .ports import PortSettings, port_settings
from .row import Row

SECOND: Final = 1_000_000_000
TIME_WAIT_LENGTH: Final = 60 * SECOND
WINDOW: Final = 10 * SECOND
"""The time over which the present rate is taken."""

_SYSCTL: Final = Path("/proc/sys/net/ipv4")
_LOOPBACK6: Final = bytes(15) + b"\1"


@dataclass(frozen=True)
class Reuse:
    """tcp_tw_reuse (0 off, 1 on, 2 loopback) and tcp_tw_reuse_delay in ns, tcp(7).

    connect() of an unbound socket may take the port of a TIME-WAIT of the same two ends that is
    older than the delay, when the connection had timestamps.
    """

    mode: int
    delay: int

    def held(self, local: bytes, remote: bytes) -> int:
        """Return how many ns a TIME-WAIT between these addresses holds its port."""
        allowed = self.mode == 1 or (self.mode == 2 and _loopback(local) and _loopback(remote))
        return min(self.delay, TIME_WAIT_LENGTH) if allowed else TIME_WAIT_LENGTH


@dataclass(frozen=True)
class Use:
    """The automatic ports that connections from one address to one destination hold.

    total: how many there are to choose from. time_waits: how many of `used` only wait; reusable:
    how many of those a new connection may take over now. rate: endings a second over the last 10 s.
    levels_off: how many ports the present rate holds in the long run. exhausted_in: ns until
    connect() fails with EADDRNOTAVAIL if all goes on as now, None: it will not.
    """

    source: bytes
    destination: tuple[bytes, int]
    total: int
    used: int
    time_waits: int
    reusable: int
    rate: float
    levels_off: int
    exhausted_in: int | None


@dataclass(frozen=True)
class SourceUse:
    """The automatic ports that any socket of one address holds.

    bind() to this address and port 0 needs one that nobody holds, towards whomever; without one
    it fails with EADDRINUSE.
    """

    source: bytes
    total: int
    used: int


@dataclass(frozen=True)
class PortUse:
    """All uses, the fullest first."""

    settings: PortSettings
    reuse: Reuse
    pairs: tuple[Use, ...]
    sources: tuple[SourceUse, ...]


def port_use(namespace: Namespace | None = None) -> PortUse:
    """Look once; raises PermissionError where the namespace does not show its settings."""
    settings = port_settings(namespace)
    reuse = _reuse() if namespace is None else namespace.run(_reuse)
    return reckon(sockets(namespace=namespace), settings, reuse)


def reckon(rows: Iterable[Row], settings: PortSettings, reuse: Reuse) -> PortUse:
    """Sort connections that chose their port by their two ends; those to a listener are left out.

    An accepted connection has the port of its listener, which nobody chose automatically.
    """
    chosen: dict[tuple[bytes, tuple[bytes, int]], list[Row]] = {}
    ports: dict[bytes, set[int]] = {}
    rows = list(rows)
    served = {row.local[1] for row in rows if row.state is LISTEN}
    for row in rows:
        address, port = row.local
        if not settings.automatic(port):
            continue
        ports.setdefault(unmapped(address), set()).add(port)
        if port in served or row.state is CLOSED or not row.remote[1]:
            continue
        ends = unmapped(address), (unmapped(row.remote[0]), row.remote[1])
        chosen.setdefault(ends, []).append(row)
    uses = [_use(ends, those, settings, reuse) for ends, those in chosen.items()]
    uses.sort(key=lambda use: (use.exhausted_in is None, use.exhausted_in or 0, -use.used))
    sources = [SourceUse(source, settings.total, len(held)) for source, held in ports.items()]
    sources.sort(key=lambda source: -source.used)
    return PortUse(settings, reuse, tuple(uses), tuple(sources))


def exhausted_in(
    live: int, ends: Sequence[int], taken: int, capacity: int, length: int
) -> int | None:
    """Return after how many ns all ports are held, None if that does not come.

    live ports stay held, the others come back at the times `ends` (ns from now, ascending), and
    `taken` new ones in every WINDOW are each held for `length` ns.
    """
    if live + len(ends) >= capacity:
        return 0
    if not taken:
        return None
    for back, until in enumerate([*ends, length]):
        need = capacity - live - (len(ends) - back)
        at = need * WINDOW // taken
        if at <= min(until, length):
            return at
    return None


def _use(
    ends: tuple[bytes, tuple[bytes, int]], rows: list[Row], settings: PortSettings, reuse: Reuse
) -> Use:
    source, destination = ends
    length = reuse.held(source, destination[0])
    spared = TIME_WAIT_LENGTH - length
    waits = [row.expires_in for row in rows if row.state is TIME_WAIT]
    leaving = [row.expires_in for row in rows if row.timer == "fin-wait-2"]
    recent = sum(left > TIME_WAIT_LENGTH - WINDOW for left in waits)
    held = sorted([left - spared for left in waits if left > spared] + leaving)
    live = len(rows) - len(waits) - len(leaving)
    return Use(
        source, destination, settings.total, len(rows), len(waits),
        sum(left <= spared for left in waits), recent * SECOND / WINDOW,
        live + recent * length // WINDOW,
        exhausted_in(live, held, recent, settings.total, length),
    )  # fmt: skip


def _loopback(address: bytes) -> bool:
    return address[0] == 127 if len(address) == 4 else address == _LOOPBACK6


def _reuse() -> Reuse:
    mode = int((_SYSCTL / "tcp_tw_reuse").read_text())
    try:
        delay = int((_SYSCTL / "tcp_tw_reuse_delay").read_text()) * 1_000_000
    except FileNotFoundError:
        delay = SECOND  # a constant until it became a sysctl
    return Reuse(mode, delay)
