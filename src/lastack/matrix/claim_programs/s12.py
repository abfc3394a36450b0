"""The client closes, a second later the server, and hears nothing more."""

import socket
import time

LOST = ("client", 0.5, 3600.0)  # sent from 0.5 s on: lost


def server() -> None:
    """Close a second after the client has."""
    conn, _ = socket.create_server(("", 80)).accept()
    conn.recv(1)
    time.sleep(1)
    conn.close()


def client() -> None:
    """Close first."""
    socket.create_connection(("server", 80)).close()
