"""The client closes, then the server; the client's first answer is lost."""

import socket
import time

LOST = ("client", 0.9, 1.1)  # sent from 0.9 to 1.1 s: lost


def server() -> None:
    """Close a second after the client has."""
    conn, _ = socket.create_server(("", 80)).accept()
    conn.recv(1)
    time.sleep(1)
    conn.close()


def client() -> None:
    """Close first."""
    socket.create_connection(("server", 80)).close()
