"""Timeouts that end before, and after, the answer of a peer that is 100 ms away."""

import errno
import socket
import struct
import sys
import time


def server(peer, port):
    with socket.create_server(("", port)) as listener:
        for _ in range(3):
            with listener.accept()[0] as sock:
                try:
                    while data := sock.recv(100):
                        sock.sendall(data)
                except OSError as error:
                    print(errno.errorcode[error.errno])


def client(peer, port):
    try:
        socket.create_connection((peer, port), 0.12)
    except TimeoutError as error:
        print("connect", error)
    sock = socket.create_connection((peer, port), 5)
    sock.settimeout(0.12)
    sock.sendall(b"first")
    try:
        sock.recv(10)
    except TimeoutError as error:
        print("recv", error)
    sock.settimeout(None)
    print(sock.recv(10))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 120_000))
    sock.sendall(b"second")
    try:
        sock.recv(10)
    except BlockingIOError as error:
        print("SO_RCVTIMEO", errno.errorcode[error.errno])
    time.sleep(0.3)
    sock.close()  # the answer is unread
    with socket.create_connection((peer, port)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 5))
        sock.sendall(b"third")
        begun = time.monotonic()
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(10):
            pass
        print("two ways" if 0.19 <= time.monotonic() - begun < 0.35 else "too fast or slow")


{"server": server, "client": client}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
