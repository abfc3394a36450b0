"""A small receive buffer, a slow reader, a sender that waits."""

import socket
import sys
import time


def server(peer, port):
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("", port))
        listener.listen()
        with listener.accept()[0] as sock:
            print(sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))
            count = 0
            while data := sock.recv(1000):
                count += len(data)
                time.sleep(0.0005)
            print(count)


def client(peer, port):
    with socket.create_connection((peer, port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(0.05)
        try:
            sock.recv(1)
        except TimeoutError as error:
            print(error)
        sock.settimeout(20)
        sock.sendall(b"z" * 150_000)
        sock.shutdown(socket.SHUT_WR)
        print(sock.recv(1))


{"server": server, "client": client}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
