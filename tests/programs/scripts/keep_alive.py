"""http.client keep-alive: requests of one connection, then the server's timeout, then again."""

import http.client
import http.server
import sys
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 0.5

    def do_GET(self):
        body = f"{self.path} for port {self.client_address[1] == self.server.port}".encode()
        self.server.port = self.client_address[1]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, form, *args):
        print(form % args)


def client():
    connection = http.client.HTTPConnection(peer, port)
    for number in range(5):
        connection.request("GET", f"/{number}")
        answer = connection.getresponse()
        print(answer.status, answer.read().decode(), answer.will_close)
    first = connection.sock
    time.sleep(0.8)
    try:
        connection.request("GET", "/late")
        print(connection.getresponse().status)
    except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
        print("the server had closed:", isinstance(error, ConnectionError))
    connection.close()
    connection.request("GET", "/again")
    print(connection.getresponse().read().decode(), connection.sock is not first)
    connection.close()


if role == "server":
    with http.server.ThreadingHTTPServer(("", port), Handler) as server:
        server.port = None
        server.serve_forever()
else:
    client()
