"""SO_LINGER with l_linger 0 before and behind a shutdown(), and while nobody reads."""

import socket
import struct
import sys
import time

NOW = struct.pack("ii", 1, 0)


def server(peer, port):
    with socket.create_server(("", port)) as listener:
        for how in range(4):
            with listener.accept()[0] as sock:
                count = 0
                try:
                    while data := sock.recv(4096):
                        count += len(data)
                    print(how, "EOF", count)
                except OSError as error:
                    print(how, type(error).__name__)


def client(peer, port):
    for how in range(4):
        with socket.create_connection((peer, port)) as sock:
            sock.sendall(b"a" * 10_000)
            if how in (1, 2):
                sock.shutdown(socket.SHUT_WR)
            if how in (0, 2):
                time.sleep(0.3)
            if how == 3:
                sock.shutdown(socket.SHUT_RD)
            else:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NOW)
        time.sleep(0.3)


{"server": server, "client": client}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
