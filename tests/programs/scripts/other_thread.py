"""Sockets that another thread shuts or closes under a blocked call; accept() woken by shutdown."""

import errno
import socket
import sys
import threading
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def blocked(function, *args):
    told = []

    def call():
        try:
            told.append(function(*args))
        except OSError as error:
            told.append(errno.errorcode.get(error.errno, str(error)))

    thread = threading.Thread(target=call)
    thread.start()
    time.sleep(0.1)
    return thread, told


def server():
    listener = socket.create_server(("", port))
    first, _ = listener.accept()
    thread, told = blocked(first.recv, 10)
    first.shutdown(socket.SHUT_RD)
    thread.join(1)
    print("recv under shutdown(SHUT_RD):", told)
    first.sendall(b"still sends")
    time.sleep(0.1)
    print("arrived after SHUT_RD:", first.recv(10))
    first.close()

    second, _ = listener.accept()
    second.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20_000)
    thread, told = blocked(second.sendall, bytes(20_000_000))
    print("blocked in sendall:", thread.is_alive())
    second.shutdown(socket.SHUT_WR)
    thread.join(1)
    print("sendall under shutdown(SHUT_WR):", told)
    second.close()

    thread, told = blocked(listener.accept)
    listener.shutdown(socket.SHUT_RDWR)
    thread.join(1)
    print("accept under shutdown:", told)
    try:
        listener.accept()
    except OSError as error:
        print("accept after it:", errno.errorcode[error.errno])
    listener.listen(1)
    print("listens again")
    third, _ = listener.accept()
    print(third.recv(10))
    third.close()
    listener.close()


def client():
    with socket.create_connection((peer, port)) as first:
        print(first.recv(100))
        first.sendall(b"late")
        print(first.recv(1))
    with socket.create_connection((peer, port)) as second:
        time.sleep(0.5)
        count = 0
        while data := second.recv(1 << 16):
            count += len(data)
        print("cut off:", count < 20_000_000)
    time.sleep(0.5)
    for _ in range(20):
        try:
            third = socket.create_connection((peer, port))
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    third.sendall(b"again")
    print(third.recv(1))
    third.close()


{"server": server, "client": client}[role]()
