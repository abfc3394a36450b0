"""Half a megabyte each way over a link that loses packets, in order and complete."""

import hashlib
import socket
import sys

SIZE = 500_000


def pattern(seed):
    block = hashlib.sha256(bytes([seed])).digest()
    return (block * (SIZE // len(block) + 1))[:SIZE]


def server(peer, port):
    with socket.create_server(("", port)) as listener:
        sock, _ = listener.accept()
        with sock, sock.makefile("rwb") as file:
            data = file.read()
            print(len(data), data == pattern(1))
            file.write(pattern(2))


def client(peer, port):
    with socket.create_connection((peer, port)) as sock, sock.makefile("rwb") as file:
        file.write(pattern(1))
        file.flush()
        sock.shutdown(socket.SHUT_WR)
        data = file.read()
        print(len(data), data == pattern(2))


{"server": server, "client": client}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
