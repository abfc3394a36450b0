"""MSG_WAITALL, MSG_TRUNC, MSG_MORE, MSG_PEEK and SO_PEEK_OFF, over TCP, UDP and a socketpair."""

import errno
import socket
import sys
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
SO_PEEK_OFF = 42
PEEK, TRUNC, WAITALL = socket.MSG_PEEK, socket.MSG_TRUNC, socket.MSG_WAITALL


def outcome(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]


def server():
    listener = socket.create_server(("", port))
    connection, _ = listener.accept()
    print("waitall to the end", connection.recv(9, WAITALL), connection.recv(9, WAITALL))
    connection.close()
    connection, _ = listener.accept()
    print("waitall to a reset", connection.recv(9, WAITALL), outcome(connection.recv, 9))
    print(outcome(connection.recv, 9), outcome(connection.send, b"x"))
    connection.close()
    connection, _ = listener.accept()
    print("waitall, peek", connection.recv(8, WAITALL | PEEK))
    buffer = bytearray(b"........")
    print("thrown away", connection.recv_into(buffer, 3, TRUNC), bytes(buffer))
    print(connection.recv_into(buffer, 9 - 5, TRUNC | PEEK), len(connection.recv(2, TRUNC)))
    print(connection.recv(9), outcome(connection.recv, 9, TRUNC | socket.MSG_DONTWAIT))
    connection.setsockopt(socket.SOL_SOCKET, SO_PEEK_OFF, 1)
    connection.sendall(b"go")
    time.sleep(0.2)
    peeks = [connection.recv(2, PEEK), connection.recv(2, PEEK)]
    print("peeks", peeks, connection.getsockopt(socket.SOL_SOCKET, SO_PEEK_OFF))
    print(connection.recv(3), connection.getsockopt(socket.SOL_SOCKET, SO_PEEK_OFF))
    print(connection.recv(9, PEEK), outcome(connection.recv, 9, PEEK | socket.MSG_DONTWAIT))
    print(connection.recv(9), connection.recv(9, TRUNC), connection.recv(9, WAITALL))
    connection.close()
    listener.close()


def client():
    with socket.create_connection((peer, port)) as sock:
        sock.send(b"begun")
        time.sleep(0.1)
    with socket.create_connection((peer, port)) as sock:
        sock.send(b"begun")
        time.sleep(0.2)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    with socket.create_connection((peer, port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.send(b"four")
        time.sleep(0.1)
        sock.send(b"and ", socket.MSG_MORE)
        sock.send(b"more")
        sock.recv(2)
        sock.send(b"abcdefgh")
        time.sleep(0.4)
        for flag in (0x80, 0x800, 0x4, 0x10, 0x8, 0x40000):
            print(hex(flag), outcome(sock.send, b"", flag))
        print(outcome(sock.recv, 9, 0x2000))
    a, b = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
    a.bind(("127.0.0.1", 0))
    b.connect(a.getsockname())
    for _ in range(3):
        b.send(b"0123456789")
    buffer = bytearray(b"....")
    print(a.recv_into(buffer, 3, TRUNC), bytes(buffer), len(a.recv(4, TRUNC)))
    print(a.recvmsg(4)[:3])
    b.send(b"one ", socket.MSG_MORE)
    print(outcome(a.recv, 99, socket.MSG_DONTWAIT))
    b.send(b"two ", socket.MSG_MORE)
    b.send(b"three")
    print(a.recvmsg(99)[:3])
    a.setsockopt(socket.SOL_SOCKET, SO_PEEK_OFF, 2)
    b.send(b"abcdef")
    b.send(b"ghi")
    print(a.recv(2, PEEK), a.recv(9, PEEK), a.recv(9, PEEK), a.recv(9))
    print(outcome(a.recv, 9, PEEK | socket.MSG_DONTWAIT))
    print(a.getsockopt(socket.SOL_SOCKET, SO_PEEK_OFF))
    a, b = socket.socketpair()
    a.setsockopt(socket.SOL_SOCKET, SO_PEEK_OFF, 0)
    b.send(b"abcdef")
    print(a.recv(2, PEEK), a.recv(2, PEEK), a.recv(1), a.recv(9, PEEK))
    b.close()
    print(a.recv(9, WAITALL), a.recv(1))


{"server": server, "client": client}[role]()
