"""Two connections are closed with data queued: only one lingers."""

import struct
import time
from socket import SO_LINGER, SOL_SOCKET, create_connection, create_server


def server() -> None:
    """Begin to read after three seconds, the one that does not linger first."""
    listener = create_server(("", 80))
    conns = [listener.accept()[0] for _ in range(2)]
    time.sleep(3)
    for conn in conns:
        conn.makefile("rb").read()


def client() -> None:
    """Send more than the server has room for, and close."""
    for onoff in (0, 1):
        s = create_connection(("server", 80))
        if onoff:
            s.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 1))
        s.sendall(bytes(300_000))
        s.close()
