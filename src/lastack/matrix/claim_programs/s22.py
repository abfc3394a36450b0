"""Two lingering close(): one server reads, for the other the time runs out."""

import struct
import time
from socket import SO_LINGER, SOL_SOCKET, create_connection, create_server


def server() -> None:
    """Read the first connection at once, the second after three seconds."""
    listener = create_server(("", 80))
    for pause in (0, 3):
        conn, _ = listener.accept()
        time.sleep(pause)
        conn.makefile("rb").read()


def client() -> None:
    """Send and close; an error of close() is an exception."""
    for _ in range(2):
        s = create_connection(("server", 80))
        s.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 1))
        s.sendall(bytes(300_000))
        s.close()
