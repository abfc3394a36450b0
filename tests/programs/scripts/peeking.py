"""MSG_PEEK, MSG_WAITALL, MSG_DONTWAIT, recv_into, recvmsg, sendmsg: a length-prefixed protocol."""

import array
import socket
import struct
import sys
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def server():
    listener = socket.create_server(("", port))
    connection, _ = listener.accept()
    listener.close()
    print("peek", connection.recv(4, socket.MSG_PEEK), connection.recv(2, socket.MSG_PEEK))
    (length,) = struct.unpack("!I", connection.recv(4, socket.MSG_WAITALL))
    buffer = bytearray(length)
    view = memoryview(buffer)
    got = 0
    while got < length:
        got += connection.recv_into(view[got:], min(1000, length - got))
    print(length, buffer == bytes(length % 251 for length in range(length)))
    try:
        connection.recv(10, socket.MSG_DONTWAIT)
    except BlockingIOError as error:
        print("nothing yet", error.errno)
    numbers = array.array("i", [0] * 4)
    connection.send(b"go")
    print(connection.recv_into(numbers, 16, socket.MSG_WAITALL), list(numbers))
    data, ancillary, flags, address = connection.recvmsg(100)
    print(data, ancillary, flags, address)
    print(connection.recv(5, socket.MSG_WAITALL), connection.recv(1, socket.MSG_PEEK))
    print(connection.recv_into(bytearray(0)), connection.recv(0))
    connection.close()


def client():
    with socket.create_connection((peer, port)) as sock:
        body = bytes(number % 251 for number in range(200_000))
        print(sock.sendmsg([struct.pack("!I", len(body)), b""]))
        sock.sendall(memoryview(body))
        sock.recv(2)
        sock.sendall(array.array("i", [1, -2]))
        time.sleep(0.1)
        sock.sendall(array.array("i", [3, -4]))
        time.sleep(0.1)
        print(sock.sendmsg([b"scattered ", bytearray(b"and "), memoryview(b"gathered")]))
        time.sleep(0.1)
        sock.send(b"end")


{"server": server, "client": client}[role]()
