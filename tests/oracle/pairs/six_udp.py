"""UDP over IPv6, the refusal of a port by ICMPv6, and TCP on the same port."""

import socket
import sys


def server(peer, port):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind(("::", port))
        listener = socket.create_server(("::", port), family=socket.AF_INET6)
        for _ in range(3):
            data, address = sock.recvfrom(5000)
            print(len(data), address[0], address[2:])
            sock.sendto(data[::-1], address)
        listener.accept()[0].close()
        listener.close()


def client(peer, port):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        for size in (0, 5, 4000):
            sock.sendto(bytes(range(5)) * (size // 5), (peer, port))
            data, address = sock.recvfrom(5000)
            print(len(data), address)
        sock.connect((peer, port + 1))
        sock.send(b"anybody?")
        try:
            sock.recv(10)
        except OSError as error:
            print(type(error).__name__)
    socket.create_connection((peer, port)).close()


{"server": server, "client": client}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
