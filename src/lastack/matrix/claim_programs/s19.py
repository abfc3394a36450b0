"""Two descriptors of one connection are closed, a second apart."""

import socket
import time


def server() -> int:
    """Read to the end."""
    conn, _ = socket.create_server(("", 80)).accept()
    return len(conn.makefile("rb").read())


def client() -> None:
    """Close twice, and send in between through the descriptor that is left."""
    s = socket.create_connection(("server", 80))
    other = s.dup()
    s.close()
    time.sleep(1)
    other.sendall(b"still here")
    other.close()
