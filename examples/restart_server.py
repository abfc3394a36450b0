"""A server that stops while a TIME-WAIT of it stands, and starts again.

restart_server.py ADDRESS PORT OLD NEW: OLD and NEW say whether the socket of the first and of
the second start sets SO_REUSEADDR (yes or no).
"""

import errno
import socket
import sys
import time

address, port = sys.argv[1], int(sys.argv[2])
old, new = (word == "yes" for word in sys.argv[3:5])


def start(reuse: bool) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
    try:
        listener.bind((address, port))
    except OSError:
        listener.close()
        raise
    listener.listen()
    return listener


listener = start(old)
connection, _ = listener.accept()
connection.sendall(b"goodbye\n")
connection.close()  # the first to close: the TIME-WAIT will be ours
listener.close()
time.sleep(0.2)  # the client closes, too
try:
    start(new).close()
    print("restart: ok")
except OSError as error:
    print(f"restart: {errno.errorcode[error.errno or 0]}")
