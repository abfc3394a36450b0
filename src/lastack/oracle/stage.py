"""Hosts made of network namespaces, joined pair by pair, on which programs are run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Final, Protocol

from lastack.wire import Frame, pack_address

from .cable import Addresses
from .namespace import Namespace, NoNamespace
from .offload import without_offload
from .sniff import Sniffer
from .socket_table import Entry, socket_table

_LEAST6: Final = 1280
"""A link with a smaller MTU carries no IPv6 (RFC 8200 section 5); Linux does not let it."""
_IPV6: Final = {
    "disable_ipv6": 0, "addr_gen_mode": 1, "accept_ra": 0, "autoconf": 0, "accept_dad": 0,
    "router_solicitations": 0,
}  # fmt: skip
"""No addresses but those that are given, and no packets to find routers."""
_IPV4_FIRST: Final = "precedence ::ffff:0:0/96 100\n"
"""What gai.conf(5) says for it; without a word IPv6 is first, by RFC 6724."""


class Wires(Protocol):
    """What joins the hosts and shows the packets; the hosts are numbered as they were given."""

    lost: int
    """Packets that were not captured."""

    late: int
    """The most ns by which one came later than it was to."""

    @property
    def last(self) -> int:
        """When the last packet passed, ns since 1970; 0 before the first."""

    def stop(self) -> list[Frame]:
        """End, and return the packets in the order of time."""


Join = Callable[[list[Namespace], Addresses], Wires]
"""Makes the links between namespaces that get these addresses."""


class Stage:
    """Hosts of the given names with addresses 10.0.0.1 and fd00::1 and on. A context manager.

    Programs find the names in /etc/hosts. `families` are those of the addresses that names have, in
    the order of an answer, as in `run.World`. Nothing of it outlives the process, however that
    ends. OSError where namespaces cannot be had.
    """

    def __init__(
        self, hosts: Sequence[str], *, mtu: int = 1500, families: str = "46",
        join: Join | None = None,
    ) -> None:  # fmt: skip
        self.hosts = list(hosts)
        self.families = families
        both = mtu >= _LEAST6
        self.addresses = [
            _addresses(number)[: 1 + both] for number in range(1, len(self.hosts) + 1)
        ]
        self.names = {
            pack_address(address): host
            for addresses, host in zip(self.addresses, self.hosts, strict=True)
            for address in addresses
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
        files = self._files()
        for host in self.hosts:
            space = Namespace(files, host)
            self.spaces.append(space)
            # a machine's default may be one that paces (bbr); every kernel allows this one here
            space.sysctl("ipv4/tcp_congestion_control", "reno")
            if not Path("/proc/sys/net/ipv6").exists():
                raise NoNamespace("this machine has IPv6 switched off (ipv6.disable)")
            for which in ("all", "default", "lo"):
                for name, value in _IPV6.items():
                    space.sysctl(f"ipv6/conf/{which}/{name}", value)

    def _files(self) -> dict[str, Path]:
        """Write the files by which programs find names."""
        lines: list[str] = []
        for number, host in enumerate(self.hosts, 1):
            for family, address in zip("46", _addresses(number), strict=True):
                lines += [f"{address} {host}"] if family in self.families else []
        local = {"4": "127.0.0.1 localhost", "6": "::1 localhost"}
        lines = [*(local[one] for one in self.families), *lines]
        texts = {
            "hosts": "\n".join(lines) + "\n",
            "gai.conf": _IPV4_FIRST if self.families.startswith("4") else "",
            "nsswitch.conf": _no_name_server(Path("/etc/nsswitch.conf")),
        }
        files = {}
        for name, text in texts.items():
            file, target = self.directory / name, Path("/etc", name)
            file.write_text(text, encoding="utf-8")
            if target.exists():
                files[str(target)] = file
            elif name == "gai.conf" and self.families == "46":
                raise NoNamespace(
                    "there is no /etc/gai.conf whose place another could take, so IPv6 comes first "
                    "here: make an empty one, or take --families 64 or 4"
                )
        return files

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


def _addresses(number: int) -> tuple[str, str]:
    return f"10.0.0.{number}", f"fd00::{number:x}"


def _no_name_server(switch: Path) -> str:
    """Return nsswitch.conf(5) so that names are looked for in /etc/hosts alone."""
    lines = switch.read_text("utf-8", "replace").splitlines() if switch.exists() else []
    others = [line for line in lines if not line.lstrip().startswith("hosts:")]
    return "\n".join([*others, "hosts: files"]) + "\n"


def veth(mtu: int) -> Join:
    """Join every pair of hosts by a veth pair, and capture what passes."""

    def join(spaces: list[Namespace], addresses: Addresses) -> Wires:
        for (i, here), (j, there) in combinations(enumerate(spaces), 2):
            here.join(f"to{j}", there, f"to{i}", mtu)
            links = ((here, f"to{j}", i, j), (there, f"to{i}", j, i))
            for space, link, _, _ in links:
                without_offload(space, link)
                space.ip(f"link set {link} up")
            for space, link, near, far in links:
                for own, other in zip(addresses[near], addresses[far], strict=True):
                    space.address(link, own, other)
        return Sniffer(spaces)

    return join
