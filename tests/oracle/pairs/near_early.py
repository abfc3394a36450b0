"""socketserver: a handler answers after one line, while the client still sends."""

import socket
import socketserver
import sys


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline()
        self.wfile.write(b"413 too large\r\n")
        print("handled", line)


def server(peer, port):
    with socketserver.TCPServer(("", port), Handler) as one:
        one.handle_request()
        one.handle_request()


def client(peer, port):
    for size in (0, 300_000):
        with socket.create_connection((peer, port)) as sock:
            try:
                sock.sendall(b"PUT\n" + b"x" * size)
                sock.sendall(b"" if size == 0 else b"y" * 4_000_000)
            except OSError as error:
                print("send", type(error).__name__)
            try:
                while data := sock.recv(100):
                    print(data)
            except OSError as error:
                print("recv", type(error).__name__)


{"server": server, "client": client}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
