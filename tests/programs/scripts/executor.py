"""concurrent.futures on both sides; results in the order in which they are ready."""

import concurrent.futures
import socket
import sys
import threading
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def serve(connection):
    with connection:
        pause = float(connection.recv(100))
        time.sleep(pause)
        connection.sendall(b"slept %.1f" % pause)
    return pause


def server():
    served = []
    with (
        socket.create_server(("", port)) as listener,
        concurrent.futures.ThreadPoolExecutor(4) as pool,
    ):
        futures = [pool.submit(serve, listener.accept()[0]) for _ in range(6)]
        for future in concurrent.futures.as_completed(futures):
            served.append(future.result())
    print(sorted(served), threading.active_count())


def ask(pause):
    with socket.create_connection((peer, port)) as sock:
        sock.sendall(b"%.1f" % pause)
        if pause > 0.9:
            raise ValueError("too long")
        with sock.makefile() as file:
            return file.read()


def client():
    with concurrent.futures.ThreadPoolExecutor(max_workers=6) as pool:
        futures = {pool.submit(ask, pause): pause for pause in (0.7, 0.1, 0.5, 0.3, 1.0)}
        for future in concurrent.futures.as_completed(futures):
            error = future.exception()
            print(futures[future], error or future.result())
        try:
            pool.submit(ask, 0.6).result(timeout=0.2)
        except concurrent.futures.TimeoutError:
            print("not in time")


{"server": server, "client": client}[role]()
