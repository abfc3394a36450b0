"""What poll(2) and the next calls say after four ways to end a connection."""

import select
import socket
import struct
import sys
import time

ALL = select.POLLIN | select.POLLOUT | select.POLLRDHUP | select.POLLPRI


def server(peer, port):
    with socket.create_server(("", port)) as listener:
        for how in range(4):
            with listener.accept()[0] as sock:
                sock.recv(1)
                if how == 1:
                    sock.shutdown(socket.SHUT_WR)
                    time.sleep(0.3)
                elif how == 2:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                elif how == 3:
                    sock.sendall(b"dd")
                    sock.shutdown(socket.SHUT_RDWR)
                    time.sleep(0.3)


def client(peer, port):
    for how in range(4):
        with socket.create_connection((peer, port)) as sock:
            poll = select.poll()
            poll.register(sock, ALL)
            sock.send(b"x")
            time.sleep(0.1)
            print(how, dict(poll.poll(0))[sock.fileno()])
            try:
                print(sock.recv(5))
            except OSError as error:
                print(type(error).__name__)
            try:
                sock.send(b"y")
                time.sleep(0.05)
                sock.send(b"z")
                print("sent")
            except OSError as error:
                print(type(error).__name__)
            print(dict(poll.poll(0)).get(sock.fileno()))


{"server": server, "client": client}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
