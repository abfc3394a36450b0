"""Over IPv6: close() with unread bytes, SO_LINGER with l_linger 0, half-close, data after close."""

import socket
import struct
import sys
import time

NOW = struct.pack("ii", 1, 0)


def server(peer, port):
    with socket.create_server(("::", port), family=socket.AF_INET6) as listener:
        one, _ = listener.accept()
        print(one.recv(10))
        time.sleep(0.1)
        one.close()
        two, _ = listener.accept()
        print(two.recv(10))
        two.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NOW)
        two.close()
        three, _ = listener.accept()
        with three:
            while three.recv(1000):
                pass
            three.sendall(b"x" * 3000)


def client(peer, port):
    for number in range(2):
        with socket.create_connection((peer, port)) as sock:
            sock.sendall(bytes(1000) if number == 0 else b"short")
            try:
                print(sock.recv(10))
            except OSError as error:
                print(type(error).__name__)
    with socket.create_connection((peer, port)) as sock:
        sock.sendall(b"all")
        sock.shutdown(socket.SHUT_WR)
        got = b""
        while part := sock.recv(1000):
            got += part
        print(len(got))


{"server": server, "client": client}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
