"""A proxy that forwards between two connections, half-closes and resets too."""

import socket
import struct
import sys
import threading
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
# On one machine the proxy needs a port of its own.
INNER = port


def origin():
    with socket.create_server(("", INNER)) as listener:
        for _ in range(3):
            connection, _ = listener.accept()
            with connection:
                request = b""
                while data := connection.recv(4096):
                    request += data
                if request == b"abort":
                    connection.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                    )
                    continue
                connection.sendall(request[::-1])
        print("origin served three")


def pump(source, sink, results):
    count = 0
    try:
        while data := source.recv(16384):
            sink.sendall(data)
            count += len(data)
        sink.shutdown(socket.SHUT_WR)
        results.append(count)
    except OSError as error:
        results.append(type(error).__name__)
        sink.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def proxy():
    with socket.create_server(("", port + 1)) as listener:
        for _ in range(3):
            near, _ = listener.accept()
            far = socket.create_connection((peer, INNER))
            there, back = [], []
            threads = [
                threading.Thread(target=pump, args=(near, far, there), name="there"),
                threading.Thread(target=pump, args=(far, near, back), name="back"),
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            near.close()
            far.close()
            print("there", there, "back", back)


def client():
    time.sleep(0.3)
    for request in (b"hello", bytes(range(256)) * 2000, b"abort"):
        with socket.create_connection((peer, port + 1)) as sock:
            sock.sendall(request)
            sock.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while data := sock.recv(65536):
                    answer += data
                print(answer == request[::-1])
            except ConnectionResetError:
                print("reset after", len(answer))


{"origin": origin, "proxy": proxy, "client": client}[role]()
