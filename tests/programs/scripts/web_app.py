"""wsgiref with a streaming body, HTTP pipelining by hand, chunked upload, a HEAD, a bad request."""

import http.client
import socket
import sys
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


class Quiet(WSGIRequestHandler):
    def log_message(self, form, *args):
        print(args[0], args[1])


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/stream":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return (b"part %d\n" % number for number in range(5))
    if path == "/fail":
        raise RuntimeError("a bug in the app")
    size = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(size)
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body[::-1]]


def server():
    with make_server("", port, app, handler_class=Quiet) as httpd:
        threading.Timer(1, httpd.shutdown).start()
        httpd.serve_forever(poll_interval=0.1)
    print("closed")


def client():
    for method, path, body in (
        ("GET", "/stream", None), ("POST", "/echo", b"x" * 70_000 + b"y"), ("HEAD", "/echo", None),
        ("GET", "/fail", None),
    ):  # fmt: skip
        connection = http.client.HTTPConnection(peer, port, timeout=5)
        connection.request(method, path, body)
        answer = connection.getresponse()
        data = answer.read()
        print(method, path, answer.status, len(data), data[:20])
        connection.close()
    with socket.create_connection((peer, port)) as sock:
        sock.sendall(b"NONSENSE\r\n\r\n")
        data = b""
        while part := sock.recv(1000):
            data += part
        print(b"400" in data)


{"server": server, "client": client}[role]()
