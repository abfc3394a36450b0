"""Programs that leave without closing, and what the others get: EOF, ECONNRESET, EPIPE."""

import os
import socket
import sys
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def server():
    with socket.create_server(("", port)) as listener:
        for _visitor in range(4):
            connection, _ = listener.accept()
            told = []
            time.sleep(0.1)
            for _ in range(3):
                try:
                    told.append(connection.send(b"x" * 10))
                except OSError as error:
                    told.append((type(error).__name__, error.errno))
                time.sleep(0.1)
            for _ in range(2):
                try:
                    told.append(connection.recv(100))
                except OSError as error:
                    told.append((type(error).__name__, error.errno))
            error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            try:
                connection.getpeername()
                told.append("has a peer")
            except OSError as problem:
                told.append(problem.errno)
            print(told, error)
            connection.close()


def client():
    closed = socket.create_connection((peer, port))
    closed.close()

    said = socket.create_connection((peer, port))
    said.sendall(b"last words")
    said.close()

    unread = socket.create_connection((peer, port))
    unread.sendall(b"hello")
    time.sleep(0.85)  # into the third turn of the server, after its first send
    unread.close()
    print("closed with something unread")

    held = socket.create_connection((peer, port))
    held.sendall(b"never closed")
    sys.stdout.flush()
    os._exit(3)


{"server": server, "client": client}[role]()
