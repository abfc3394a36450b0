"""Datagram sockets of AF_UNIX: names, peers, queues, closing. Needs no root.

Runs on a simulated host, too: `lastack run a=docs/kernel-notes/scripts/unix_datagrams.py` says the
same.
"""

from __future__ import annotations

import array
import os
import socket
import sys
import tempfile
from collections.abc import Iterator

from facts import Fact, outcome, polled, tell


def unix(kind: int = socket.SOCK_DGRAM) -> socket.socket:
    """Return a new socket that does not wait."""
    sock = socket.socket(socket.AF_UNIX, kind)
    sock.setblocking(False)
    return sock


def pair() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a socketpair that do not wait."""
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    a.setblocking(False)
    b.setblocking(False)
    return a, b


def filled(sock: socket.socket, size: int, *to: str) -> tuple[int, str]:
    """Return how many datagrams go out until one does not, and the errno."""
    for count in range(2000):
        said = outcome(sock.sendto, bytes(size), *to) if to else outcome(sock.send, bytes(size))
        if said != size:
            return count, said
    return 2000, "ok"


def naming(path: str) -> Iterator[Fact]:
    """Who can be sent to, and who is told as sender."""
    client, server, stream = unix(), unix(), unix(socket.SOCK_STREAM)
    yield "poll of a new socket", polled(client), "OUT"
    yield "send without a peer", outcome(client.send, b"x"), "ENOTCONN"
    yield "getpeername without one", outcome(client.getpeername), "ENOTCONN"
    yield "sendto, no file", outcome(client.sendto, b"x", path), "ENOENT"
    open(path, "w").close()
    yield "sendto a plain file", outcome(client.sendto, b"x", path), "ECONNREFUSED"
    os.unlink(path)
    server.bind(path)
    yield "bind of another socket", outcome(unix().bind, path), "EADDRINUSE"
    yield "sendto", client.sendto(b"hello", path), 5
    yield "poll of the receiver", polled(server), "IN OUT"
    yield "recvfrom of one without a name", server.recvfrom(9), (b"hello", None)
    client.bind(path + "2")
    client.sendto(b"named", path)
    yield "recvfrom of one with a name", server.recvfrom(9)[1] == path + "2", True
    yield "recv of nothing", outcome(server.recv, 1), "EAGAIN"
    stream.bind(path + "3")
    stream.listen()
    yield "sendto a stream socket", outcome(client.sendto, b"x", path + "3"), "EPROTOTYPE"
    yield "connect to a stream socket", outcome(client.connect, path + "3"), "EPROTOTYPE"
    yield "a stream connects here", outcome(unix(socket.SOCK_STREAM).connect, path), "EPROTOTYPE"
    yield "listen", outcome(client.listen), "ENOTSUP"
    yield "accept", outcome(client.accept), "ENOTSUP"
    abstract = unix()
    abstract.bind(b"\0lastack dgram")
    yield "sendto an abstract name", client.sendto(b"x", b"\0lastack dgram"), 1
    yield "sendto nobody's abstract name", outcome(client.sendto, b"x", b"\0no"), "ECONNREFUSED"
    yield "sendto the name of one that is gone", gone(client, path + "4"), "ECONNREFUSED"


def gone(client: socket.socket, path: str) -> object:
    """Send to a name whose socket was closed."""
    sock = unix()
    sock.bind(path)
    sock.close()
    return outcome(client.sendto, b"x", path)


def peers(path: str) -> Iterator[Fact]:
    """connect(): to whom one sends, from whom one takes."""
    server, client, other = unix(), unix(), unix()
    server.bind(path)
    client.bind(path + "2")
    client.connect(path)
    yield "getpeername", client.getpeername() == path, True
    yield "connect again", outcome(client.connect, path), "ok"
    itself = outcome(client.sendto, b"x", path + "2")
    yield "sendto oneself, being connected elsewhere", itself, "EPERM"
    other.bind(path + "3")
    yield "sendto elsewhere, being connected", outcome(client.sendto, b"x", path + "3"), 1
    yield "an answer from there", outcome(other.sendto, b"x", path + "2"), "EPERM"
    server.connect(path + "2")
    yield "sendto one who has another peer", outcome(other.sendto, b"x", path), "EPERM"
    yield "connect to one who has another peer", outcome(other.connect, path), "EPERM"
    client.send(b"kept")
    client.close()
    yield "recv after the peer's close", server.recv(9), b"kept"
    yield "and then", outcome(server.recv, 9), "EAGAIN"
    yield "poll then", polled(server), "OUT"
    yield "send to it", outcome(server.send, b"x"), "ECONNREFUSED"
    yield "and again", outcome(server.send, b"x"), "ENOTCONN"
    first, second, third = unix(), unix(), unix()
    first.bind(path + "a")
    second.bind(path + "b")
    third.bind(path + "c")
    first.connect(path + "b")
    second.connect(path + "a")
    second.send(b"old")
    first.connect(path + "c")
    yield "what came from the former peer", outcome(first.recv, 9), "EAGAIN"
    yield "the former peer's next call", outcome(second.send, b"x"), "ECONNRESET"
    yield "and again, send", outcome(second.send, b"x"), "EPERM"


def shape(path: str) -> Iterator[Fact]:
    """A datagram is whole, or cut; empty ones count; descriptors travel with it."""
    a, b = pair()
    yield "names of a socketpair", (a.getsockname(), a.getpeername()), ("", "")
    a.send(b"")
    a.send(b"12345")
    a.send(b"6789")
    yield "an empty one", b.recvfrom(9), (b"", None)
    yield "MSG_PEEK", b.recv(3, socket.MSG_PEEK), b"123"
    yield "MSG_TRUNC tells the length", len(b.recv(3, socket.MSG_PEEK | socket.MSG_TRUNC)), 5
    yield "recvmsg of a part", b.recvmsg(3)[2] == socket.MSG_TRUNC, True
    yield "the rest is lost", b.recv(9), b"6789"
    yield "MSG_OOB", outcome(a.send, b"x", socket.MSG_OOB), "ENOTSUP"
    yield "too long", outcome(a.send, bytes(212_961)), "EMSGSIZE"
    yield "the longest", outcome(a.send, bytes(212_960)), 212_960
    b.recv(1)
    right = array.array("i", [b.fileno()])
    sent = a.sendmsg([b"with"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, right)])
    yield "sendmsg with a descriptor", sent, 4
    text, control, _, _ = b.recvmsg(9, 100)
    yield "recvmsg gives it", (text, len(control)), (b"with", 1)
    copy = socket.socket(fileno=array.array("i", control[0][2])[0])
    yield "what it is", (copy.family, copy.type), (socket.AF_UNIX, socket.SOCK_DGRAM)
    a.sendmsg([], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, right)])
    yield "with no text, too", len(b.recvmsg(9, 100)[1]), 1
    for name in ("SO_TYPE", "SO_DOMAIN", "SO_SNDBUF", "SO_RCVBUF", "SO_ACCEPTCONN"):
        known = {"SO_TYPE": 2, "SO_DOMAIN": 1, "SO_ACCEPTCONN": 0}.get(name, 212_992)
        yield name, a.getsockopt(socket.SOL_SOCKET, getattr(socket, name)), known


def rooms(path: str) -> Iterator[Fact]:
    """How many wait: by number, when the receiver is not one's own peer, and by size."""
    for size, count in ((0, 278), (400, 167), (1000, 93), (10_000, 13), (60_000, 4), (200_000, 2)):
        a, _b = pair()
        yield f"socketpair, {size} bytes", filled(a, size), (count, "EAGAIN")
    server, client = unix(), unix()
    server.bind(path)
    yield "sendto, one byte", filled(client, 1, path), (11, "EAGAIN")
    yield "poll of a sender without a peer", polled(client), "OUT"
    client.connect(path)
    yield "poll of one whose peer is full", polled(client), "nothing"
    server.recv(1)
    yield "after one was read", polled(client), "OUT"
    a, b = pair()
    filled(a, 1000)
    yield "poll of a full one", polled(a), "nothing"
    for _ in range(69):
        b.recv(1)
    yield "three quarters but one read", polled(a), "nothing"
    b.recv(1)
    yield "three quarters read", polled(a), "OUT"


def closing(path: str) -> Iterator[Fact]:
    """shutdown() and close() of one end."""
    a, b = pair()
    a.send(b"left")
    b.send(b"unread")
    a.close()
    yield "recv after close", b.recv(9), b"left"
    yield "no end follows", outcome(b.recv, 9), "EAGAIN"
    yield "send after close", outcome(b.send, b"x"), "ECONNREFUSED"
    a, b = pair()
    a.shutdown(socket.SHUT_WR)
    yield "send after SHUT_WR", outcome(a.send, b"x"), "EPIPE"
    yield "recv at the other end", outcome(b.recv, 9), "EAGAIN"
    b.send(b"x")
    a.shutdown(socket.SHUT_RD)
    yield "poll after both", polled(a), "IN OUT HUP"
    yield "recv after SHUT_RD, what is there", outcome(a.recv, 9), b"x"
    yield "and then, not waiting", outcome(a.recv, 9), "EAGAIN"
    a.settimeout(0.05)
    yield "and with a time-out", outcome(a.recv, 9), "timed out"
    a.settimeout(None)
    yield "and waiting", outcome(a.recv, 9), b""
    yield "send to one who reads no more", outcome(b.send, b"x"), "EPIPE"
    yield "shutdown without a peer", outcome(unix().shutdown, socket.SHUT_RDWR), "ok"


def main() -> int:
    """Print the facts; 1 when one is not as noted."""
    wrong = 0
    for case in (naming, peers, shape, rooms, closing):
        with tempfile.TemporaryDirectory() as directory:
            wrong += tell(case(os.path.join(directory, "s")), directory)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
