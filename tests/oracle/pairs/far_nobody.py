"""Nothing arrives: TCP_USER_TIMEOUT, a timeout of the program's own, UDP without an answer."""

import errno
import socket
import sys


def server(peer, port):
    with socket.create_server(("", port)) as listener:
        listener.settimeout(4)
        try:
            listener.accept()
        except TimeoutError as error:
            print("accept", error)


def client(peer, port):
    try:
        socket.create_connection((peer, port), 1)
    except TimeoutError as error:
        print("connect", error)
    with socket.socket() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1500)
        try:
            sock.connect((peer, port))
        except OSError as error:
            print("TCP_USER_TIMEOUT", errno.errorcode[error.errno])
    with socket.socket() as sock:
        sock.setblocking(False)
        print(errno.errorcode[sock.connect_ex((peer, port))])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.5)
        sock.sendto(b"?", (peer, port))
        try:
            sock.recv(10)
        except TimeoutError as error:
            print("recv", error)


{"server": server, "client": client}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
