"""A client sends one segment, and then many."""

import socket
import time


def server() -> int:
    """Read to the end."""
    conn, _ = socket.create_server(("", 80)).accept()
    return len(conn.makefile("rb").read())


def client() -> None:
    """Send 100 bytes, and a second later 200,000."""
    with socket.create_connection(("server", 80)) as s:
        s.sendall(bytes(100))
        time.sleep(1)
        s.sendall(bytes(200_000))
