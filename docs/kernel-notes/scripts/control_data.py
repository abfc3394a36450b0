"""Control data of sendmsg and recvmsg: IP_PKTINFO, IP_RECVTTL, IP_RECVTOS, SCM_RIGHTS; TCP's."""

from __future__ import annotations

import array
import os
import select
import socket
import struct
import time

import lab
from lab import Fact, Facts
from peer import connected, shown

IP, UDP = socket.IPPROTO_IP, socket.SOCK_DGRAM
IP_TOS, IP_TTL, IP_PKTINFO, IP_RECVTTL, IP_RECVTOS = 1, 2, 8, 12, 13
HERE = "127.0.0.1"
ROOM = 256
Control = list[tuple[int, int, bytes]]


def two() -> tuple[socket.socket, socket.socket, tuple[str, int]]:
    """A bound UDP socket, one that sends, and the address of the first."""
    a, b = socket.socket(socket.AF_INET, UDP), socket.socket(socket.AF_INET, UDP)
    a.bind(("0.0.0.0", 0))
    return a, b, (HERE, a.getsockname()[1])


def shows(control: Control) -> list[tuple[int, int, str]]:
    """Control data with its bytes in hexadecimal."""
    return [(level, kind, data.hex()) for level, kind, data in control]


def received() -> Facts:
    """What a datagram brings along, by option; in the order of the kernel."""
    a, b, name = two()
    b.sendto(b"x", name)
    yield Fact("control.udp.none", shows(a.recvmsg(9, ROOM)[1]), [])
    for option in (IP_PKTINFO, IP_RECVTTL, IP_RECVTOS):
        a.setsockopt(IP, option, 1)
    lo = socket.if_nametoindex("lo")
    info = struct.pack("i4s4s", lo, socket.inet_aton(HERE), socket.inet_aton(HERE)).hex()
    b.sendto(b"x", name)
    _, control, flags, _ = a.recvmsg(9, ROOM)
    yield Fact("control.udp.all", shows(control),
               [(0, IP_PKTINFO, info), (0, IP_TTL, "40000000"), (0, IP_TOS, "00")])  # fmt: skip
    yield Fact("control.udp.all.flags", flags, 0)
    b.setsockopt(IP, IP_TTL, 7)
    b.setsockopt(IP, IP_TOS, 0x12)
    b.sendto(b"x", name)
    control = a.recvmsg(9, ROOM)[1]
    yield Fact(
        "control.udp.options", shows(control)[1:], [(0, IP_TTL, "07000000"), (0, IP_TOS, "12")]
    )
    for room, fits, cut in (
        (0, 0, True), (8, 0, True), (15, 0, True), (16, 1, True), (20, 1, True), (28, 1, True),
        (32, 1, True), (56, 2, True), (52, 2, True), (72, 3, True), (73, 3, False), (80, 3, False),
    ):  # fmt: skip
        b.sendto(b"x", name)
        _, control, flags, _ = a.recvmsg(9, room)
        seen = len(control), bool(flags & socket.MSG_CTRUNC)
        yield Fact(f"control.udp.room-{room}", seen, (fits, cut))
    b.sendto(b"x", name)
    yield Fact("control.udp.recvfrom", a.recvfrom(9)[0], b"x")
    for option in (IP_PKTINFO, IP_RECVTTL, IP_RECVTOS):
        a.setsockopt(IP, option, 0)


def sent() -> Facts:
    """sendmsg with IP_TTL, IP_TOS and IP_PKTINFO for one datagram."""
    a, b, name = two()
    for option in (IP_PKTINFO, IP_RECVTTL, IP_RECVTOS):
        a.setsockopt(IP, option, 1)

    def send(control: Control) -> str:
        return lab.outcome(b.sendmsg, [b"x"], control, 0, name)

    def arrives() -> str:
        _, control, _, source = a.recvmsg(9, ROOM)
        by = {kind: value for _, kind, value in control}
        ttl, tos = struct.unpack("i", by[IP_TTL])[0], by[IP_TOS][0]
        return f"from {source[0]} ttl {ttl} tos {tos}"

    for label, control, noted, told in (
        ("ttl", [(IP, IP_TTL, struct.pack("i", 9))], "ok", f"from {HERE} ttl 9 tos 0"),
        ("tos", [(IP, IP_TOS, struct.pack("i", 8))], "ok", f"from {HERE} ttl 64 tos 8"),
        ("tos-byte", [(IP, IP_TOS, b"\x10")], "ok", f"from {HERE} ttl 64 tos 16"),
        ("pktinfo", [(IP, IP_PKTINFO, struct.pack("i4s4s", 0, socket.inet_aton("127.0.0.5"),
                                                  bytes(4)))], "ok", "from 127.0.0.5 ttl 64 tos 0"),
        ("pktinfo-index", [(IP, IP_PKTINFO, struct.pack("i8x", 1))], "ok",
         f"from {HERE} ttl 64 tos 0"),
        ("all", [(IP, IP_TTL, struct.pack("i", 9)), (IP, IP_TOS, struct.pack("i", 8))], "ok",
         f"from {HERE} ttl 9 tos 8"),
        ("ttl-0", [(IP, IP_TTL, struct.pack("i", 0))], "EINVAL", ""),
        ("ttl-256", [(IP, IP_TTL, struct.pack("i", 256))], "EINVAL", ""),
        ("ttl-short", [(IP, IP_TTL, b"\1")], "EINVAL", ""),
        ("tos-256", [(IP, IP_TOS, struct.pack("i", 256))], "EINVAL", ""),
        ("pktinfo-short", [(IP, IP_PKTINFO, bytes(11))], "EINVAL", ""),
        ("pktinfo-foreign", [(IP, IP_PKTINFO, struct.pack("i4s4x", 0, b"\1\2\3\4"))], "ENETUNREACH",
         ""),
        ("pktinfo-no-interface", [(IP, IP_PKTINFO, struct.pack("i8x", 99))], "ENODEV", ""),
        ("unknown", [(IP, 99, b"abcd")], "EINVAL", ""),
        ("other-level", [(99, 1, b"abcd")], "ok", f"from {HERE} ttl 64 tos 0"),
        ("rights", [(1, socket.SCM_RIGHTS, struct.pack("i", 0))], "ok",
         f"from {HERE} ttl 64 tos 0"),
        ("socket-unknown", [(1, 77, bytes(4))], "EINVAL", ""),
    ):  # fmt: skip
        yield Fact(f"control.send.{label}", send(control), noted)
        if noted == "ok":
            yield Fact(f"control.send.{label}.arrives", arrives(), told)


def options() -> Facts:
    """IP_TTL and IP_TOS as options: values, errors, UDP and TCP."""
    for kind, name in ((UDP, "udp"), (socket.SOCK_STREAM, "tcp")):
        sock = socket.socket(socket.AF_INET, kind)
        seen = [sock.getsockopt(IP, option) for option in (IP_TTL, IP_TOS, IP_RECVTTL, IP_RECVTOS,
                                                           IP_PKTINFO)]  # fmt: skip
        yield Fact(f"control.option.{name}", seen, [64, 0, 0, 0, 0])
        for value, noted in ((1, 1), (255, 255), (-1, 64)):
            sock.setsockopt(IP, IP_TTL, value)
            yield Fact(f"control.option.{name}.ttl.{value}", sock.getsockopt(IP, IP_TTL), noted)
        for value in (0, 256):
            seen = lab.outcome(sock.setsockopt, IP, IP_TTL, value)
            yield Fact(f"control.option.{name}.ttl.{value}", seen, "EINVAL")
        for value, noted in (
            (0x10, 0x10),
            (0x1FF, 0xFF if name == "udp" else 0xFC),
            (3, 3 if name == "udp" else 0),
        ):
            sock.setsockopt(IP, IP_TOS, value)
            yield Fact(f"control.option.{name}.tos.{value}", sock.getsockopt(IP, IP_TOS), noted)
        sock.setsockopt(IP, IP_TOS, b"\x10")
        yield Fact(f"control.option.{name}.tos.byte", sock.getsockopt(IP, IP_TOS, 1), b"\x10")
        sock.setsockopt(IP, IP_TTL, b"\x09")
        yield Fact(f"control.option.{name}.ttl.byte", sock.getsockopt(IP, IP_TTL, 1), b"\x09")


def streams() -> Facts:
    """TCP has no control data to give without time stamps; what sendmsg is given."""
    a, b = lab.pair()
    for option in (IP_PKTINFO, IP_RECVTTL, IP_RECVTOS):
        a.setsockopt(IP, option, 1)
    b.send(b"abc")
    time.sleep(0.02)
    yield Fact("control.tcp.recvmsg", a.recvmsg(9, ROOM), (b"abc", [], 0, None))
    for label, control, noted in (
        ("ttl", [(IP, IP_TTL, struct.pack("i", 9))], "ok"),
        ("ttl-short", [(IP, IP_TTL, b"\1")], "ok"),
        ("unknown", [(IP, 99, b"abcd")], "ok"),
        ("rights", [(1, socket.SCM_RIGHTS, struct.pack("i", 0))], "ok"),
        ("socket-unknown", [(1, 77, bytes(4))], "EINVAL"),
    ):
        yield Fact(f"control.tcp.send.{label}", lab.outcome(b.sendmsg, [b"x"], control), noted)
    sock, peer = connected()
    sock.sendmsg([b"one ", b"", b"two ", b"three"])
    yield Fact("control.tcp.several-buffers", shown(peer.collect(0.05)), ". seq=1 ack=1 len=13")


def rights() -> Facts:
    """SCM_RIGHTS over a socketpair: the reference, where it arrives, what cuts it."""
    a, b = socket.socketpair()
    b.settimeout(0.2)

    def give(sock: socket.socket, *fds: int, data: bytes = b"x") -> str:
        raw = array.array("i", fds)
        return lab.outcome(sock.sendmsg, [data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, raw)])

    def take(sock: socket.socket, room: int = ROOM) -> tuple[bytes, int, int]:
        data, control, told, _ = sock.recvmsg(99, room)
        fds = array.array("i")
        for _, _, value in control:
            fds.frombytes(value[: len(value) - len(value) % 4])
        for fd in fds:
            os.close(fd)
        return data, len(fds), int(told & ~socket.MSG_CMSG_CLOEXEC)

    null = os.open("/dev/null", os.O_RDONLY)
    yield Fact("control.rights", (give(a, null), take(b)), ("ok", (b"x", 1, 0)))
    yield Fact("control.rights.two", (give(a, null, null), take(b)), ("ok", (b"x", 2, 0)))
    yield Fact("control.rights.bad", give(a, 999), "EBADF")
    yield Fact("control.rights.no-data", give(a, null, data=b""), "ok")
    ctrunc = int(socket.MSG_CTRUNC)
    for room, noted in ((0, (0, ctrunc)), (16, (0, ctrunc)), (20, (1, ctrunc)), (24, (2, 0))):
        give(a, null, null)
        yield Fact(f"control.rights.room-{room}", take(b, room)[1:], noted)
    give(a, null)
    yield Fact("control.rights.recv-drops-them", b.recv(9), b"x")
    a.send(b"before")
    give(a, null, data=b"with")
    a.send(b"after")
    seen = [take(b), take(b)]
    yield Fact("control.rights.boundaries", seen, [(b"beforewith", 1, 0), (b"after", 0, 0)])


def rights_more() -> Facts:
    """Descriptors in the middle of a stream, peeked at, and left behind."""
    a, b = socket.socketpair()
    b.settimeout(0.2)
    null = os.open("/dev/null", os.O_RDONLY)
    raw = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null]))]
    a.sendmsg([b"one"], raw)
    a.sendmsg([b"two"], raw)
    seen = b.recvmsg(99, ROOM)
    yield Fact("control.rights.two-messages", (seen[0], len(seen[1])), (b"one", 1))
    seen = b.recvmsg(1, ROOM)
    yield Fact("control.rights.part", (seen[0], len(seen[1])), (b"t", 1))
    seen = b.recvmsg(9, ROOM)
    yield Fact("control.rights.rest", (seen[0], len(seen[1])), (b"wo", 0))
    a.sendmsg([b"one"], raw)
    seen = b.recvmsg(9, ROOM, socket.MSG_PEEK)
    yield Fact("control.rights.peek", (seen[0], len(seen[1])), (b"one", 1))
    seen = b.recvmsg(9, ROOM)
    yield Fact("control.rights.peeked", (seen[0], len(seen[1])), (b"one", 1))
    a.sendmsg([b"aa"])
    a.sendmsg([b"bb"], raw)
    a.sendmsg([b"cc"])
    a.sendmsg([b"dd"], raw)
    seen = [(data, len(control)) for data, control, _, _ in (b.recvmsg(99, ROOM) for _ in range(2))]
    yield Fact("control.rights.mixed", seen, [(b"aabb", 1), (b"ccdd", 1)])
    r, w = os.pipe()
    a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [w]))])
    os.close(w)
    os.set_blocking(r, False)
    yield Fact("control.rights.in-flight-holds", lab.outcome(os.read, r, 1), "EAGAIN")
    b.close()
    yield Fact("control.rights.receiver-gone", lab.outcome(os.read, r, 1), "EOF")


def inq() -> Facts:
    """TCP_INQ: with every recvmsg() comes how much is left, a FIN that has come counting one."""
    client, server = lab.pair()
    level, inq = socket.IPPROTO_TCP, 36
    yield Fact("control.inq.fresh", server.getsockopt(level, inq), 0)
    yield Fact("control.inq.2", lab.outcome(server.setsockopt, level, inq, 2), "EINVAL")
    server.setsockopt(level, inq, 1)
    client.send(b"0123456789")
    time.sleep(0.02)
    for name, size, room, noted in (
        ("part", 4, 64, [(level, inq, "06000000")]),
        ("cut", 1, 18, [(level, inq, "0500")]),
        ("no-room", 1, 0, []),
        ("all", 9, 64, [(level, inq, "00000000")]),
    ):
        _, control, flags, _ = server.recvmsg(size, room)
        yield Fact(f"control.inq.{name}", shows(control), noted)
        truncated = bool(flags & socket.MSG_CTRUNC)
        yield Fact(f"control.inq.{name}.ctrunc", truncated, name in ("cut", "no-room"))
    client.send(b"0123456789")
    client.close()
    time.sleep(0.02)
    for name, size, noted in (("before-fin", 4, "07000000"), ("fin", 9, "01000000")):
        _, control, *_ = server.recvmsg(size, 64)
        yield Fact(f"control.inq.{name}", shows(control), [(level, inq, noted)])
    text, control, *_ = server.recvmsg(9, 64)
    yield Fact("control.inq.eof", (text, shows(control)), (b"", [(level, inq, "01000000")]))


def zerocopy() -> Facts:
    """SO_ZEROCOPY over loopback: the error queue says which sends are done, and that it copied."""
    client, server = lab.pair()
    option, flag = 60, 0x4000000
    yield Fact("control.zerocopy.fresh", client.getsockopt(socket.SOL_SOCKET, option), 0)
    said = lab.outcome(client.setsockopt, socket.SOL_SOCKET, option, 2)
    yield Fact("control.zerocopy.2", said, "EINVAL")
    client.send(b"x", flag)
    told = lab.outcome(client.recvmsg, 9, 200, socket.MSG_ERRQUEUE)
    yield Fact("control.zerocopy.without-option", told, "EAGAIN")
    client.setsockopt(socket.SOL_SOCKET, option, 1)
    for size in (0, 5, 5):
        client.send(bytes(size), flag)
    poll = select.poll()
    poll.register(client, select.POLLOUT)
    yield Fact("control.zerocopy.poll", poll.poll(0)[0][1], select.POLLOUT | select.POLLERR)
    text, control, flags, _ = client.recvmsg(9, 200, socket.MSG_ERRQUEUE)
    noted = [(0, 11, "00000000050001000000000001000000" + 16 * "00")]
    yield Fact("control.zerocopy.told", (text, shows(control)), (b"", noted))
    yield Fact("control.zerocopy.flags", flags, int(socket.MSG_ERRQUEUE))
    yield Fact("control.zerocopy.poll-later", poll.poll(0)[0][1], select.POLLOUT)
    client.send(b"x", flag)
    _, control, *_ = client.recvmsg(9, 200, socket.MSG_ERRQUEUE)
    yield Fact("control.zerocopy.third", shows(control)[0][2][16:32], "0200000002000000")
    server.close()


if __name__ == "__main__":
    lab.main([received, sent, options, streams, rights, rights_more, inq, zerocopy])
