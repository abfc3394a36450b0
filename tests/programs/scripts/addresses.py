"""bind() and listen() and their errors: EADDRINUSE, SO_REUSEADDR, port 0, a second listener."""

import errno
import socket
import sys

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def attempt(what, function, *args):
    try:
        result = function(*args)
    except OSError as error:
        result = errno.errorcode[error.errno]
    print(what, result)


def server():
    first = socket.socket()
    attempt("bind", first.bind, ("", port))
    second = socket.socket()
    attempt("same port", second.bind, ("127.0.0.1", port))
    second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    attempt("one with SO_REUSEADDR", second.bind, ("127.0.0.1", port))
    first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    attempt("both with it", second.bind, ("", port))
    attempt("bind again", second.bind, ("", port))
    attempt("accept before listen", first.accept)
    attempt("recv before connect", first.recv, 1)
    attempt("send before connect", first.send, b"x")
    attempt("getpeername", first.getpeername)
    attempt("shutdown", first.shutdown, socket.SHUT_RDWR)
    attempt("listen", first.listen, 5)
    attempt("listen on the other", second.listen, 5)
    attempt("connect a listener", first.connect, (peer, port))
    attempt("no such address here", socket.socket().bind, ("192.0.2.1", 0))
    free = socket.socket()
    attempt("port 0", free.bind, ("", 0))
    print(free.getsockname()[1] > 1023, first.getsockname() == ("0.0.0.0", port))
    print(first.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN),
          free.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))  # fmt: skip
    print(first.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_STREAM)
    for name in ("SO_REUSEADDR", "SO_KEEPALIVE"):
        print(name, first.getsockopt(socket.SOL_SOCKET, getattr(socket, name)))
    connection, _ = first.accept()
    attempt("connect what is connected", connection.connect, (peer, port))
    attempt("listen on what is connected", connection.listen)

    connection.close()
    attempt("closed", connection.fileno)
    attempt("recv on closed", connection.recv, 1)


def client():
    sock = socket.socket()
    attempt("connect", sock.connect, (peer, port))
    attempt("connect again", sock.connect, (peer, port))
    attempt("connect_ex again", sock.connect_ex, (peer, port))
    attempt("listen", sock.listen)
    attempt("bind", sock.bind, ("", 0))
    attempt("accept", sock.accept)
    other = socket.socket()
    attempt("own port is taken", other.bind, ("", sock.getsockname()[1]))
    print(sock.recv(1))
    sock.close()
    attempt("nobody listens", other.connect, (peer, 1))
    attempt("try again", other.connect, (peer, 1))


{"server": server, "client": client}[role]()
