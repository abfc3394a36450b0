"""The two example programs: close() with a limit of 30 s, and an abort."""

import struct
import time
from socket import SO_LINGER, SOL_SOCKET, create_connection, create_server


def server() -> None:
    """Read each connection half a second after it was made."""
    listener = create_server(("", 80))
    for _ in range(2):
        conn, _ = listener.accept()
        time.sleep(0.5)
        conn.makefile("rb").read()


def client() -> None:
    """Send more than the server has room for, and close."""
    for so_linger in ((True, 30), (True, 0)):
        s = create_connection(("server", 80))
        s.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", *so_linger))
        s.sendall(bytes(300_000))
        s.close()
