"""A selectors server that queues writes for slow readers, with data attached to keys."""

import selectors
import socket
import sys
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


class Peer:
    def __init__(self):
        self.out = bytearray()
        self.asked = b""
        self.waits = 0


def server():
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("", port))
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ)
    served = 0
    while served < 3:
        for key, events in selector.select(timeout=5):
            sock, peer_data = key.fileobj, key.data
            if peer_data is None:
                connection, _ = listener.accept()
                connection.setblocking(False)
                selector.register(connection, selectors.EVENT_READ, Peer())
                continue
            if events & selectors.EVENT_READ:
                data = sock.recv(1000)
                peer_data.asked += data
                if peer_data.asked.endswith(b"\n"):
                    peer_data.out += b"y" * int(peer_data.asked)
                    selector.modify(sock, selectors.EVENT_WRITE, peer_data)
            if events & selectors.EVENT_WRITE:
                try:
                    del peer_data.out[: sock.send(peer_data.out)]
                except BlockingIOError:
                    peer_data.waits += 1
                if not peer_data.out:
                    selector.unregister(sock)
                    sock.close()
                    served += 1
    print("served", served, len(selector.get_map()))
    selector.close()


def client():
    socks = [socket.create_connection((peer, port)) for _ in range(3)]
    for sock, count in zip(socks, (10, 6_000_000, 1_000), strict=True):
        sock.sendall(b"%d" % count)
        time.sleep(0.05)
        sock.sendall(b"\n")
    for sock in reversed(socks):
        time.sleep(0.1)
        count = 0
        while data := sock.recv(1 << 16):
            count += len(data)
        print(count)
        sock.close()


{"server": server, "client": client}[role]()
