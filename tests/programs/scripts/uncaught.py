"""Errors that nobody catches, in a thread and in the main program; sys.exit with a text; atexit."""

import atexit
import socket
import sys
import threading
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def server():
    atexit.register(print, "server: at exit")

    def serve(connection):
        connection.settimeout(0.2)
        connection.recv(1)

    with socket.create_server(("", port)) as listener:
        connection, _ = listener.accept()
        thread = threading.Thread(target=serve, args=(connection,), name="reader")
        thread.start()
        thread.join()
        connection.close()
        sys.exit("server: gives up")


def client():
    atexit.register(print, "client: at exit")
    sock = socket.create_connection((peer, port), timeout=5)
    print(sock.recv(1))
    time.sleep(0.3)
    try:
        socket.create_connection((peer, port), timeout=5)
    except ConnectionRefusedError as error:
        raise LookupError("no server any more") from error


{"server": server, "client": client}[role]()
