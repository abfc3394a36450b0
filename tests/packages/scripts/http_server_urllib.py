"""http.server's threading server and urllib: GET, POST, an error."""

import http.server
import sys
import urllib.error
import urllib.request


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        self.answer(f"GET {self.path}".encode())

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers["Content-Length"]))[::-1])

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(port: int) -> None:
    http.server.ThreadingHTTPServer(("", port), Handler).serve_forever()


def call(host: str, port: int) -> None:
    url = f"http://{host}:{port}"
    for path in ("/a", "/b?c=d"):
        with urllib.request.urlopen(url + path) as answer:
            print(answer.status, answer.read().decode())
    with urllib.request.urlopen(url, data=b"x" * 100_000 + b"y") as answer:
        body = answer.read()
        print(len(body), body[:2])
    try:
        urllib.request.urlopen(url + "/missing")
    except urllib.error.HTTPError as error:
        print(error.code, error.reason)
        error.close()


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    serve(int(port)) if role == "server" else call(host, int(port))
