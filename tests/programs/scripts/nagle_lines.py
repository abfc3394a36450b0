"""A line protocol through makefile, with Nagle's algorithm and without it: how long it takes."""

import socket
import sys
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
TURNS = 6

if role == "server":
    with socket.create_server(("", port)) as listener:
        for _ in range(2):
            connection, _ = listener.accept()
            with connection, connection.makefile("rwb") as file:
                while (head := file.readline()) and (tail := file.readline()):
                    file.write(b"%d\n" % (int(head) + int(tail)))
                    file.flush()
                print("over", connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
else:
    for nodelay in (0, 1):
        with socket.create_connection((peer, port)) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, nodelay)
            with sock.makefile("rb") as answers, sock.makefile("wb", buffering=0) as raw:
                for warm in range(20):
                    raw.write(b"%d\n1\n" % warm)
                    answers.readline()
                begun = time.monotonic()
                for turn in range(TURNS):
                    raw.write(b"%d\n" % turn)
                    raw.write(b"10\n")
                    print(int(answers.readline()))
                took = time.monotonic() - begun
        print("a turn took", "40 ms" if took / TURNS > 0.03 else "no time", "nodelay", nodelay)
