"""The server closes first; how long is its port busy?"""

import socket
import time


def server() -> float:
    """Serve one connection, then try to bind the port again, once a second."""
    with socket.create_server(("", 80)) as listener:
        conn, _ = listener.accept()
    conn.close()
    begun = time.monotonic()
    while True:
        try:
            socket.socket().bind(("", 80))
        except OSError:
            time.sleep(1)
        else:
            return time.monotonic() - begun


def client() -> None:
    """Close after the server."""
    with socket.create_connection(("server", 80)) as s:
        s.recv(1)
