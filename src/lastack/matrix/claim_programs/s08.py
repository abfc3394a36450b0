"""close() may linger for l_linger = 1, whatever that is."""

import struct
import time
from socket import SO_LINGER, SOL_SOCKET, create_connection, create_server


def server() -> int:
    """Begin to read after three seconds."""
    conn, _ = create_server(("", 80)).accept()
    time.sleep(3)
    return len(conn.makefile("rb").read())


def client() -> None:
    """Send more than the server has room for, and close."""
    s = create_connection(("server", 80))
    s.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 1))
    s.sendall(bytes(300_000))
    s.close()
