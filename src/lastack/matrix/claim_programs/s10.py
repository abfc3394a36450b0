"""A segment strays for ten seconds, and finds its connection gone."""

import socket
import time

LATE = ("client", 0.4, 0.6, 10.0)  # sent from 0.4 to 0.6 s: takes 10 s longer


def server() -> int:
    """Serve one connection to its end."""
    with socket.create_server(("", 80)) as listener:
        conn, _ = listener.accept()
    return len(conn.makefile("rb").read())


def client() -> None:
    """Send a little, wait until a second copy has arrived, and close."""
    with socket.create_connection(("server", 80)) as s:
        time.sleep(0.5)
        s.sendall(bytes(100))
        time.sleep(1)
