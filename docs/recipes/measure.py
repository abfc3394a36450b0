"""How many answers arrive when a server answers an upload before it has read it.

    python measure.py [ROUNDS] [MEGABYTES]

Starts each server as it is and with the recipe beside it, on a free port of 127.0.0.1. A client
sends the request with its whole body, or until that fails, and then reads the answer; or it reads
while it still sends. Prints how many of the answers were complete.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from early_answer import ANSWER

HERE = Path(__file__).parent
SERVERS = {
    "http.server": "{python} with_http_server.py {port} plain",
    "http.server + lastack": "{python} with_http_server.py {port}",
    "gunicorn sync": "{python} -m gunicorn -b 127.0.0.1:{port} early_answer:wsgi",
    "gunicorn sync + lastack": "{python} -m gunicorn -c with_gunicorn.py -b 127.0.0.1:{port}"
    " early_answer:wsgi",
    "gunicorn gthread": "{python} -m gunicorn -k gthread --threads 4 -b 127.0.0.1:{port}"
    " early_answer:wsgi",
    "gunicorn gthread + lastack": "{python} -m gunicorn -c with_gunicorn.py -k gthread --threads 4"
    " -b 127.0.0.1:{port} early_answer:wsgi",
    "uvicorn": "{python} -m uvicorn --lifespan off --http h11 --port {port} early_answer:asgi",
    "uvicorn + lastack": "{python} -m uvicorn --lifespan off --http with_uvicorn:Protocol"
    " --port {port} early_answer:asgi",
}


@contextmanager
def running(command: str) -> Iterator[int]:
    """Run a server; the value is its port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    words = command.format(python=sys.executable, port=port).split()
    server = subprocess.Popen(words, cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        else:
            raise SystemExit(f"did not start: {command}")
        yield port
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def post(port: int, size: int, *, reads_meanwhile: bool) -> int:
    """Upload `size` bytes; return how many bytes of the answer's body arrived."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
        sending = threading.Thread(target=send, args=(sock, size))
        sending.start()
        if not reads_meanwhile:
            sending.join()
        answer = bytearray()
        try:
            while data := sock.recv(1 << 16):
                answer += data
        except OSError:
            pass
        sending.join()
    return len(answer.partition(b"\r\n\r\n")[2])


def send(sock: socket.socket, size: int) -> None:
    """Send a request with a body of `size` bytes, as much as is taken."""
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"
    try:
        sock.sendall(head.encode() + bytes(size))
    except OSError:
        return  # most clients go on to read the answer


def main(rounds: int = 10, megabytes: int = 40) -> None:
    """Print the table."""
    print(f"complete answers of {rounds}; {len(ANSWER):,} bytes each, uploads of {megabytes} MB")
    print(f"{'server':28} {'sends, then reads':>18} {'reads meanwhile':>16}")
    for name, command in SERVERS.items():
        with running(command) as port:
            complete = [
                sum(
                    post(port, megabytes * 1_000_000, reads_meanwhile=meanwhile) == len(ANSWER)
                    for _ in range(rounds)
                )
                for meanwhile in (False, True)
            ]
        print(f"{name:28} {complete[0]:18} {complete[1]:16}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
