"""close() may linger 30 s: once with data queued, once with nothing."""

import struct
import time
from socket import SO_LINGER, SOL_SOCKET, create_connection, create_server


def server() -> None:
    """Begin to read a second after each connection was made."""
    listener = create_server(("", 80))
    for _ in range(2):
        conn, _address = listener.accept()
        time.sleep(1)
        conn.makefile("rb").read()


def client() -> None:
    """Send more than the server has room for, or nothing, and close."""
    for size in (300_000, 0):
        s = create_connection(("server", 80))
        s.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 30))
        s.sendall(bytes(size))
        s.close()
