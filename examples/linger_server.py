"""Answer, then close with SO_LINGER on and l_linger n: linger_server.py ADDRESS PORT BYTES N."""

import errno
import socket
import struct
import sys
import time

listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
connection, _ = listener.accept()
linger = struct.pack("ii", 1, int(sys.argv[4]))
connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
connection.sendall(b"x" * int(sys.argv[3]))
begun = time.monotonic()
try:
    connection.close()
    result = "0"
except OSError as error:
    result = "EWOULDBLOCK" if error.errno == errno.EWOULDBLOCK else str(error)
print(f"server close() returned {result} after {time.monotonic() - begun:.1f} s")
