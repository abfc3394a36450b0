"""Refused ports, a server that comes late, a full accept queue that makes connect() time out."""

import errno
import select
import socket
import sys
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def server():
    ready = socket.create_server(("", port))
    guard = socket.socket()
    guard.bind(("", port + 1))
    ready.accept()[0].close()
    ready.close()
    time.sleep(0.65)
    guard.listen(0)
    time.sleep(2.5)
    guard.setblocking(False)
    count = 0
    while select.select([guard], [], [], 0)[0]:
        guard.accept()[0].close()
        count += 1
    print("accepted", count)


def client():
    with socket.create_connection((peer, port)) as sock:
        print(sock.recv(1))
    for attempt in range(1, 20):
        try:
            first = socket.create_connection((peer, port + 1), timeout=1)
        except ConnectionRefusedError as error:
            refused = error
            time.sleep(0.2)
        else:
            print("connected at attempt", attempt > 1, refused.errno == errno.ECONNREFUSED)
            break
    second = socket.socket()
    second.settimeout(0.7)
    begun = time.monotonic()
    try:
        second.connect((peer, port + 1))
        print("a second fits?")
    except TimeoutError as error:
        print(type(error).__name__, error, round(time.monotonic() - begun, 1))
    second.close()
    print(socket.socket().connect_ex((peer, port)))
    first.settimeout(5)
    print("first:", first.recv(10))
    first.close()


{"server": server, "client": client}[role]()
