"""A TIME_WAIT is cut short; after that an old segment comes."""

import time
from socket import create_connection, create_server

ADMIN = ((2.0, "server", "restart networking"), (3.0, "server", "ss -K"))
LATE = ("client", 0.4, 0.6, 10.0)  # sent from 0.4 to 0.6 s: takes 10 s longer


def server() -> None:
    """Read once and close first; four seconds later do it again."""
    for _ in range(2):
        with create_server(("", 80)) as listener, listener.accept()[0] as conn:
            conn.recv(1000)
        time.sleep(4)


def client() -> None:
    """Connect twice from the same port, the second time without a word."""
    for data, patience in ((bytes(100), 1), (b"", 9)):
        with create_connection(("server", 80), None, ("", 4000)) as s:
            time.sleep(0.5)
            s.sendall(data)
            time.sleep(patience)
        time.sleep(4)
