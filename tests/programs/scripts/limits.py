"""SO_RCVTIMEO and SO_SNDTIMEO: recv, accept, connect, send, sendall; what they return in part."""

import errno
import socket
import struct
import sys
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def limit(sock, name, seconds):
    whole = int(seconds)
    sock.setsockopt(
        socket.SOL_SOCKET, name, struct.pack("ll", whole, round((seconds - whole) * 1e6))
    )


def stored(sock, name):
    return struct.unpack("ll", sock.getsockopt(socket.SOL_SOCKET, name, 16))


def tried(what, call, *arguments, least=0.3):
    begun = time.monotonic()
    try:
        result = call(*arguments)
    except OSError as error:
        result = errno.errorcode.get(error.errno, error)
    took = time.monotonic() - begun
    print(what, result, "after the limit" if least - 0.01 <= took < least + 0.6 else "at once"
          if took < least else "late")  # fmt: skip
    return result


def server():
    listener = socket.create_server(("", port), backlog=2)
    limit(listener, socket.SO_RCVTIMEO, 0.3)
    limit(listener, socket.SO_SNDTIMEO, 1.25)
    while (pair := quiet(listener.accept)) is None:
        pass
    connection, _ = pair
    print(stored(connection, socket.SO_RCVTIMEO), stored(connection, socket.SO_SNDTIMEO))
    tried("recv", connection.recv, 10)
    connection.sendall(b"go")
    limit(connection, socket.SO_RCVTIMEO, 3)
    print(connection.recv(5, socket.MSG_WAITALL))
    limit(connection, socket.SO_RCVTIMEO, 0.3)
    tried("waitall", connection.recv, 5, socket.MSG_WAITALL)
    tried("waitall, peek", connection.recv, 5, socket.MSG_WAITALL | socket.MSG_PEEK)
    connection.settimeout(0.5)
    tried("settimeout", connection.recv, 5, least=0.5)
    connection.settimeout(None)
    tried("recvmsg", connection.recvmsg, 5)
    connection.sendall(b"x")
    time.sleep(2.5)
    total = 0
    while chunk := connection.recv(1 << 16):
        total += len(chunk)
    connection.sendall(struct.pack("!Q", total))
    connection.close()


def quiet(call):
    try:
        return call()
    except BlockingIOError:
        return None


def client():
    with socket.create_connection((peer, port)) as sock:
        sock.recv(2)
        sock.send(b"abc")
        time.sleep(0.1)
        sock.send(b"dexy")
        sock.recv(1)
        limit(sock, socket.SO_SNDTIMEO, 0.4)
        sent = sock.send(bytes(30_000_000))
        print("a part", 0 < sent < 30_000_000)
        begun = time.monotonic()
        try:
            while True:
                sent += sock.send(bytes(30_000_000))
        except BlockingIOError as error:
            print(errno.errorcode[error.errno], time.monotonic() - begun > 0.3)
        sock.shutdown(socket.SHUT_WR)
        print("all arrived", struct.unpack("!Q", sock.recv(8, socket.MSG_WAITALL)) == (sent,))
    for raw in ((0, 1), (0, 999_999), (7, 4_001), (-1, 0), (1 << 62, 0), (0, 1_000_000)):
        sock = socket.socket()
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", *raw))
        except OSError as error:
            print(raw, error)
        print(raw, stored(sock, socket.SO_RCVTIMEO))
        sock.close()
    a, b = socket.socketpair()
    limit(a, socket.SO_RCVTIMEO, 0.3)
    tried("pair", a.recv, 1)
    b.close()
    tried("pair", a.recv, 1)
    a.close()


{"server": server, "client": client}[role]()
