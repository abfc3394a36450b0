"""A server that closes with most of a request unread, and an abort, some way off."""

import errno
import socket
import struct
import sys
import time


def server(peer, port):
    with socket.create_server(("", port)) as listener:
        with listener.accept()[0] as sock:
            print(len(sock.recv(100)))
            time.sleep(1)
        with listener.accept()[0] as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            print(len(sock.recv(100)))
            time.sleep(1)


def client(peer, port):
    for _ in range(2):
        with socket.create_connection((peer, port)) as sock:
            sock.sendall(b"r" * 20_000)
            try:
                print(sock.recv(10))
            except OSError as error:
                print(errno.errorcode[error.errno])
            for _ in range(2):
                try:
                    print(sock.send(b"more"))
                except OSError as error:
                    print(errno.errorcode[error.errno])


{"server": server, "client": client}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
