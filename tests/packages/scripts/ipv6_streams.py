"""IPv6: a server on "::", a client on "::1"."""

import socket

with (
    socket.create_server(("::", 8000), family=socket.AF_INET6) as listener,
    socket.create_connection(("::1", 8000)) as sock,
):
    conn, address = listener.accept()
    with conn:
        conn.sendall(b"hello")
    print(address[0], sock.recv(10).decode())
