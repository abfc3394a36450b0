"""A socketserver whose handler raises: the client sees the end, the server goes on."""

import socket
import socketserver
import sys

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline().strip().decode()
        if line == "unread":
            raise RuntimeError("with bytes unread")
        number = int(line)
        self.wfile.write(b"%d\n" % (number * number))


class Server(socketserver.TCPServer):
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        print("handler failed:", repr(sys.exc_info()[1]))
        super().handle_error(request, client_address)


def client():
    for text in (b"7\n", b"seven\n", b"8\n", b"unread\nand more\n", b"9\n"):
        with socket.create_connection((peer, port)) as sock:
            try:
                sock.sendall(text)
                print(text, sock.recv(100), sock.recv(100))
            except ConnectionResetError as error:
                print(text, "reset", error.errno)


if role == "server":
    with Server(("", port), Handler) as server:
        server.serve_forever()
else:
    client()
