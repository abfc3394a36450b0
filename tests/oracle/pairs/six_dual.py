"""One socket for both families: what each end sees of the addresses."""

import socket
import sys


def server(peer, port):
    listener = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    print(listener.getsockname(), listener.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY))
    for _ in range(3):
        sock, address = listener.accept()
        with sock:
            print(
                address[0], sock.getsockname()[0], len(address), socket.getnameinfo(address, 1)[0]
            )
            sock.sendall(sock.recv(100))
    listener.close()


def client(peer, port):
    found = {one[0]: one[4][0] for one in socket.getaddrinfo(peer, port, type=socket.SOCK_STREAM)}
    four, six = found[socket.AF_INET], found[socket.AF_INET6]
    for family, address in (
        (socket.AF_INET, four),
        (socket.AF_INET6, six),
        (socket.AF_INET6, f"::ffff:{four}"),
    ):
        with socket.socket(family) as sock:
            sock.connect((address, port))
            print(sock.getpeername(), sock.getsockname()[0])
            sock.sendall(b"hello")
            print(sock.recv(100), sock.recv(100))
    for family, address in ((socket.AF_INET, six), (socket.AF_INET6, four)):
        with socket.socket(family) as sock:
            try:
                sock.connect((address, port))
            except OSError as error:
                print(type(error).__name__, error.errno)


{"server": server, "client": client}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
