"""close() may linger 30 s; the server's TCP takes all, its program nothing."""

import struct
import time
from socket import SO_LINGER, SOL_SOCKET, create_connection, create_server


def server() -> int:
    """Begin to read after two seconds."""
    conn, _ = create_server(("", 80)).accept()
    time.sleep(2)
    return len(conn.makefile("rb").read())


def client() -> None:
    """Send what the server's TCP has room for, and close."""
    s = create_connection(("server", 80))
    s.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 30))
    s.sendall(bytes(3_000))
    s.close()
