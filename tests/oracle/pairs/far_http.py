"""Five requests on one connection, each answered over a link that loses packets."""

import http.client
import http.server
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))[::-1]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        print(format % args)


def server(peer, port):
    with http.server.HTTPServer(("", port), Handler) as one:
        one.handle_request()


def client(peer, port):
    connection = http.client.HTTPConnection(peer, port)
    for number in range(5):
        body = b"%d" % number * 10_000
        connection.request("POST", f"/{number}", body)
        answer = connection.getresponse()
        print(answer.status, answer.read() == body[::-1])
    connection.close()


{"server": server, "client": client}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
