"""A server that uses SO_LINGER: off, with time enough, and 0."""

import socket
import struct
import sys
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
CASES = [(0, 0), (1, 5), (1, 0), (1, 1)]


def server():
    with socket.create_server(("", port)) as listener:
        for onoff, linger in CASES:
            connection, _ = listener.accept()
            value = struct.pack("ii", onoff, linger)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, value)
            print(connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == value)
            connection.recv(10)
            connection.sendall(bytes(300_000))
            begun = time.monotonic()
            connection.close()
            print(onoff, linger, "close took", round(time.monotonic() - begun, 1))


def client():
    for case in CASES:
        with socket.create_connection((peer, port)) as sock:
            sock.sendall(b"x")
            time.sleep(1.5 if case == (1, 1) else 0.4)
            count = 0
            try:
                while data := sock.recv(65536):
                    count += len(data)
                print(case, count, "end of stream")
            except ConnectionResetError:
                print(case, count < 300_000, "reset")


{"server": server, "client": client}[role]()
