"""A POST upload: the client writes through makefile and http.client, http.server answers."""

import hashlib
import http.client
import http.server
import socket
import sys

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
BODY = bytes(range(256)) * 4000


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        left = int(self.headers["Content-Length"])
        digest = hashlib.sha256()
        while left:
            data = self.rfile.read(min(left, 10_000))
            digest.update(data)
            left -= len(data)
        answer = digest.hexdigest().encode()
        self.send_response(201, "Stored")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        print("log", args[0] % args[1:])


def server():
    with http.server.HTTPServer(("", port), Handler) as httpd:
        for _ in range(3):
            httpd.handle_request()
    print("three were served")


def client():
    wanted = hashlib.sha256(BODY).hexdigest()
    sock = socket.create_connection((peer, port))
    file = sock.makefile("rwb")
    file.write(b"POST /a HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % len(BODY))
    for start in range(0, len(BODY), 7_777):
        file.write(BODY[start : start + 7_777])
    file.flush()
    lines = [line.decode().rstrip() for line in file]
    file.close()
    sock.close()
    print(lines[0], lines[-1] == wanted)
    for path in ("/b", "/c"):
        connection = http.client.HTTPConnection(peer, port, timeout=5)
        connection.request("POST", path, body=BODY, headers={"X-Name": "value"})
        answer = connection.getresponse()
        print(answer.status, answer.reason, answer.read().decode() == wanted)
        connection.close()


{"server": server, "client": client}[role]()
