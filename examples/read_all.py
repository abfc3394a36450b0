"""Connect, wait, and read to the end: read_all.py HOST PORT [SECONDS before reading]."""

import errno
import socket
import sys
import time

connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
time.sleep(float(sys.argv[3]) if len(sys.argv) > 3 else 0)
count, end = 0, "end of stream"
try:
    while data := connection.recv(65536):
        count += len(data)
except OSError as error:
    end = errno.errorcode[error.errno or 0]
print(f"client read {count} bytes, then {end}")
connection.close()
