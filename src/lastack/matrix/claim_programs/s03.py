"""A connection is closed with l_onoff = 1, l_linger = 0 and data queued."""

import struct
import time
from socket import SO_LINGER, SOL_SOCKET, create_connection, create_server


def server() -> int:
    """Begin to read after a second."""
    conn, _ = create_server(("", 80)).accept()
    time.sleep(1)
    return len(conn.makefile("rb").read())


def client() -> None:
    """Send more than is on its way at once, and abort."""
    s = create_connection(("server", 80))
    s.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    s.sendall(bytes(120_000))
    s.close()
