"""A server closes first and is started again, on port 81 with SO_REUSEADDR."""

import contextlib
import socket
import time


def server() -> None:
    """Serve one connection on a port; a second later do it again."""
    for port, reuse in ((80, 0), (80, 0), (81, 1), (81, 1)):
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
            listener.bind(("", port))
            listener.listen()
            listener.accept()[0].close()
        time.sleep(1)


def client() -> None:
    """Try each server that should be there."""
    for port in (80, 80, 81, 81):
        time.sleep(1.5)
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("server", port)).recv(1)
