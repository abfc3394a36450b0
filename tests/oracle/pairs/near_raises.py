"""A server that ends with an exception, a thread in recv(), and a request that nobody read."""

import socket
import sys
import threading


def server(peer, port):
    listener = socket.create_server(("", port))
    first, _ = listener.accept()
    threading.Thread(target=first.recv, args=(10,), daemon=True).start()
    second, _ = listener.accept()
    print(second.recv(1))
    third, _ = listener.accept()
    raise ValueError(third.fileno() > 0)


def client(peer, port):
    socks = [socket.create_connection((peer, port)) for _ in range(2)]
    socks[1].sendall(b"unread")
    socks.append(socket.create_connection((peer, port)))
    for sock in socks:
        try:
            print(sock.recv(1))
        except OSError as error:
            print(type(error).__name__)


{"server": server, "client": client}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
