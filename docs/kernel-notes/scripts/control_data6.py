"""Control data of IPv6 over UDP (RFC 3542): addresses, hop limits, traffic classes. Needs no root.

Runs on a simulated host, too: `lastack run a=docs/kernel-notes/scripts/control_data6.py` says the
same.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator

from facts import Fact, outcome, tell

Control = tuple[int, int, bytes]

V6, V4 = socket.IPPROTO_IPV6, socket.IPPROTO_IP
PKTINFO, HOPLIMIT, TCLASS = socket.IPV6_PKTINFO, socket.IPV6_HOPLIMIT, socket.IPV6_TCLASS
ASKING = (socket.IPV6_RECVPKTINFO, socket.IPV6_RECVHOPLIMIT, socket.IPV6_RECVTCLASS)
SHORT = {(V6, PKTINFO): "info", (V6, HOPLIMIT): "hops", (V6, TCLASS): "class", (V4, 2): "ttl"}
LO = 1


def number(value: int) -> bytes:
    """Return an int as a struct."""
    return struct.pack("i", value)


def info(address: str, index: int = 0) -> bytes:
    """Return a struct in6_pktinfo."""
    return socket.inet_pton(socket.AF_INET6, address) + number(index)


class Two:
    """A bound UDP socket that asks for everything, and one that sends to it."""

    def __init__(self, options: tuple[int, ...] = ASKING) -> None:
        self.here = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.there = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.here.bind(("::", 0))
        self.here.settimeout(1)
        for option in options:
            self.here.setsockopt(V6, option, 1)
        self.port = self.here.getsockname()[1]

    def receive(self, room: int = 256) -> dict[str, object]:
        """Return the control data of the next datagram, by short names."""
        found: dict[str, object] = {}
        for level, kind, data in self.here.recvmsg(9, room)[1]:
            name = SHORT[level, kind]
            if name == "info":
                index = struct.unpack("i", data[16:])[0]
                found[name] = f"{socket.inet_ntop(socket.AF_INET6, data[:16])} {index}"
            else:
                found[name] = struct.unpack("i", data)[0]
        return found

    def send(self, *control: Control, to: str = "::1") -> dict[str, object] | str:
        """Send with control data; return what arrives, or the errno."""
        said = outcome(self.there.sendmsg, [b"x"], control, 0, (to, self.port))
        return self.receive() if said == 1 else str(said)


def received() -> Iterator[Fact]:
    """What a datagram brings along."""
    yield "without an option", Two(()).send(), {}
    two = Two()
    all_of_it = {"info": f"::1 {LO}", "hops": 64, "class": 0}
    yield "with all three", two.send(), all_of_it
    two.there.sendto(b"x", ("::1", two.port))
    kinds = [kind for _, kind, _ in two.here.recvmsg(9, 256)[1]]
    yield "in which order", kinds, [PKTINFO, HOPLIMIT, TCLASS]
    yield "an IPv4 datagram", two.send(to="::ffff:127.0.0.1"), {"info": f"::ffff:127.0.0.1 {LO}"}
    for room, fits, cut in (
        (0, 0, True), (16, 1, True), (36, 1, True), (60, 2, True), (80, 3, True), (84, 3, False),
    ):  # fmt: skip
        two.there.sendto(b"x", ("::1", two.port))
        _, control, flags, _ = two.here.recvmsg(9, room)
        seen = len(control), bool(flags & socket.MSG_CTRUNC)
        yield f"room for {room} octets", seen, (fits, cut)


def options() -> Iterator[Fact]:
    """The traffic class and the hop limit of a socket."""
    two = Two()
    for value, said, after in (
        (46, "ok", 46),
        (-2, "EINVAL", 46),
        (256, "EINVAL", 46),
        (-1, "ok", 0),
        (255, "ok", 255),
    ):
        yield f"IPV6_TCLASS {value}", outcome(two.there.setsockopt, V6, TCLASS, value), said
        yield f"and then after {value}", two.there.getsockopt(V6, TCLASS), after
    two.there.setsockopt(V6, socket.IPV6_UNICAST_HOPS, 9)
    yield "what arrives", two.send(), {"info": f"::1 {LO}", "hops": 9, "class": 255}
    yield "one octet", outcome(two.there.setsockopt, V6, TCLASS, b"\1"), "EINVAL"
    said = outcome(two.there.setsockopt, V6, HOPLIMIT, 1)
    yield "IPV6_HOPLIMIT as an option", said, "ENOPROTOOPT"
    plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    yield "of an IPv4 socket", outcome(plain.setsockopt, V6, TCLASS, 1), "ENOPROTOOPT"


def sent() -> Iterator[Fact]:
    """What sendmsg() takes."""
    two = Two((socket.IPV6_RECVHOPLIMIT, socket.IPV6_RECVTCLASS))
    two.there.setsockopt(V6, socket.IPV6_UNICAST_HOPS, 33)
    for value, hops in ((-1, 33), (0, 0), (255, 255)):
        seen = two.send((V6, HOPLIMIT, number(value)))
        yield f"IPV6_HOPLIMIT {value}", seen, {"hops": hops, "class": 0}
    for value, tclass in ((-1, 255), (0, 0), (46, 46)):
        seen = two.send((V6, TCLASS, number(value)))
        yield f"IPV6_TCLASS {value}", seen, {"hops": 33, "class": tclass}
    for kind, name in ((HOPLIMIT, "IPV6_HOPLIMIT"), (TCLASS, "IPV6_TCLASS")):
        for data in (number(-2), number(256), b"\1", bytes(8)):
            yield f"{name} {data.hex()}", two.send((V6, kind, data)), "EINVAL"
    ok = {"hops": 33, "class": 0}
    for address, index, answer in (
        ("::", 0, ok), ("::1", 0, ok), ("::1", LO, ok), ("::", 99, "ENODEV"),
        ("fd00::77", 0, "EINVAL"), ("::ffff:127.0.0.1", 0, "EINVAL"),
    ):  # fmt: skip
        seen = two.send((V6, PKTINFO, info(address, index)))
        yield f"IPV6_PKTINFO {address} {index}", seen, answer
    yield "IPV6_PKTINFO, too short", two.send((V6, PKTINFO, bytes(19))), "EINVAL"
    yield "another kind of this level", two.send((V6, 99, number(1))), "EINVAL"
    yield "level IPPROTO_IP", two.send((V4, 2, number(9))), ok
    four = "::ffff:127.0.0.1"
    yield "to a mapped address, a hop limit", two.send((V6, HOPLIMIT, number(9)), to=four), {}
    mapped = two.send((V6, PKTINFO, info(four)), to=four)
    yield "and a mapped source", mapped, {}
    yield "and another", two.send((V6, PKTINFO, info("::1")), to=four), "EINVAL"


def main() -> int:
    """Print the facts; 1 when one is not as noted."""
    return int(sum(tell(case()) for case in (received, options, sent)) > 0)


if __name__ == "__main__":
    sys.exit(main())
