"""MSG_* flags of recv and send, SO_PEEK_OFF, and what recvmsg says in msg_flags."""

from __future__ import annotations

import socket
import time

import lab
from lab import Between, Fact, Facts
from peer import connected, shown

WAITALL, PEEK, TRUNC, MORE = (
    socket.MSG_WAITALL, socket.MSG_PEEK, socket.MSG_TRUNC, socket.MSG_MORE,
)  # fmt: skip


def waitall() -> Facts:
    """MSG_WAITALL returns early at a FIN, an RST, SHUT_RD; MSG_PEEK waits for all, too."""
    for name, first in (("fin", b"ab"), ("reset", b"ab"), ("fin-alone", b""), ("reset-alone", b"")):
        a, b = lab.pair()
        b.send(first) if first else None
        call = lab.background(lab.timed, a.recv, 9, WAITALL)
        time.sleep(0.1)
        if name.startswith("reset"):
            lab.linger(b, 1, 0)
        b.close()
        noted = "2 bytes" if first else ("EOF" if name.startswith("fin") else "ECONNRESET")
        yield Fact(f"flags.waitall.{name}", call.result(timeout=2).outcome, noted)
        after = "EOF" if name != "reset" else "ECONNRESET"
        yield Fact(f"flags.waitall.{name}.then", lab.outcome(a.recv, 1), after)
    a, b = lab.pair()
    b.send(b"ab")
    call = lab.background(lab.timed, a.recv, 9, WAITALL)
    time.sleep(0.1)
    a.shutdown(socket.SHUT_RD)
    yield Fact("flags.waitall.shut-rd", call.result(timeout=2).outcome, "2 bytes")
    a, b = lab.pair()
    b.send(b"ab")
    call = lab.background(lab.timed, a.recv, 4, WAITALL | PEEK)
    time.sleep(0.2)
    yield Fact("flags.waitall.peek-waits", call.done(), False)
    b.send(b"cd")
    yield Fact("flags.waitall.peek", call.result(timeout=2).outcome, "4 bytes")
    a, b = lab.pair()
    b.send(b"ab")
    time.sleep(0.02)
    yield Fact("flags.waitall.dontwait",
               lab.outcome(a.recv, 9, WAITALL | socket.MSG_DONTWAIT), "2 bytes")  # fmt: skip
    call = lab.background(lab.timed, a.recv, 4, WAITALL)
    time.sleep(0.05)
    b.send(b"ab")
    time.sleep(0.05)
    yield Fact("flags.waitall.queue-is-emptied-meanwhile", lab.queued(a, lab.SIOCINQ), 0)
    b.send(b"cd")
    yield Fact("flags.waitall.whole", call.result(timeout=2).outcome, "4 bytes")


def trunc() -> Facts:
    """MSG_TRUNC throws data of a stream away and tells how much; a buffer stays as it was."""
    a, b = lab.pair()
    b.send(b"abcdef")
    time.sleep(0.02)
    buffer = bytearray(b"....")
    yield Fact("flags.trunc.peek", a.recv_into(buffer, 4, TRUNC | PEEK), 4)
    yield Fact("flags.trunc.peek.left", lab.queued(a, lab.SIOCINQ), 6)
    yield Fact("flags.trunc", a.recv_into(buffer, 4, TRUNC), 4)
    yield Fact("flags.trunc.buffer", bytes(buffer), b"....")
    yield Fact("flags.trunc.left", a.recv(9), b"ef")
    yield Fact("flags.trunc.empty", lab.outcome(a.recv, 1, TRUNC | socket.MSG_DONTWAIT), "EAGAIN")
    b.close()
    time.sleep(0.02)
    yield Fact("flags.trunc.eof", lab.outcome(a.recv, 1, TRUNC), "EOF")
    sock, peer = connected()
    peer.send(".", data=b"data")
    peer.collect(0.02)
    sock.recv(9, TRUNC)
    peer.collect(0.02)
    lab.close(sock)
    yield Fact("flags.trunc.close", shown(peer.collect(0.1)), "F. seq=1 ack=5")


def datagrams() -> Facts:
    """UDP: MSG_TRUNC makes the call return the true length; msg_flags tells of a cut."""
    a, b = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    a.bind(("127.0.0.1", 0))
    for _ in range(5):
        b.sendto(b"0123456789", a.getsockname())
    buffer = bytearray(b".....")
    yield Fact("flags.udp.trunc", a.recv_into(buffer, 3, TRUNC), 10)
    yield Fact("flags.udp.trunc.buffer", bytes(buffer), b"012..")
    yield Fact("flags.udp.recvmsg.cut", a.recvmsg(3)[:3], (b"012", [], int(TRUNC)))
    yield Fact("flags.udp.recvmsg.fits", a.recvmsg(10)[:3], (b"0123456789", [], 0))
    yield Fact("flags.udp.recvmsg.peek", a.recvmsg(3, 0, PEEK)[:3],
               (b"012", [], int(TRUNC)))  # fmt: skip
    yield Fact("flags.udp.recvmsg.trunc", a.recvmsg_into([buffer], 0, TRUNC)[0::2][:2],
               (10, int(TRUNC | TRUNC)))  # fmt: skip
    yield Fact("flags.udp.waitall", lab.outcome(a.recv, 99, WAITALL), "10 bytes")
    b.sendto(b"", a.getsockname())
    yield Fact("flags.udp.empty", a.recvfrom(9)[0], b"")
    b.connect(a.getsockname())
    yield Fact("flags.udp.empty-send", b.send(b""), 0)
    yield Fact("flags.udp.empty-arrives", a.recv(9), b"")
    b.send(b"one ", MORE)
    yield Fact("flags.udp.more.held", lab.outcome(a.recv, 9, socket.MSG_DONTWAIT), "EAGAIN")
    yield Fact("flags.udp.more.held-outq", lab.queued(b, lab.SIOCOUTQ) > 0, True)
    b.send(b"two")
    yield Fact("flags.udp.more", a.recv(99), b"one two")
    b.send(b"x", MORE)
    b.close()
    time.sleep(0.02)
    yield Fact("flags.udp.more.close", lab.outcome(a.recv, 9, socket.MSG_DONTWAIT), "EAGAIN")


def more() -> Facts:
    """MSG_MORE on a stream is TCP_CORK for one call: what does not fill a segment waits."""
    sock, peer = connected()
    sock.send(b"part", MORE)
    yield Fact("flags.more.held", shown(peer.collect(0.1)), "nothing")
    sock.send(b"rest")
    yield Fact("flags.more.joined", shown(peer.collect(0.05)), ". seq=1 ack=1 len=8")
    peer.send(".")
    start = time.monotonic()
    sock.send(b"part", MORE)
    segment = peer.receive(2)
    waited = segment.at - start if segment else -1
    yield Fact("flags.more.persist", waited, Between(0.18, 0.26))
    peer.send(".")
    sock.send(bytes(2000), MORE)
    yield Fact(
        "flags.more.full-segments-leave", shown(peer.collect(0.05)), ". seq=13 ack=1 len=1460"
    )
    peer.send(".")
    yield Fact("flags.more.an-ack-sends-it", shown(peer.collect(0.05)), ". seq=1473 ack=1 len=540")
    peer.send(".")
    sock.send(b"part", MORE)
    sock.shutdown(socket.SHUT_WR)
    yield Fact("flags.more.shutdown", shown(peer.collect(0.05)), "F. seq=2013 ack=1 len=4")


def peek_offset() -> Facts:
    """SO_PEEK_OFF: off at first; each peek goes on where the last one ended, a read takes back."""
    so_peek_off = 42
    for name in ("tcp", "udp", "pair"):
        if name == "tcp":
            a, b = lab.pair()
        elif name == "pair":
            a, b = socket.socketpair()
        else:
            a, b = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
            a.bind(("127.0.0.1", 0))
            b.connect(a.getsockname())
        yield Fact(f"flags.peek-off.{name}", a.getsockopt(1, so_peek_off), -1)
        yield Fact(f"flags.peek-off.{name}.set", lab.outcome(a.setsockopt, 1, so_peek_off, 1), "ok")
        b.send(b"abcdef")
        time.sleep(0.02)
        yield Fact(f"flags.peek-off.{name}.peek", a.recv(2, PEEK), b"bc")
        yield Fact(f"flags.peek-off.{name}.moved", a.getsockopt(1, so_peek_off), 3)
        yield Fact(f"flags.peek-off.{name}.peek-again", a.recv(9, PEEK), b"def")
        yield Fact(f"flags.peek-off.{name}.read", a.recv(2), b"ab")
        yield Fact(f"flags.peek-off.{name}.back", a.getsockopt(1, so_peek_off), 4)


def strange() -> Facts:
    """Flags that a stream does not know, and others that change nothing."""
    a, b = lab.pair()
    for name, flag in (("eor", 0x80), ("confirm", 0x800), ("dontroute", 4), ("unknown", 0x8),
                       ("ctrunc", 8), ("zerocopy", 0x4000000), ("fastopen", 0x20000000),
                       ("proxy", 0x10), ("batch", 0x40000)):  # fmt: skip
        yield Fact(f"flags.send.{name}", lab.outcome(a.send, b"x", flag),
                   "ok" if name != "fastopen" else "EISCONN")  # fmt: skip
    time.sleep(0.05)
    for name, flag in (("errqueue", 0x2000), ("dontroute", 4), ("cloexec", 0x40000000)):
        yield Fact(f"flags.recv.{name}", lab.outcome(b.recv, 1, flag),
                   "EAGAIN" if name == "errqueue" else "1 bytes")  # fmt: skip
    c = socket.socket()
    c.bind(("127.0.0.1", 0))
    c.listen()
    yield Fact("flags.listener.recv", lab.outcome(c.recv, 1), "ENOTCONN")
    yield Fact("flags.listener.send", lab.outcome(c.send, b"x"), "EPIPE")
    a.close()


if __name__ == "__main__":
    lab.main([waitall, trunc, datagrams, more, peek_offset, strange])
