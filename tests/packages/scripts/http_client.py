"""http.client with bodies of several sizes, a server of wsgiref."""

import http.client
import sys
import wsgiref.simple_server
from collections.abc import Callable, Iterable
from typing import Any


def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start("200 OK", [("Content-Type", "text/plain"), ("X-Method", environ["REQUEST_METHOD"])])
    return [environ["PATH_INFO"].encode(), b" ", str(len(body)).encode()]


def serve(port: int) -> None:
    wsgiref.simple_server.make_server("", port, application).serve_forever()


def call(host: str, port: int) -> None:
    for number in range(3):
        connection = http.client.HTTPConnection(host, port, timeout=5)
        connection.request("PUT", f"/{number}", body=b"b" * number * 70_000)
        answer = connection.getresponse()
        print(answer.status, answer.getheader("X-Method"), answer.read().decode())
        connection.close()


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    serve(int(port)) if role == "server" else call(host, int(port))
