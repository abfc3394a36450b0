"""A segment strays for ten seconds; those behind it come before it."""

import socket
import time

LATE = ("client", 0.45, 0.55, 10.0)  # sent then: takes 10 s longer


def server() -> int:
    """Serve one connection to its end."""
    with socket.create_server(("", 80)) as listener:
        conn, _ = listener.accept()
    return len(conn.makefile("rb").read())


def client() -> None:
    """Send a little and a lot; close when the second copy has arrived."""
    with socket.create_connection(("server", 80)) as s:
        time.sleep(0.5)
        s.sendall(bytes(100))
        time.sleep(0.1)
        s.sendall(bytes(5_000))
        time.sleep(1)
