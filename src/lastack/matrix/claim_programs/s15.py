"""Port 80 is busy in TIME_WAIT, port 81 in ESTABLISHED; SO_REUSEADDR helps?"""

import contextlib
import socket
import time


def server() -> None:
    """Port 80 begins without the option, 81 with it. Bind both with it."""
    with socket.socket() as plain, socket.create_server(("", 81)) as reusable:
        plain.bind(("", 80))
        plain.listen()
        plain.accept()[0].close()
        kept, _ = reusable.accept()
    time.sleep(1)
    for port in (80, 81):
        with contextlib.suppress(OSError):
            socket.create_server(("", port)).close()  # sets SO_REUSEADDR
    kept.close()


def client() -> None:
    """Wait for the end of one connection, then of the other."""
    for port in (80, 81):
        socket.create_connection(("server", port)).recv(1)
