"""Answer a request and close: early_answer.py ADDRESS PORT ANSWER_BYTES REQUEST_BYTES.

REQUEST_BYTES is how much of the request is read first: 1 is the mistake, all of it the remedy.
"""

import fcntl
import socket
import struct
import sys
import termios
import time

answer, wanted = int(sys.argv[3]), int(sys.argv[4])


def queued(sock: socket.socket, request: int) -> int:
    return int(struct.unpack("i", fcntl.ioctl(sock, request, bytes(4)))[0])


listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
connection, _ = listener.accept()
while wanted > 0:
    wanted -= len(connection.recv(min(wanted, 65536)))
time.sleep(0.2)  # the rest of the request arrives
connection.sendall(b"a" * answer)
time.sleep(0.3)
print(f"server unread at close {queued(connection, termios.FIONREAD)} bytes")
print(f"server unsent at close {queued(connection, termios.TIOCOUTQ)} bytes")
connection.close()
