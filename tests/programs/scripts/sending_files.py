"""socket.sendfile and os.sendfile, copyfileobj, and a receiver that is slow."""

import hashlib
import os
import shutil
import socket
import sys
import tempfile
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
BODY = bytes(number * 7 % 256 for number in range(1 << 19))


def server():
    with tempfile.TemporaryFile() as file, socket.create_server(("", port)) as listener:
        file.write(BODY)
        for case in range(3):
            connection, _ = listener.accept()
            file.seek(0)
            with connection:
                if case == 0:
                    print(connection.sendfile(file), file.tell())
                elif case == 1:
                    print(connection.sendfile(file, offset=100, count=1000), file.tell())
                else:
                    with connection.makefile("wb") as out:
                        shutil.copyfileobj(file, out, 5000)
                connection.shutdown(socket.SHUT_WR)
                print(connection.recv(10))


def client():
    for case in range(3):
        with socket.create_connection((peer, port)) as sock:
            digest, count = hashlib.md5(), 0
            time.sleep(0.1)
            while data := sock.recv(30_000):
                digest.update(data)
                count += len(data)
            wanted = BODY[100:1100] if case == 1 else BODY
            print(count, digest.digest() == hashlib.md5(wanted).digest())
            print(os.strerror(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)))


{"server": server, "client": client}[role]()
