"""Stream sockets of AF_UNIX: names, the queue, connecting, closing. Needs no root.

Runs on a simulated host, too: `lastack run a=docs/kernel-notes/scripts/unix.py` says the same.
"""

from __future__ import annotations

import os
import socket
import stat
import sys
import tempfile
from collections.abc import Iterator

from facts import Fact, outcome, polled, tell


def unix() -> socket.socket:
    """Return a new socket."""
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)


def names(path: str) -> Iterator[Fact]:
    """What a name is, and when it is taken."""
    sock = unix()
    yield "name of a new socket", sock.getsockname(), ""
    yield "listen without a name", outcome(sock.listen), "EINVAL"
    yield "bind", outcome(sock.bind, path), "ok"
    yield "the file is a socket", stat.S_ISSOCK(os.stat(path).st_mode), True
    yield "bind again", outcome(sock.bind, path + "2"), "EINVAL"
    yield "no second file", os.path.exists(path + "2"), False
    yield "bind of another socket", outcome(unix().bind, path), "EADDRINUSE"
    yield "in no directory", outcome(unix().bind, f"{path}3/x"), "ENOENT"
    yield "108 bytes", outcome(unix().bind, "x" * 108), "AF_UNIX path too long"
    sock.close()
    yield "the file stays", os.path.exists(path), True
    yield "bind to a file that stayed", outcome(unix().bind, path), "EADDRINUSE"
    os.unlink(path)
    sock = unix()
    yield "bind of an abstract name", outcome(sock.bind, b"\0lastack"), "ok"
    yield "the same name again", outcome(unix().bind, b"\0lastack"), "EADDRINUSE"
    yield "how it reads", sock.getsockname(), b"\0lastack"
    sock.close()
    yield "it is free after close", outcome(unix().bind, b"\0lastack"), "ok"
    sock = unix()
    sock.bind("")
    name = sock.getsockname()
    yield "an automatic name", (len(name), name[:1]), (6, b"\0")


def connecting(path: str) -> Iterator[Fact]:
    """Who can be connected to, and how many wait to be accepted."""
    client = unix()
    yield "connect, no file", outcome(client.connect, path), "ENOENT"
    open(path, "w").close()
    yield "connect to a plain file", outcome(client.connect, path), "ECONNREFUSED"
    os.unlink(path)
    server = unix()
    server.bind(path)
    yield "connect before listen", outcome(client.connect, path), "ECONNREFUSED"
    yield "accept before listen", outcome(server.accept), "EINVAL"
    yield "send without a connection", outcome(client.send, b"x"), "ENOTCONN"
    yield "recv without a connection", outcome(client.recv, 1), "EINVAL"
    yield "getpeername without one", outcome(client.getpeername), "ENOTCONN"
    yield "poll without one", polled(client), "OUT HUP"
    server.listen(0)
    yield "poll of a listener", polled(server), "nothing"
    yield "SO_ACCEPTCONN", server.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN), 1
    yield "connect, backlog 0", outcome(client.connect, path), "ok"
    yield "poll of the listener", polled(server), "IN"
    second = unix()
    second.setblocking(False)
    yield "a second connect, non-blocking", outcome(second.connect, path), "EAGAIN"
    second.settimeout(0.1)
    yield "and with a time-out", outcome(second.connect, path), "EAGAIN"
    yield "send before accept", client.send(b"early"), 5
    child, name = server.accept()
    yield "name of the client", name, ""
    yield "connect again", outcome(client.connect, path), "EISCONN"
    yield "name of the server", client.getpeername(), path
    yield "name of the accepted one", child.getsockname(), path
    yield "recv", child.recv(9), b"early"
    yield "connect of a listener", outcome(server.connect, path), "EINVAL"
    yield "listen of a connected one", outcome(client.listen), "EINVAL"


def closing(path: str) -> Iterator[Fact]:
    """What the ends see when one is closed."""
    server, client, other = unix(), unix(), unix()
    server.bind(path)
    server.listen()
    client.connect(path)
    other.connect(path)
    client.send(b"last")
    client.close()
    child, _ = server.accept()
    yield "recv after the peer's close", child.recv(9), b"last"
    yield "and then", child.recv(9), b""
    yield "send to it", outcome(child.send, b"x"), "EPIPE"
    server.close()
    yield "recv of one never accepted", outcome(other.recv, 1), "ECONNRESET"
    yield "connect when the listener is gone", outcome(unix().connect, path), "ECONNREFUSED"
    os.unlink(path)
    server, client, late = unix(), unix(), unix()
    server.bind(path)
    server.listen()
    client.connect(path)
    server.shutdown(socket.SHUT_RDWR)
    yield "accept of what waits, after shutdown", server.accept()[1], ""
    yield "accept after shutdown", outcome(server.accept), "EINVAL"
    yield "connect after shutdown", outcome(late.connect, path), "ECONNREFUSED"
    yield "shutdown without a connection", outcome(late.shutdown, socket.SHUT_WR), "ok"


def main() -> int:
    """Print the facts; 1 when one is not as noted."""
    wrong = 0
    for case in (names, connecting, closing):
        with tempfile.TemporaryDirectory() as directory:
            wrong += tell(case(os.path.join(directory, "s")), directory)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
