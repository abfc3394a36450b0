"""Threads with Barrier, Semaphore, Lock, local and a shared counter; one socket used by two."""

import collections
import socket
import sys
import threading

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def server():
    seen = collections.Counter()
    lock = threading.Lock()
    local = threading.local()

    def serve(connection):
        local.count = 0
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                local.count += 1
                with lock:
                    seen[line.strip()[:1]] += 1
            connection.sendall(b"%d" % local.count)

    threads = []
    with socket.create_server(("", port), backlog=1) as listener:
        for _ in range(5):
            thread = threading.Thread(target=serve, args=listener.accept()[:1])
            thread.start()
            threads.append(thread)
    for thread in threads:
        thread.join(5)
    print(sorted(seen.items()), [thread.is_alive() for thread in threads])


def client():
    barrier = threading.Barrier(4, timeout=5)
    slots = threading.BoundedSemaphore(2)
    answers = []

    def talk(name):
        barrier.wait()
        with slots, socket.create_connection((peer, port)) as sock:
            for _ in range(100):
                sock.sendall(name * 10 + b"\n")
            sock.shutdown(socket.SHUT_WR)
            answers.append((name, sock.recv(10)))

    threads = [threading.Thread(target=talk, args=(name,)) for name in (b"a", b"b", b"c", b"d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sorted(answers))

    sock = socket.create_connection((peer, port))
    got = []
    reader = threading.Thread(target=lambda: got.append(sock.recv(10)))
    reader.start()
    sock.sendall(b"z\nz\n")
    sock.shutdown(socket.SHUT_WR)
    reader.join()
    print(got, threading.active_count())
    sock.close()


{"server": server, "client": client}[role]()
