"""Both ends send three megabytes at once, shut down, and read to the end."""

import socket
import sys
import threading

SIZE = 3_000_000


def exchange(sock):
    counted = []

    def read():
        while data := sock.recv(65536):
            counted.append(len(data))

    reader = threading.Thread(target=read)
    reader.start()
    sock.sendall(b"d" * SIZE)
    sock.shutdown(socket.SHUT_WR)
    reader.join()
    print(sum(counted) == SIZE)
    sock.close()


def server(peer, port):
    with socket.create_server(("", port)) as listener:
        exchange(listener.accept()[0])


def client(peer, port):
    exchange(socket.create_connection((peer, port)))


{"server": server, "client": client}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
