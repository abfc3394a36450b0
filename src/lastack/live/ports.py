"""The ports that the kernel gives out by itself, and how many of them one destination has taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lastack.profile import unmapped
from lastack.state import CLOSED, LISTEN

from .errors import need_linux
from .namespaces import Namespace
from .row import Row

_SYSCTL: Final = Path("/proc/sys/net/ipv4")


@dataclass(frozen=True)
class PortSettings:
    """Sysctls of a network namespace that decide about ports, ip(7).

    low and high: ip_local_port_range. reserved: ip_local_reserved_ports, as numbers and as the
    text that `sysctl -w` takes. unprivileged: ip_unprivileged_port_start, the first port that
    needs no capability.
    """

    low: int
    high: int
    reserved: frozenset[int]
    reserved_text: str
    unprivileged: int

    def automatic(self, port: int) -> bool:
        """Tell whether connect() or bind() to port 0 may choose this port."""
        return self.low <= port <= self.high and port not in self.reserved

    @property
    def total(self) -> int:
        """How many ports can be chosen automatically."""
        taken = sum(self.low <= port <= self.high for port in self.reserved)
        return self.high - self.low + 1 - taken

    def reserve(self, port: int) -> str:
        """Return the sysctl setting that also reserves `port`; the setting replaces the list."""
        also = f"{self.reserved_text}," if self.reserved_text else ""
        return f"net.ipv4.ip_local_reserved_ports={also}{port}"


def port_settings(namespace: Namespace | None = None) -> PortSettings:
    """Read the settings; raises Unsupported where there is no Linux."""
    need_linux("the settings of ports")
    return _read() if namespace is None else namespace.run(_read)


def ports_towards(
    rows: Iterable[Row], settings: PortSettings, remote: tuple[bytes, int], local: bytes
) -> int:
    """Return how many automatic ports of `local` have a connection to `remote` (address, port).

    connect() of an unbound socket fails with EADDRNOTAVAIL when all do; towards another address
    or port every one of them can be used again.
    """
    wanted, ours = (unmapped(remote[0]), remote[1]), unmapped(local)
    return len(
        {
            row.local[1]
            for row in rows
            if (unmapped(row.remote[0]), row.remote[1]) == wanted
            and unmapped(row.local[0]) == ours
            and settings.automatic(row.local[1])
        }
    )


def ports_bound(rows: Iterable[Row], settings: PortSettings, local: bytes) -> int:
    """Return how many automatic ports have any socket on `local` or on the wildcard.

    These are the ones that bind() to port 0 cannot give, whatever the destination.
    """
    ours = unmapped(local)
    return len(
        {
            row.local[1]
            for row in rows
            if settings.automatic(row.local[1])
            and (not any(ours) or not any(row.local[0]) or unmapped(row.local[0]) == ours)
        }
    )


def is_outgoing(row: Row, settings: PortSettings, listening: frozenset[int]) -> bool | None:
    """Tell whether our side opened the connection; None: nothing tells.

    With struct tcp_info it is exact: an acknowledged SYN counts in bytes_acked of the side that
    connected and not in that of the side that accepted. Else (TIME-WAIT) by the ports: ours could
    have been chosen automatically, nobody listens on it, and the peer's could not.
    """
    if row.state in (LISTEN, CLOSED) or row.local[1] in listening:
        return False
    info = row.tcp_info
    if info is not None and row.shutdown is not None and not row.shutdown & 2:
        in_flight = row.send_queue - info.notsent_bytes
        syn = info.bytes_acked + in_flight - (info.bytes_sent - info.bytes_retrans)
        if syn in (0, 1):
            return syn == 1
    if not settings.automatic(row.local[1]):
        return False
    return None if settings.low <= row.remote[1] <= settings.high else True


def _read() -> PortSettings:
    low, high = (int(word) for word in (_SYSCTL / "ip_local_port_range").read_text().split())
    text = (_SYSCTL / "ip_local_reserved_ports").read_text().strip()
    reserved: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        reserved.update(range(int(first), int(last or first) + 1))
    start = int((_SYSCTL / "ip_unprivileged_port_start").read_text())
    return PortSettings(low, high, frozenset(reserved), text, start)
