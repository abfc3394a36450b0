"""A port scan with a thread pool and connect_ex, and banners read with a timeout."""

import concurrent.futures
import errno
import socket
import sys
import threading
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
OPEN = (2, 5, 7)


def server():
    def serve(listener, banner):
        connection, _ = listener.accept()
        if banner:
            connection.sendall(banner)
        else:
            time.sleep(0.5)
        connection.close()

    listeners = [socket.create_server(("", port + offset)) for offset in OPEN]
    threads = []
    for listener, banner in zip(listeners, (b"ssh", b"", b"smtp"), strict=True):
        threads.append(threading.Thread(target=serve, args=(listener, banner)))
        threads[-1].start()
    gate = socket.create_server(("", port))
    gate.accept()[0].close()
    for thread in threads:
        thread.join()
    for listener in (*listeners, gate):
        listener.close()


def probe(number):
    with socket.socket() as sock:
        sock.settimeout(1)
        result = sock.connect_ex((peer, number))
        if result:
            return errno.errorcode[result]
        sock.settimeout(0.2)
        try:
            return sock.recv(10).decode()
        except TimeoutError:
            return "silent"


def client():
    with socket.create_connection((peer, port)) as sock:
        print(sock.recv(1))
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        for offset, found in enumerate(pool.map(probe, range(port + 1, port + 10)), 1):
            print(offset, found)


{"server": server, "client": client}[role]()
