"""connect() without blocking, select for the outcome, SO_ERROR, a send loop that fills queues."""

import errno
import select
import socket
import sys
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
SIZE = 12_000_000


def server():
    with socket.create_server(("", port)) as listener:
        connection, _ = listener.accept()
        time.sleep(0.2)
        count = 0
        while data := connection.recv(100_000):
            count += len(data)
        print("received", count)
        connection.close()


def attempt(number):
    sock = socket.socket()
    sock.setblocking(False)
    first = sock.connect_ex((peer, number))
    _, writable, _ = select.select([], [sock], [], 2)
    error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    print(errno.errorcode.get(first, first), writable == [sock], errno.errorcode.get(error, error))
    print(errno.errorcode.get(sock.connect_ex((peer, number)), 0) if not error else "-")
    return sock


def client():
    attempt(port - 1).close()
    sock = attempt(port)
    try:
        sock.recv(1)
    except BlockingIOError as error:
        print("recv", error.errno)
    sent = blocked = 0
    data = bytes(SIZE)
    while sent < SIZE:
        try:
            sent += sock.send(data[sent:])
        except BlockingIOError:
            blocked += 1
            select.select([], [sock], [])
    print("sent", sent, "blocked", blocked > 0)
    poller = select.poll()
    sock.shutdown(socket.SHUT_WR)
    poller.register(sock, select.POLLIN)
    events = poller.poll(5000)
    print([event for _, event in events], sock.recv(1))
    sock.close()
    try:
        select.select([sock], [], [])
    except ValueError as error:
        print(error)


{"server": server, "client": client}[role]()
