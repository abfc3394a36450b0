"""TLS over blocking sockets: http.server and urllib with a context that verifies."""

import ssl
import sys
import urllib.request
from http.server import ThreadingHTTPServer
from pathlib import Path

from http_answers import Handler

PEM = str(Path(__file__).parents[2] / "run" / "server.pem")


def serve(port: int) -> None:
    server = ThreadingHTTPServer(("", port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


def call(host: str, port: int) -> None:
    context = ssl.create_default_context(cafile=PEM)
    context.check_hostname = host == "server"
    for path in ("/a", "/big"):
        with urllib.request.urlopen(f"https://{host}:{port}{path}", context=context) as answer:
            print(answer.status, len(answer.read()))
    try:
        urllib.request.urlopen(f"https://{host}:{port}/")
    except OSError as error:
        print("not trusted" if "CERTIFICATE_VERIFY_FAILED" in str(error) else error)


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    serve(int(port)) if role == "server" else call(host, int(port))
