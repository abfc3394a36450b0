"""http.server on IPv6 alone; urllib by name and by a literal in brackets."""

import http.server
import socket
import sys
import urllib.request


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{self.path} for {self.client_address[0]}\n".encode() * 500
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        print(format % args)


class Server(http.server.HTTPServer):
    address_family = socket.AF_INET6


def server(peer, port):
    with Server(("", port), Handler) as one:
        for _ in range(2):
            one.handle_request()


def client(peer, port):
    literal = socket.getaddrinfo(peer, port, socket.AF_INET6, socket.SOCK_STREAM)[0][4][0]
    for host in (peer, f"[{literal}]"):
        with urllib.request.urlopen(f"http://{host}:{port}/{host}") as answer:
            text = answer.read()
        print(answer.status, len(text), text.splitlines()[-1])


{"server": server, "client": client}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
