"""Who may bind beside whom, when both families have sockets."""

import errno
import socket
import sys

ADDRESSES = ("0.0.0.0", "127.0.0.1", "::", "::1", "::ffff:127.0.0.1")


def attempt(held, wanted, port, only):
    socks = []
    try:
        for address in (held, wanted):
            six = ":" in address
            sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET)
            socks.append(sock)
            if six:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
            sock.bind((address, port))
            sock.listen()
    except OSError as error:
        return errno.errorcode[error.errno]
    finally:
        for sock in socks:
            sock.close()
    return "ok"


def server(peer, port):
    with socket.create_server(("", port)) as listener:
        for only in (0, 1):
            for held in ADDRESSES:
                print(only, held, [attempt(held, wanted, port + 1, only) for wanted in ADDRESSES])
        listener.accept()[0].close()


def client(peer, port):
    """Its name has both families; who listens has IPv4 alone."""
    with socket.create_connection((peer, port)) as sock:
        print(sock.family.name, sock.recv(1))


{"server": server, "client": client}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
