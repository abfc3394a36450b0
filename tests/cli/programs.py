"""Small programs that the tests write to files and run as people do."""

from typing import Final

SERVER: Final = """
import socket
listener = socket.create_server(("", 80))
connection, _ = listener.accept()
listener.close()
print("server heard", connection.recv(100))
connection.sendall(b"answer")
connection.close()
"""

CLIENT: Final = """
import socket, sys, time
sock = socket.create_connection((sys.argv[1], 80))
sock.sendall(b"hello")
print("client heard", sock.recv(100), sock.recv(100))
sock.close()
"""

HASTY: Final = """
import socket, time
listener = socket.create_server(("", 80))
connection, _ = listener.accept()
listener.close()
connection.recv(1)
time.sleep(0.1)
connection.close()
"""
"""A server that closes with four bytes unread; `PATIENT` does not mind the reset."""

PATIENT: Final = """
import socket, sys
sock = socket.create_connection((sys.argv[1], 80))
sock.sendall(b"hello")
try:
    sock.recv(1)
except ConnectionResetError:
    print("reset")
"""

FOREVER: Final = """
import socket
listener = socket.create_server(("", 80))
while True:
    connection, _ = listener.accept()
    connection.recv(100)
    connection.sendall(b"answer")
    connection.close()
"""

TICKER: Final = """
import time
while True:
    print("tick")
    time.sleep(1)
"""

CLOCK: Final = """
import datetime, sys, time
time.sleep(float(sys.argv[1]))
print(sys.argv[2], datetime.datetime.now(datetime.UTC).isoformat())
"""

RAISES: Final = """
print("before")
raise RuntimeError("no luck")
"""

DEADLOCK: Final = """
import threading
lock = threading.Lock()
lock.acquire()
lock.acquire()
"""

SPIN: Final = """
while True:
    pass
"""

HUNG: Final = """
import socket, time
listener = socket.create_server(("", 80))
sock = socket.create_connection(("a", 80))
connection, _ = listener.accept()
listener.close()
while True:
    time.sleep(600)
"""

STRANGE: Final = """
import os, random, socket
random.seed(int.from_bytes(open("/dev/urandom", "rb").read(8), "big"))
listener = socket.create_server(("", 80 + random.randrange(10_000)))
sock = socket.create_connection(("a", listener.getsockname()[1]))
"""
"""Not deterministic: it reads the machine's own randomness."""
