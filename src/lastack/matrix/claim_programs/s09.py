"""The three rows of the closesocket table; the server is slow to read."""

import struct
import time
from socket import SO_LINGER, SOL_SOCKET, create_connection, create_server


def server() -> None:
    """Begin to read after three seconds, the second row's connection last."""
    listener = create_server(("", 80))
    conns = [listener.accept()[0] for _ in range(3)]
    time.sleep(3)
    for row in (0, 2, 1):
        conns[row].makefile("rb").read()


def client() -> None:
    """Send more than the server has room for and close, once for each row."""
    for row in ((0, 1), (1, 0), (1, 1)):
        s = create_connection(("server", 80))
        s.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", *row))
        s.sendall(bytes(300_000))
        s.close()
