"""Executors: asyncio's own, a pool with futures and a time-out, a pool of threads that ask."""

import asyncio
import concurrent.futures as futures
import socket
import socketserver
import sys
import time


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        seconds = float(self.rfile.readline())
        time.sleep(seconds)
        self.wfile.write(b"slept %g\n" % seconds)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def ask(host: str, port: int, seconds: float) -> str:
    with socket.create_connection((host, port)) as sock, sock.makefile("rw") as file:
        print(seconds, file=file, flush=True)
        return str(file.readline().strip())


async def many(host: str, port: int) -> list[str]:
    jobs = [asyncio.to_thread(ask, host, port, n / 10) for n in range(10, 0, -1)]
    return sorted([await done for done in asyncio.as_completed(jobs)])


def call(host: str, port: int) -> None:
    with futures.ThreadPoolExecutor(5) as pool:
        jobs = [pool.submit(ask, host, port, seconds) for seconds in (5, 1, 3, 2, 4)]
        print([job.result() for job in futures.as_completed(jobs)])
        try:
            pool.submit(ask, host, port, 9).result(timeout=1)
        except TimeoutError:
            print("timed out")
    print(asyncio.run(many(host, port)))


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    if role == "server":
        Server(("", int(port)), Handler).serve_forever()
    else:
        call(host, int(port))
