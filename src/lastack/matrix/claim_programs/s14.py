"""The server closes first; its administrator restarts networking."""

import contextlib
import socket
import time

ADMIN = ((2.0, "server", "restart networking"), (4.0, "server", "ss -K"))


def server() -> None:
    """Serve one connection; bind the port again after 1, 3 and 5 s."""
    with socket.create_server(("", 80)) as listener:
        listener.accept()[0].close()
    for pause in (1, 2, 2):
        time.sleep(pause)
        with contextlib.suppress(OSError):
            socket.socket().bind(("", 80))


def client() -> None:
    """Close after the server."""
    socket.create_connection(("server", 80)).recv(1)
