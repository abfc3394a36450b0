"""IPv6 beside IPv4: who may bind where, who gets a packet, addresses, options and their errors.

`dual_stack.py --table` prints dual-stack-bind.txt, the table of every cell.
"""

from __future__ import annotations

import itertools
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import lab
from lab import Fact, Facts

TABLE = Path(__file__).parents[1] / "dual-stack-bind.txt"
INET, INET6, TCP, UDP = socket.AF_INET, socket.AF_INET6, socket.SOCK_STREAM, socket.SOCK_DGRAM
HERE = "fd00::9"
"""An IPv6 address of this host."""
ADDRESSES = [
    "0.0.0.0", "127.0.0.1", "127.0.0.2", "::", "::!", "::1", HERE, "::ffff:0.0.0.0",
    "::ffff:127.0.0.1",
]  # fmt: skip
"""The ! is IPV6_V6ONLY; what has a colon is an AF_INET6 socket's."""
OPTIONS = ["-", "A", "P"]
"""None, SO_REUSEADDR, SO_REUSEPORT."""
NAMES = {"A": socket.SO_REUSEADDR, "P": socket.SO_REUSEPORT}
IPV6_MTU, IP_BIND_ADDRESS_NO_PORT = 24, 24


def made(address: str, option: str = "-", kind: int = TCP) -> socket.socket:
    """A socket that may be bound to the address."""
    sock = socket.socket(INET6 if ":" in address else INET, kind)
    if address.endswith("!"):
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if option != "-":
        sock.setsockopt(socket.SOL_SOCKET, NAMES[option], 1)
    return sock


def bind(sock: socket.socket, address: str, port: int) -> str:
    """Bind; the outcome."""
    return lab.outcome(sock.bind, (address.rstrip("!"), port))


def targets(address: str, state: str) -> list[str]:
    """Where a connection of a socket that is bound there can go: one address a family."""
    if address == "::":
        return ["127.0.0.1", "::1"]
    if state == "accepted" and any(address.rstrip("!").removeprefix("::ffff:").strip("0.:")):
        return [address.removeprefix("::ffff:")]
    return ["::1"] if address in ("::!", "::1", HERE) else ["127.0.0.1"]


class Scene:
    """The first socket on a port, in a state; `connected` states name whom it reaches.

    "accepted" is a connection of a listener that was closed since.
    """

    def __init__(self, state: str, option: str, address: str, target: str, port: int) -> None:
        self.keep: list[socket.socket] = []
        first = made(address, option, UDP if state == "UDP" else TCP)
        self.keep.append(first)
        assert bind(first, address, port) == "ok"
        if state in ("LISTEN", "accepted"):
            first.listen()
        if state == "accepted":
            client = made(target)
            client.connect((target, port))
            self.keep += [first.accept()[0], client]
            first.close()
        elif state in ("ESTABLISHED", "TIME-WAIT"):
            self.connect(first, state, target)

    def connect(self, first: socket.socket, state: str, target: str) -> None:
        """ESTABLISHED, or TIME-WAIT."""
        with socket.create_server((target, 0), family=INET6 if ":" in target else INET) as server:
            mapped = first.family == INET6 and ":" not in target
            first.connect(("::ffff:" * mapped + target, server.getsockname()[1]))
            peer, _ = server.accept()
        self.keep.append(peer)
        if state == "TIME-WAIT":
            first.close()
            time.sleep(0.002)
            peer.close()
            time.sleep(0.002)

    def close(self) -> None:
        """Let everything go."""
        for sock in self.keep:
            sock.close()


def scenes() -> Iterator[tuple[str, str, str, str]]:
    """(state, option, address, target) of every first socket."""
    states = ["bound", "LISTEN", "ESTABLISHED", "accepted", "TIME-WAIT", "UDP"]
    for state, option, address in itertools.product(states, OPTIONS, ADDRESSES):
        connected = state in ("ESTABLISHED", "accepted", "TIME-WAIT")
        for target in targets(address, state) if connected else ["-"]:
            yield state, option, address, target


def table() -> Iterator[str]:
    """One line a first socket: what bind() of each second socket does, "." ok, "x" EADDRINUSE.

    Each cell has a port of its own: a port remembers the last SO_REUSEPORT that was let in.
    """
    second = list(itertools.product(OPTIONS, ADDRESSES))
    yield "# second sockets: " + " ".join(f"{option}{address}" for option, address in second)
    port = 2000
    for state, option, address, target in scenes():
        cells = ""
        for other, new in second:
            port += 1
            scene = Scene(state, option, address, target, port)
            with made(new, other, UDP if state == "UDP" else TCP) as sock:
                cells += {"ok": ".", "EADDRINUSE": "x"}.get(bind(sock, new, port), "?")
            scene.close()
        yield f"{state} {option} {address} {target} {cells}"
    yield "# two bound with SO_REUSEADDR, the first listens: listen() of the second"
    for address, new in itertools.product(ADDRESSES, ADDRESSES):
        port += 1
        with made(address, "A") as first, made(new, "A") as other_sock:
            bind(first, address, port)
            bind(other_sock, new, port)
            first.listen()
            yield f"listen {address} {new} {lab.outcome(other_sock.listen)}"


def bind_table() -> Facts:
    """Every cell as in dual-stack-bind.txt."""
    lab.shell(f"ip addr add {HERE}/128 dev lo")
    seen, noted = list(table()), TABLE.read_text().splitlines()
    cells = sum(len(line.split()[4]) for line in noted if line[0] not in "#l")
    yield Fact("dual-stack.bind.cells", cells, 4617)
    wrong = [f"{new} (noted: {old})" for new, old in zip(seen, noted, strict=True) if new != old]
    yield Fact("dual-stack.bind.differences", wrong, [])


def receivers() -> Facts:
    """Who of two that share a port gets it: the closest address, then the packet's own family."""
    lab.shell(f"ip addr add {HERE}/128 dev lo")
    port = 4000
    for first, second, target, noted in (
        ("0.0.0.0", "::", "127.0.0.1", "0.0.0.0"), ("::", "0.0.0.0", "127.0.0.1", "0.0.0.0"),
        ("0.0.0.0", "::", "::1", "::"), ("0.0.0.0", "::!", "127.0.0.1", "0.0.0.0"),
        ("::", "127.0.0.1", "127.0.0.1", "127.0.0.1"), ("::", "127.0.0.1", "127.0.0.2", "::"),
        ("127.0.0.1", "::", "127.0.0.1", "127.0.0.1"), ("::", "::1", "::1", "::1"),
        ("::1", "::", HERE, "::"), ("::ffff:127.0.0.1", "0.0.0.0", "127.0.0.1", "::ffff:127.0.0.1"),
    ):  # fmt: skip
        for kind, name in ((TCP, "tcp"), (UDP, "udp")):
            port += 1
            found = set()
            for _ in range(12):
                socks = {one: made(one, "P", kind) for one in (first, second)}
                for address, sock in socks.items():
                    assert bind(sock, address, port) == "ok", (address, first, second)
                    sock.setblocking(False)
                    if kind == TCP:
                        sock.listen()
                with made(target, "-", kind) as client:
                    client.connect((target, port))
                    if kind == UDP:
                        client.send(b"x")
                    time.sleep(0.002)
                    for address, sock in socks.items():
                        take = sock.accept if kind == TCP else lambda sock=sock: sock.recv(1)
                        if lab.outcome(take) != "EAGAIN":
                            found.add(address)
                for sock in socks.values():
                    sock.close()
            yield Fact(
                f"dual-stack.{name}.{first}+{second}.to-{target}", " ".join(sorted(found)), noted
            )


def refused_addresses() -> Facts:
    """What bind(), connect() and sendto() say to an address of the other kind."""
    loopback4 = "::ffff:127.0.0.1"
    for kind, name in ((TCP, "tcp"), (UDP, "udp")):
        for what, before, call, address, noted in (
            ("v6only", "::!", "bind", loopback4, "EINVAL"),
            ("v6only", "::!", "connect", loopback4, "ENETUNREACH"),
            ("bound-to-::1", "::1", "connect", loopback4, "ENETUNREACH"),
            ("bound-to-mapped", loopback4, "connect", "::1", "EAFNOSUPPORT"),
            ("bound-to-mapped-wildcard", "::ffff:0.0.0.0", "connect", "::1", "EAFNOSUPPORT"),
            ("foreign", "::", "bind", "2001:db8::1", "EADDRNOTAVAIL"),
            ("foreign-mapped", "::", "bind", "::ffff:192.0.2.1", "EADDRNOTAVAIL"),
            ("no-route", "::", "connect", "2001:db8::1", "ENETUNREACH"),
            ("multicast", "::", "bind", "ff02::1", "EINVAL"),
            ("multicast", "::", "connect", "ff02::1", "EINVAL" if kind == UDP else "ENETUNREACH"),
            ("link-local", "::", "bind", "fe80::1", "EINVAL"),
            ("link-local-of-lo", "::", "bind", "fe80::1%1", "EADDRNOTAVAIL"),
            ("link-local-of-none", "::", "bind", "fe80::1%99", "ENODEV"),
            ("link-local", "::", "connect", "fe80::1", "EINVAL"),
            ("link-local-of-none", "::", "connect", "fe80::1%99", "ENETUNREACH"),
        ):
            with made(before, "-", kind) as sock:
                if before not in ("::", "::!"):
                    bind(sock, before, 0)
                plain, _, scope = address.partition("%")
                seen = lab.outcome(getattr(sock, call), (plain, 0 if call == "bind" else 9, 0,
                                                         int(scope or 0)))  # fmt: skip
            yield Fact(f"dual-stack.{name}.{what}.{call}-{address}", seen, noted)


def names_of_ends() -> Facts:
    """getsockname() and getpeername() on either end of one listener for both families."""
    with socket.create_server(("::", 0), family=INET6, dualstack_ipv6=True) as listener:
        port = listener.getsockname()[1]
        for target, family, noted in (
            ("127.0.0.1", INET, "::ffff:127.0.0.1"), ("::1", INET6, "::1"),
            ("::ffff:127.0.0.1", INET6, "::ffff:127.0.0.1"), ("::", INET6, "::1"),
            ("::ffff:0.0.0.0", INET6, "::ffff:127.0.0.1"),
        ):  # fmt: skip
            with socket.socket(family) as client:
                client.connect((target, port))
                accepted, peer = listener.accept()
                with accepted:
                    name = f"dual-stack.accepted.{target}"
                    yield Fact(f"{name}.peer", peer[0], noted)
                    yield Fact(f"{name}.local", accepted.getsockname(), (noted, port, 0, 0))
                    if family == INET6:
                        yield Fact(f"{name}.client", client.getsockname()[0], noted)
        with socket.socket(INET6) as client:
            seen = lab.outcome(client.connect, ("::1", 9))
            yield Fact("dual-stack.refused", seen, "ECONNREFUSED")
            yield Fact("dual-stack.refused.address", client.getsockname()[0], "::")
            seen = lab.outcome(client.connect, ("::ffff:127.0.0.1", port))
            yield Fact("dual-stack.refused.then-the-other-family", seen, "ok")


def options() -> Facts:
    """IPV6_V6ONLY, IPV6_UNICAST_HOPS, the MTU; and IPv6 options of an AF_INET socket."""
    level, v6only, hops = socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, socket.IPV6_UNICAST_HOPS
    sysctl = Path("/proc/sys/net/ipv6/bindv6only").read_text().strip()
    yield Fact("dual-stack.bindv6only", sysctl, "0")
    for address, noted in (("::", 0), ("::1", 1), ("::ffff:127.0.0.1", 0)):
        with socket.socket(INET6) as sock:
            sock.bind((address, 0))
            yield Fact(
                f"dual-stack.v6only-after-bind.{address}", sock.getsockopt(level, v6only), noted
            )
            seen = lab.outcome(sock.setsockopt, level, v6only, 1)
            yield Fact(f"dual-stack.v6only-set-after-bind.{address}", seen, "EINVAL")
    with socket.socket(INET6) as sock, socket.socket() as old:
        yield Fact("dual-stack.hops", sock.getsockopt(level, hops), 64)
        for value, noted in ((-2, "EINVAL"), (-1, "ok"), (0, "ok"), (255, "ok"), (256, "EINVAL")):
            seen = lab.outcome(sock.setsockopt, level, hops, value)
            yield Fact(f"dual-stack.hops.{value}", seen, noted)
        seen = lab.outcome(old.getsockopt, level, v6only).replace("ENOTSUP", "EOPNOTSUPP")
        yield Fact("dual-stack.af-inet.get-v6only", seen, "EOPNOTSUPP")
        yield Fact(
            "dual-stack.af-inet.set-v6only",
            lab.outcome(old.setsockopt, level, v6only, 1),
            "ENOPROTOOPT",
        )
        yield Fact(
            "dual-stack.mtu.unconnected", lab.outcome(sock.getsockopt, level, IPV6_MTU), "ENOTCONN"
        )
    with socket.create_server(("::", 0), family=INET6, dualstack_ipv6=True) as listener:
        listener.setsockopt(level, hops, 7)
        for target, noted in (("::1", 65536), ("::ffff:127.0.0.1", 65535)):
            with socket.create_connection((target, listener.getsockname()[1])) as client:
                seen = client.getsockopt(level, IPV6_MTU)
                yield Fact(f"dual-stack.mtu.{target}", seen, noted)
                accepted, _ = listener.accept()
                yield Fact("dual-stack.hops.inherited", accepted.getsockopt(level, hops), 7)
                accepted.close()


def datagrams() -> Facts:
    """UDP over IPv6: sizes, senders, ICMPv6."""
    with socket.socket(INET6, UDP) as server, socket.socket(INET6, UDP) as sock:
        server.bind(("::", 0))
        port = server.getsockname()[1]
        for address, size, noted in (
            ("::1", 65527, "ok"), ("::1", 65528, "EMSGSIZE"), ("::ffff:127.0.0.1", 65507, "ok"),
            ("::ffff:127.0.0.1", 65508, "EMSGSIZE"),
        ):  # fmt: skip
            seen = lab.outcome(sock.sendto, bytes(size), (address, port))
            yield Fact(f"dual-stack.udp.{address}.{size}", seen, noted)
            if noted == "ok":
                yield Fact(f"dual-stack.udp.{address}.from", server.recvfrom(9)[1][0], address)
        sock.connect(("::1", 9))
        sock.send(b"x")
        yield Fact("dual-stack.udp.refused", lab.outcome(sock.send, b"x"), "ECONNREFUSED")


def no_port() -> Facts:
    """IP_BIND_ADDRESS_NO_PORT: bind() takes the address, connect() or listen() the port."""
    lab.sysctl("ip_local_port_range", "40000 40003")
    for family, host in ((INET, "127.0.0.1"), (INET6, "::1")):

        def bound(family: int = family, host: str = host, on: int = 1) -> socket.socket:
            sock = socket.socket(family)
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, on)
            sock.bind((host, 0))
            return sock

        servers = [socket.create_server((host, port), family=family) for port in (5000, 5001)]
        for on, each in ((1, 4), (0, 2)):
            name = f"dual-stack.no-port-{on}.{host}"
            socks, seen = [], []
            for server in servers:
                for _ in range(4 if on else 2):
                    socks.append(bound(on=on))
                    if on:
                        yield Fact(f"{name}.port-after-bind", socks[-1].getsockname()[1], 0)
                    seen.append(lab.outcome(socks[-1].connect, server.getsockname()))
            yield Fact(f"{name}.connected", seen, ["ok"] * 2 * each)
            yield Fact(f"{name}.ports", len({sock.getsockname()[1] for sock in socks}), 4)
            if on:
                last = bound()
                yield Fact(
                    f"{name}.ninth",
                    lab.outcome(last.connect, servers[0].getsockname()),
                    "EADDRNOTAVAIL",
                )
                last.close()
            for sock in socks:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0" + bytes(4))
                sock.close()
            for server in servers:
                for _ in range(each):
                    server.accept()[0].close()
        sock = bound()
        yield Fact(f"dual-stack.no-port.{host}.bind-again", lab.outcome(sock.bind, (host, 0)), "ok")
        yield Fact(
            f"dual-stack.no-port.{host}.refused",
            lab.outcome(sock.connect, (host, 9)),
            "ECONNREFUSED",
        )
        yield Fact(f"dual-stack.no-port.{host}.address-after", sock.getsockname()[0], host)
        sock.close()
        sock = bound()
        sock.listen()
        yield Fact(
            f"dual-stack.no-port.{host}.listen", sock.getsockname()[1] in range(40000, 40004), True
        )
        for server in (*servers, sock):
            server.close()


if __name__ == "__main__":
    if "--table" in sys.argv:
        lab.isolate()
        lab.shell(f"ip addr add {HERE}/128 dev lo")
        print("\n".join(table()))
        sys.exit()
    lab.main([bind_table, receivers, refused_addresses, names_of_ends, options, datagrams, no_port])
