"""dup, fromfd, detach: the connection ends with the last descriptor, or with shutdown."""

import os
import socket
import sys
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def server():
    with socket.create_server(("", port)) as listener:
        first, _ = listener.accept()
        copy = first.dup()
        first.sendall(b"from the first, ")
        first.close()
        time.sleep(0.1)
        copy.sendall(b"from the copy")
        print(first.fileno(), copy.fileno() >= 0, copy.recv(10))
        copy.close()

        second, _ = listener.accept()
        copy = socket.fromfd(second.fileno(), second.family, second.type)
        number = second.detach()
        copy.sendall(b"before shutdown")
        copy.shutdown(socket.SHUT_WR)
        print(copy.recv(100, socket.MSG_WAITALL), second.fileno())
        os.close(number)
        copy.close()
        try:
            os.close(number)
        except OSError as error:
            print("closed twice:", error.errno)

        third, _ = listener.accept()
        file = third.makefile("wb")
        third.close()
        file.write(b"the file holds it")
        file.close()


def client():
    for number in range(3):
        sock = socket.create_connection((peer, port))
        if number < 2:
            sock.sendall(b"hello")
        data = b""
        while part := sock.recv(100):
            data += part
        print(data)
        if number == 1:
            sock.sendall(b"still open this way")
        sock.close()
        try:
            sock.send(b"x")
        except OSError as error:
            print(error.errno)


{"server": server, "client": client}[role]()
