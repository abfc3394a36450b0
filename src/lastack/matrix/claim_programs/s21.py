"""Two connections are closed, one with l_linger = 0, one with 5."""

import struct
from socket import SO_LINGER, SOL_SOCKET, create_connection, create_server


def server() -> None:
    """Close each connection after the client has."""
    listener = create_server(("", 80))
    conns = [listener.accept()[0] for _ in range(2)]
    for conn in (conns[1], conns[0]):
        conn.recv(1)
        conn.close()


def client() -> None:
    """Close one after the other."""
    for seconds in (0, 5):
        s = create_connection(("server", 80))
        s.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, seconds))
        s.close()
