"""Two connections; the client ends the first, the server the second."""

import socket


def server() -> None:
    """Answer the first when its end has come; end the second, and read on."""
    listener = socket.create_server(("", 80))
    with listener.accept()[0] as conn:
        conn.makefile("rb").read()
        conn.sendall(b"after your FIN")
    with listener.accept()[0] as conn:
        conn.shutdown(socket.SHUT_WR)
        conn.makefile("rb").read()


def client() -> int:
    """End the first and read on; wait for the end of the second."""
    with socket.create_connection(("server", 80)) as s:
        s.shutdown(socket.SHUT_WR)
        answer = len(s.makefile("rb").read())
    with socket.create_connection(("server", 80)) as s:
        s.makefile("rb").read()
    return answer
