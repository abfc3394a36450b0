"""Either end closes first; and one socket is both ends."""

import socket


def server() -> None:
    """Send and read; on the second connection close first."""
    listener = socket.create_server(("", 80))
    for size in (100, 4):
        with listener.accept()[0] as conn:
            conn.sendall(b"pong")
            conn.recv(size, socket.MSG_WAITALL)


def client() -> bytes:
    """Send and read, close the first one first; then connect to oneself."""
    for size in (4, 100):
        with socket.create_connection(("server", 80)) as s:
            s.sendall(b"ping")
            s.recv(size, socket.MSG_WAITALL)
    with socket.create_connection(("client", 4000), None, ("", 4000)) as s:
        s.sendall(b"to myself")
        return s.recv(100)
