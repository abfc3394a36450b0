"""Urgent data, and MSG_PEEK, which reads nothing."""

import errno
import select
import socket
import sys
import time


def server(peer, port):
    with socket.create_server(("", port)) as listener, listener.accept()[0] as sock:
        print(len(select.select([], [], [sock], 5)[2]))
        print(sock.recv(1, socket.MSG_OOB))
        time.sleep(0.1)
        print(sock.recv(100, socket.MSG_PEEK))
        print(sock.recv(100), sock.recv(100))
        try:
            sock.recv(1, socket.MSG_OOB)
        except OSError as error:
            print(errno.errorcode[error.errno])


def client(peer, port):
    with socket.create_connection((peer, port)) as sock:
        sock.sendall(b"abc")
        time.sleep(0.05)
        sock.send(b"!", socket.MSG_OOB)
        time.sleep(0.05)
        sock.sendall(b"def")


{"server": server, "client": client}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
