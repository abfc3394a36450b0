"""IP_TOS, IP_TTL, IPV6_TCLASS and IPV6_UNICAST_HOPS of TCP sockets, and what segments carry."""

from __future__ import annotations

import socket

import lab
from lab import Fact, Facts
from peer import KERNEL, Peer, Segment, Tun, Tun6

TOS = (socket.IPPROTO_IP, socket.IP_TOS)
TTL = (socket.IPPROTO_IP, socket.IP_TTL)
CLASS = (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)
HOPS = (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)


def fields(segments: list[Segment]) -> str:
    """Flags, type of service and TTL of each."""
    return ", ".join(f"{one.flags} {one.tos:#x} {one.ttl}" for one in segments) or "nothing"


def tried(sock: socket.socket, option: tuple[int, int], value: int | bytes) -> str:
    """The errno of setsockopt(), or what getsockopt() tells afterwards."""
    told = lab.outcome(lambda: sock.setsockopt(*option, value))
    return str(sock.getsockopt(*option)) if told == "ok" else told


def values() -> Facts:
    """What setsockopt() takes and getsockopt() tells."""
    sock = socket.socket()
    yield Fact("ip-fields.tos.unset", sock.getsockopt(*TOS), 0)
    for value, noted in ((0x10, "16"), (0xB8, "184"), (0xFF, "252"), (3, "0"), (0x1FF, "252"),
                         (-1, "252"), (b"\x20", "32"), (b"", "0")):  # fmt: skip
        yield Fact(f"ip-fields.tos.{value!r}", tried(sock, TOS, value), noted)
    sock.setsockopt(*TOS, 0x10)
    yield Fact("ip-fields.tos.one-octet", sock.getsockopt(*TOS, 1), b"\x10")
    yield Fact("ip-fields.ttl.unset", sock.getsockopt(*TTL), 64)
    for value, noted in ((1, "1"), (255, "255"), (0, "EINVAL"), (256, "EINVAL"), (-1, "64"),
                         (-2, "EINVAL"), (b"\x07", "7")):  # fmt: skip
        yield Fact(f"ip-fields.ttl.{value!r}", tried(sock, TTL, value), noted)
    for option, name in ((CLASS, "class"), (HOPS, "hops")):
        yield Fact(f"ip-fields.{name}.of-ipv4", tried(sock, option, 1), "ENOPROTOOPT")
    six = socket.socket(socket.AF_INET6)
    for value, noted in ((0x10, "16"), (0xFF, "252"), (3, "0"), (256, "EINVAL"), (-1, "0"),
                         (-2, "EINVAL"), (b"\x20", "EINVAL")):  # fmt: skip
        yield Fact(f"ip-fields.class.{value!r}", tried(six, CLASS, value), noted)
    yield Fact("ip-fields.hops.unset", six.getsockopt(*HOPS), 64)
    for value, noted in ((1, "1"), (255, "255"), (0, "0"), (256, "EINVAL"), (-1, "64"),
                         (-2, "EINVAL"), (b"\x20", "EINVAL")):  # fmt: skip
        yield Fact(f"ip-fields.hops.{value!r}", tried(six, HOPS, value), noted)
    six.setsockopt(*CLASS, 0x20)
    yield Fact("ip-fields.tos-of-ipv6", tried(six, TOS, 0x10), "16")
    yield Fact("ip-fields.tos-of-ipv6.class", six.getsockopt(*CLASS), 32)


def life(tun: Tun, tos: tuple[int, int], ttl: tuple[int, int], name: str) -> Facts:
    """A connection from SYN to TIME-WAIT, its fields changed on the way."""
    peer, sock = Peer(tun, 7), socket.socket(tun.family)
    sock.setsockopt(*tos, 0x10)
    sock.setsockopt(*ttl, 33)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.bind((tun.kernel, 0))
    peer.start(sock)
    yield Fact(f"{name}.syn", fields(peer.collect(0.03)), "S 0x10 33")
    peer.send("S.")
    yield Fact(f"{name}.ack", fields(peer.collect(0.03)), ". 0x10 33")
    sock.send(b"abc")
    yield Fact(f"{name}.text", fields(peer.collect(0.03)), ". 0x10 33")
    sock.setsockopt(*tos, 0x20)
    sock.setsockopt(*ttl, 44)
    sock.send(b"abc")
    yield Fact(f"{name}.changed", fields(peer.collect(0.03)), ". 0x20 44")
    yield Fact(f"{name}.repeated", fields(peer.collect(0.3)), ". 0x20 44")
    peer.send(".")
    sock.close()
    yield Fact(f"{name}.fin", fields(peer.collect(0.03)), "F. 0x20 44")
    peer.send(".")
    peer.send("F.")
    yield Fact(f"{name}.last-ack-of-orphan", fields(peer.collect(0.03)), ". 0x20 64")
    peer.send("F.", seq=1)
    yield Fact(f"{name}.time-wait", fields(peer.collect(0.03)), ". 0x20 64")


def ipv4() -> Facts:
    """IPv4."""
    yield from life(Tun(), TOS, TTL, "ip-fields.life4")


def ipv6() -> Facts:
    """IPv6."""
    yield from life(Tun6(), CLASS, HOPS, "ip-fields.life6")


def resets() -> Facts:
    """RSTs of a socket, of a wrong segment, of no socket; the peer's type of service is 0x40."""
    tun = Tun()
    for number, how in enumerate(("abort", "syn-sent", "nobody", "listener", "after-close")):
        peer, sock = Peer(tun, 20 + number), socket.socket()
        sock.setsockopt(*TOS, 0x10)
        sock.setsockopt(*TTL, 33)
        noted = "R 0x40 64"
        if how == "abort":
            sock = peer.open(*((*TOS, 0x10), (*TTL, 33)))
            lab.linger(sock, 1, 0)
            sock.close()
            noted = "R. 0x10 33"
        elif how == "after-close":
            sock = peer.open(*((*TOS, 0x10), (*TTL, 33)))
            sock.close()
            peer.collect(0.02)
            peer.send(".", data=b"abc", mark=0x40)
            noted = "R 0x40 64"
        elif how == "syn-sent":
            sock.bind((KERNEL, 0))
            peer.start(sock)
            peer.collect(0.02)
            peer.send(".", ack=777, mark=0x40)
            noted = "R 0x40 64, S 0x10 33"
        else:
            sock.bind((KERNEL, 0))
            peer.kernel_port = sock.getsockname()[1]
            if how == "listener":
                sock.listen()
            peer.send(".", ack=777, mark=0x40)
        yield Fact(f"ip-fields.reset.{how}", fields(peer.collect(0.03)), noted)
    peer.send(".", ack=777, mark=0x42)
    (answer,) = peer.collect(0.03)
    yield Fact("ip-fields.reset.ecn", (answer.tos, answer.mark), (0x40, 0))


def resets6() -> Facts:
    """IPv6: the RST of no socket, and of a closed one; the two bits of ECN are not returned."""
    tun = Tun6()
    peer, sock = Peer(tun, 7), socket.socket(socket.AF_INET6)
    sock.bind((tun.kernel, 0))
    peer.kernel_port = sock.getsockname()[1]
    peer.send(".", ack=777, mark=0x42)
    (answer,) = peer.collect(0.03)
    yield Fact("ip-fields.reset6.nobody", fields([answer]), "R 0x40 64")
    yield Fact("ip-fields.reset6.nobody.ecn", answer.mark, 0)
    peer = Peer(tun, 8)
    sock = peer.open(*((*CLASS, 0x10), (*HOPS, 33)))
    lab.linger(sock, 1, 0)
    sock.close()
    yield Fact("ip-fields.reset6.abort", fields(peer.collect(0.03)), "R. 0x10 33")


def passive() -> Facts:
    """A listener's values: SYN|ACK, the accepted socket; the peer's type of service is 0x40."""
    tun, listener = Tun(), socket.socket()
    listener.setsockopt(*TOS, 0x10)
    listener.setsockopt(*TTL, 33)
    listener.bind((KERNEL, 0))
    listener.listen(4)
    peer = Peer(tun, 7)
    peer.kernel_port = listener.getsockname()[1]
    peer.send("S", mark=0x40)
    yield Fact("ip-fields.passive.syn-ack", fields(peer.collect(0.03)), "S. 0x10 33")
    peer.send("S", seq=0, mark=0x40)
    yield Fact("ip-fields.passive.again", fields(peer.collect(0.03)), "S. 0x10 33")
    peer.send(".", data=b"abc", seq=1, mark=0x40)
    yield Fact("ip-fields.passive.ack", fields(peer.collect(0.03)), ". 0x10 33")
    listener.setsockopt(*TOS, 0x20)
    sock, _ = listener.accept()
    told = sock.getsockopt(*TOS), sock.getsockopt(*TTL)
    yield Fact("ip-fields.passive.accepted", told, (16, 33))


def time_wait() -> Facts:
    """TIME-WAIT answers as the connection did; the peer's type of service is 0x40."""
    for name, flags, seq in (("fin", "F.", 1), ("text", ".", 1), ("syn-old", "S", 0)):
        peer = Peer(Tun(), 7)
        sock = peer.open(*((*TOS, 0x10), (*TTL, 33)))
        sock.close()
        peer.collect(0.02)
        peer.send(".")
        peer.send("F.")
        peer.collect(0.02)
        peer.send(flags, seq=seq, mark=0x40, data=b"x" if name == "text" else b"")
        yield Fact(f"ip-fields.time-wait.{name}", fields(peer.collect(0.03)), ". 0x10 64")
        lab.shell("ip link del peer0")
    peer = Peer(Tun(), 7)
    sock = peer.open(*((*TOS, 0x10), (*TTL, 33)))
    sock.shutdown(socket.SHUT_WR)
    peer.collect(0.02)
    peer.send(".")
    peer.send("F.")
    yield Fact("ip-fields.last-ack", fields(peer.collect(0.03)), ". 0x10 33")


if __name__ == "__main__":
    lab.main([values, ipv4, ipv6, resets, resets6, passive, time_wait])
