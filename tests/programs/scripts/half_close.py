"""A client that half-closes: sort(1) over TCP answers only after the end of its input."""

import socket
import sys

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])

if role == "server":
    with socket.create_server(("", port)) as listener:
        for _ in range(2):
            connection, _ = listener.accept()
            with connection, connection.makefile("rw") as file:
                lines = sorted(file)
                file.writelines(lines)
                print("sorted", len(lines))
else:
    for count in (3, 20_000):
        with socket.create_connection((peer, port)) as sock:
            for number in reversed(range(count)):
                sock.sendall(b"%06d\n" % number)
            sock.shutdown(socket.SHUT_WR)
            try:
                sock.send(b"more")
            except BrokenPipeError as error:
                print("send after shutdown:", error.errno)
            with sock.makefile() as file:
                numbers = [int(line) for line in file]
            print(numbers == list(range(count)), sock.recv(1))
            try:
                sock.shutdown(socket.SHUT_RDWR)
                print("shut down again")
            except OSError as error:
                print("shutdown:", error.errno)
