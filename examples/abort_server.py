"""Answer, then close with SO_LINGER on and l_linger 0: abort_server.py ADDRESS PORT BYTES."""

import socket
import struct
import sys
import time

listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
connection, _ = listener.accept()
connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
connection.sendall(b"x" * int(sys.argv[3]))
time.sleep(0.3)  # what the client's buffer takes is there now
connection.close()
print("server closed with l_linger 0")
