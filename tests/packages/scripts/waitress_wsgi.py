"""waitress: its asyncore loop with worker threads; urllib asks, four at once."""

import sys
import time
import urllib.request
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import waitress


def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    time.sleep(1)
    body = environ["wsgi.input"].read()
    start("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode(), b" ", str(len(body)).encode()]


def call(host: str, port: int) -> None:
    def post(number: int) -> str:
        url = f"http://{host}:{port}/{number}"
        with urllib.request.urlopen(url, b"w" * number * 60_000) as answer:
            return str(answer.read().decode())

    with ThreadPoolExecutor(4) as pool:
        print(list(pool.map(post, range(4))))


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    if role == "server":
        waitress.serve(app, host="0.0.0.0", port=int(port))
    else:
        call(host, int(port))
