"""Hosts made of network namespaces, joined pair by pair, on which programs are run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Protocol

from lastack.wire import Frame, pack_address

from .namespace import Namespace
from .offload import without_offload
from .sniff import Sniffer
from .socket_table import Entry, socket_table


class Wires(Protocol):
    """What joins the hosts and shows the packets; the hosts are numbered as they were given."""

    lost: int
    """Packets that were not captured."""

    @property
    def last(self) -> int:
        """When the last packet passed, ns since 1970; 0 before the first."""

    def stop(self) -> list[Frame]:
        """End, and return the packets in the order of time."""


Join = Callable[[list[Namespace], list[str]], Wires]
"""Makes the links between namespaces that get these addresses."""


class Stage:
    """Hosts of the given names with addresses 10.0.0.1 and on. A context manager.

    Programs find the names in /etc/hosts. Nothing of it outlives the process, however that ends.
    OSError where namespaces cannot be had.
    """

    def __init__(self, hosts: Sequence[str], *, mtu: int = 1500, join: Join | None = None) -> None:
        self.hosts = list(hosts)
        self.addresses = [f"10.0.0.{number}" for number in range(1, len(self.hosts) + 1)]
        self.names = {
            pack_address(address): host
            for address, host in zip(self.addresses, self.hosts, strict=True)
        }
        self._directory = tempfile.TemporaryDirectory(prefix="lastack-")
        self.directory = Path(self._directory.name)
        self.spaces: list[Namespace] = []
        try:
            self._make_hosts()
            self.wires = (join or veth(mtu))(self.spaces, self.addresses)
        except BaseException:
            self.close()
            raise

    def _make_hosts(self) -> None:
        file = self.directory / "hosts"
        pairs = zip(self.addresses, self.hosts, strict=True)
        lines = ["127.0.0.1 localhost", *(f"{address} {host}" for address, host in pairs)]
        file.write_text("\n".join(lines) + "\n", encoding="ascii")
        for _ in self.hosts:
            space = Namespace(file)
            self.spaces.append(space)
            # a machine's default may be one that paces (bbr); every kernel allows this one here
            space.sysctl("ipv4/tcp_congestion_control", "reno")
            for which in ("all", "default"):
                space.sysctl(f"ipv6/conf/{which}/disable_ipv6", 1)

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the namespaces."""
        for space in self.spaces:
            space.close()
        self._directory.cleanup()

    def space(self, host: str) -> Namespace:
        """Return the namespace of a host."""
        return self.spaces[self.hosts.index(host)]

    def table(self, host: str) -> list[Entry]:
        """Return the TCP sockets of a host as they stand."""
        return self.space(host).call(socket_table)


def veth(mtu: int) -> Join:
    """Join every pair of hosts by a veth pair, and capture what passes."""

    def join(spaces: list[Namespace], addresses: list[str]) -> Wires:
        for (i, here), (j, there) in combinations(enumerate(spaces), 2):
            here.join(f"to{j}", there, f"to{i}", mtu)
            for space, link, own, other in (
                (here, f"to{j}", addresses[i], addresses[j]),
                (there, f"to{i}", addresses[j], addresses[i]),
            ):
                space.ip(f"address add {own} peer {other} dev {link}")
                without_offload(space, link)
                space.ip(f"link set {link} up")
        return Sniffer(spaces)

    return join
