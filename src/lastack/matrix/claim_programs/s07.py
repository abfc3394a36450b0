"""The socket is non-blocking, and close() would have something to wait for."""

import struct
import time
from socket import SO_LINGER, SOL_SOCKET, create_connection, create_server


def server() -> int:
    """Begin to read after a second."""
    conn, _ = create_server(("", 80)).accept()
    time.sleep(1)
    return len(conn.makefile("rb").read())


def client() -> None:
    """Send, make the socket non-blocking, and close."""
    s = create_connection(("server", 80))
    s.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 30))
    s.sendall(bytes(300_000))
    s.setblocking(False)
    s.close()
