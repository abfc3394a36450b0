"""A server that hands connections to worker threads through a queue; slow clients time out."""

import queue
import socket
import sys
import threading
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def work(jobs, results):
    while (connection := jobs.get()) is not None:
        with connection:
            connection.settimeout(0.3)
            try:
                data = connection.recv(1024)
                connection.sendall(data.upper())
                results.put(("served", len(data)))
            except TimeoutError as error:
                results.put(("timed out", str(error)))
        jobs.task_done()


def server():
    jobs, results = queue.Queue(maxsize=2), queue.SimpleQueue()
    threads = [threading.Thread(target=work, args=(jobs, results)) for _ in range(3)]
    for thread in threads:
        thread.start()
    waits = count = 0
    with socket.create_server(("", port)) as listener:
        listener.settimeout(0.2)
        while count < 5:
            try:
                connection, _ = listener.accept()
            except TimeoutError as error:
                waits += 1
                reason = str(error)
            else:
                count += 1
                jobs.put(connection)
    print("nobody came for a while:", waits > 0, reason)
    jobs.join()
    for _ in threads:
        jobs.put(None)
    for thread in threads:
        thread.join()
    told = []
    while not results.empty():
        told.append(results.get())
    print(sorted(told))


def client():
    time.sleep(0.5)
    for number in range(5):
        with socket.create_connection((peer, port), timeout=2) as sock:
            if number == 3:
                print("silent:", sock.recv(10))
                continue
            sock.sendall(b"request %d" % number)
            answer = b""
            while data := sock.recv(100):
                answer += data
            print(answer.decode())
    idle = queue.Queue()
    begun = time.monotonic()
    try:
        idle.get(timeout=0.2)
    except queue.Empty:
        print("empty after", round(time.monotonic() - begun, 1))


{"server": server, "client": client}[role]()
