"""A program sends and ends at once; the server is slow to read."""

import os
import socket
import time


def server() -> int:
    """Begin to read after a second."""
    conn, _ = socket.create_server(("", 80)).accept()
    time.sleep(1)
    return len(conn.makefile("rb").read())


def client() -> None:
    """Send more than the server has room for; exit without close()."""
    s = socket.create_connection(("server", 80))
    s.sendall(bytes(300_000))
    os._exit(0)
