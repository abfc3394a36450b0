"""Three connections are closed with data queued: one has l_onoff = 0."""

import struct
import time
from socket import SO_LINGER, SOL_SOCKET, create_connection, create_server


def server() -> list[int]:
    """Answer the third before it is closed; read after a second."""
    listener = create_server(("", 80))
    conns = [listener.accept()[0] for _ in range(3)]
    conns[2].sendall(b"a reply that nobody reads")
    time.sleep(1)
    return [len(conn.makefile("rb").read()) for conn in conns]


def client() -> None:
    """Send more than the server has room for; close a little later."""
    for n in range(3):
        s = create_connection(("server", 80))
        if n == 1:
            s.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 0, 30))
        s.sendall(bytes(300_000))
        time.sleep(0.1)
        s.close()
