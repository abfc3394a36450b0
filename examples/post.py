"""Send a request, then read the answer: post.py HOST PORT REQUEST_BYTES."""

import errno
import fcntl
import socket
import struct
import sys
import termios
import time

connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
connection.sendall(b"q" * int(sys.argv[3]))
time.sleep(0.25)  # whoever answers has begun by now
left = struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0]
print(f"client request still unsent {left} bytes")
time.sleep(0.7)
count, end = 0, "end of stream"
try:
    while data := connection.recv(65536):
        count += len(data)
except OSError as error:
    end = errno.errorcode[error.errno or 0]
print(f"client read {count} bytes, then {end}")
connection.close()
