"""socketserver.ThreadingTCPServer as an echo server, and 50 clients, each a thread."""

import hashlib
import socket
import socketserver
import sys
import threading

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(4096):
            self.request.sendall(data)


class Server(socketserver.ThreadingTCPServer):
    request_queue_size = 64


def talk(number, right):
    body = hashlib.sha256(b"%d" % number).digest() * 40 * (number + 1)
    with socket.create_connection((peer, port)) as sock:
        sock.sendall(body)
        sock.shutdown(socket.SHUT_WR)
        got = b""
        while data := sock.recv(65536):
            got += data
    right.append(got == body)


def client():
    right = []
    threads = [threading.Thread(target=talk, args=(number, right)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sum(right), "of", len(right), "echoes are right")


if role == "server":
    with Server(("", port), Echo) as server:
        server.serve_forever()
else:
    client()
