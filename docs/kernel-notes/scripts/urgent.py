"""Urgent data: what each call makes of a byte sent with MSG_OOB, and what goes out on the wire."""

from __future__ import annotations

import array
import errno
import fcntl
import select
import socket
import struct
import time

import lab
from lab import Fact, Facts, outcome
from peer import connected, shown

SIOCATMARK = 0x8905
OOB, PEEK = socket.MSG_OOB, socket.MSG_PEEK


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends over loopback, both non-blocking."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    for end in (ours, theirs):
        end.setblocking(False)
    return ours, theirs


def told(sock: socket.socket) -> str:
    """What poll, SIOCINQ and SIOCATMARK say."""
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLPRI)
    bits = dict(poll.poll(0)).get(sock.fileno(), 0)
    names = [n for n, bit in (("IN", select.POLLIN), ("PRI", select.POLLPRI)) if bits & bit]
    numbers = []
    for request in (lab.SIOCINQ, SIOCATMARK):
        answer = array.array("i", [0])
        fcntl.ioctl(sock, request, answer)
        numbers.append(answer[0])
    return f"{'+'.join(names) or '-'} inq={numbers[0]} mark={numbers[1]}"


def read(sock: socket.socket, size: int, flags: int = 0) -> str:
    """What recv() gives: the bytes, EOF or the errno."""
    try:
        return sock.recv(size, flags).decode() or "EOF"
    except OSError as error:
        return errno.errorcode[error.errno or 0]


def between() -> Facts:
    """abX with X urgent, then cd."""
    ours, theirs = pair()
    yield Fact("MSG_OOB with nothing urgent", read(theirs, 1, OOB), "EINVAL")
    ours.send(b"abX", OOB)
    ours.send(b"cd")
    time.sleep(0.05)
    yield Fact("abX cd has come", told(theirs), "IN+PRI inq=2 mark=0")
    yield Fact("recv(100) stops before the mark", read(theirs, 100), "ab")
    yield Fact("at the mark", told(theirs), "IN+PRI inq=0 mark=1")
    yield Fact("MSG_PEEK looks past it", read(theirs, 100, PEEK), "cd")
    yield Fact("MSG_OOB|MSG_PEEK", read(theirs, 1, OOB | PEEK), "X")
    yield Fact("MSG_OOB", read(theirs, 1, OOB), "X")
    yield Fact("MSG_OOB again", read(theirs, 1, OOB), "EINVAL")
    yield Fact("after that", told(theirs), "IN inq=0 mark=1")
    yield Fact("recv(100) goes on behind it", read(theirs, 100), "cd")
    yield Fact("past the mark", told(theirs), "- inq=0 mark=0")


def alone() -> Facts:
    """One urgent byte and nothing else."""
    ours, theirs = pair()
    ours.send(b"X", OOB)
    time.sleep(0.05)
    yield Fact("a lone urgent byte", told(theirs), "PRI inq=0 mark=1")
    yield Fact("recv() instead of MSG_OOB", read(theirs, 10), "EAGAIN")
    yield Fact("and the byte is gone", read(theirs, 1, OOB), "EINVAL")
    theirs.close()
    time.sleep(0.05)
    yield Fact("close() after it was skipped", read(ours, 1), "EOF")


def taken() -> Facts:
    """The byte is taken with MSG_OOB, and the stream never read past it."""
    ours, theirs = pair()
    ours.send(b"X", OOB)
    time.sleep(0.05)
    yield Fact("taken", read(theirs, 1, OOB), "X")
    theirs.close()
    time.sleep(0.05)
    yield Fact("close() with only the taken byte in the queue", outcome(ours.recv, 1), "ECONNRESET")


def inline() -> Facts:
    """SO_OOBINLINE."""
    ours, theirs = pair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    ours.send(b"abX", OOB)
    ours.send(b"cd")
    time.sleep(0.05)
    yield Fact("in line", told(theirs), "IN+PRI inq=5 mark=0")
    yield Fact("in line, MSG_OOB", read(theirs, 1, OOB), "EINVAL")
    yield Fact("in line, recv(100) stops once", read(theirs, 100), "ab")
    yield Fact("in line, at the mark", told(theirs), "IN+PRI inq=3 mark=1")
    yield Fact("in line, the rest", read(theirs, 100), "Xcd")


def twice() -> Facts:
    """A second urgent byte before the first was taken."""
    ours, theirs = pair()
    for text in (b"abX", b"cdY"):
        ours.send(text, OOB)
        time.sleep(0.05)
    yield Fact("abX cdY", told(theirs), "IN+PRI inq=5 mark=0")
    yield Fact("abX cdY, MSG_OOB gives the last", read(theirs, 1, OOB), "Y")
    yield Fact("abX cdY, the first is in the stream", read(theirs, 100), "abXcd")
    ours, theirs = pair()
    for text in (b"X", b"Y"):
        ours.send(text, OOB)
        time.sleep(0.05)
    yield Fact("X Y, read up to the first mark", told(theirs), "PRI inq=0 mark=1")
    yield Fact("X Y, MSG_OOB", read(theirs, 1, OOB), "Y")
    yield Fact("X Y, the first is gone", read(theirs, 100), "EAGAIN")


def ended() -> Facts:
    """FIN and RST behind an urgent byte."""
    ours, theirs = pair()
    ours.send(b"abX", OOB)
    ours.close()
    time.sleep(0.05)
    yield Fact("FIN behind it", f"{read(theirs, 9)} {read(theirs, 9)}", "ab EOF")
    ours, theirs = pair()
    ours.send(b"X", OOB)
    time.sleep(0.05)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    ours.close()
    time.sleep(0.05)
    yield Fact("RST behind it, MSG_OOB", read(theirs, 1, OOB), "ENOTCONN")
    yield Fact("RST behind it, recv", read(theirs, 1), "ECONNRESET")


def wire() -> Facts:
    """The pointer that the kernel sends, and which byte it takes a pointer for."""
    sock, peer = connected()
    sock.send(b"abX", OOB)
    yield Fact("MSG_OOB of 3 bytes", shown(peer.collect(0.05, acknowledge=True)),
               ".U seq=1 ack=1 len=3 urg=3")  # fmt: skip
    sock.send(b"cd")
    yield Fact("what follows", shown(peer.collect(0.05, acknowledge=True)), ". seq=4 ack=1 len=2")
    sock.setblocking(False)
    peer.send(".U", data=b"abX", up=3)
    time.sleep(0.05)
    yield Fact("pointer 3 of abX", read(sock, 1, OOB), "X")
    peer.send(".U", data=b"abX", up=0)
    time.sleep(0.05)
    yield Fact("pointer 0 is as 1", read(sock, 1, OOB), "a")
    peer.send(".U", data=b"cd", up=9)
    time.sleep(0.05)
    yield Fact("pointer beyond the text", outcome(sock.recv, 1, OOB), "EAGAIN")
    yield Fact("and it does not wait when blocking", blocking(sock), "EAGAIN")
    sock.close()


def shut() -> Facts:
    """Pointers that come while our window is 0: without text, with text, with a byte of it."""
    for name, data, up, answer, told_byte in (
        ("without text", b"", 1, [], "EAGAIN"),
        ("with text", b"X", 1, ["."], "EINVAL"),
        ("with more text", bytes(100), 50, ["."], "EINVAL"),
    ):
        sock, peer = connected((socket.SOL_SOCKET, socket.SO_RCVBUF, 4096))
        sock.setblocking(False)
        window = 1
        for _ in range(60):
            if not window:
                break
            peer.send(".", data=bytes(min(window, 500)))
            seen = peer.collect(0.05)
            window = seen[-1].window if seen else window
        yield Fact(f"window 0, {name}: the window", window, 0)
        peer.send(".U", data=data, up=up, seq=peer.next)
        yield Fact(f"window 0, {name}: answer", [one.flags for one in peer.collect(0.05)], answer)
        yield Fact(f"window 0, {name}: poll", told(sock).split()[0], "IN")
        yield Fact(f"window 0, {name}: MSG_OOB", read(sock, 1, OOB), told_byte)
        lab.shell("ip link del peer0")


def blocking(sock: socket.socket) -> str:
    """recv(MSG_OOB) on a blocking socket whose urgent byte has not come."""
    sock.setblocking(True)
    return outcome(sock.recv, 1, OOB)


if __name__ == "__main__":
    lab.main([between, alone, taken, inline, twice, ended, wire, shut])
