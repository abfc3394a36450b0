"""Time-outs of recv and send, TCP_INFO, SIOCOUTQ, buffer sizes: what one reads off a socket."""

import array
import fcntl
import socket
import sys
import termios
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def queued(sock, request):
    value = array.array("i", [0])
    fcntl.ioctl(sock, request, value)
    return value[0]


def server():
    with socket.create_server(("", port)) as listener:
        connection, _ = listener.accept()
        connection.settimeout(0.3)
        begun = time.monotonic()
        try:
            connection.recv(1)
        except TimeoutError as error:
            print("recv:", error.errno, error, round(time.monotonic() - begun, 1))
        time.sleep(0.4)
        print("unread", queued(connection, termios.FIONREAD))
        print(len(connection.recv(10_000)), queued(connection, termios.FIONREAD))
        connection.sendall(b"go on")
        time.sleep(0.6)
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        print("state", info[0], "retransmits", info[2])
        count = 0
        connection.settimeout(2)
        while data := connection.recv(65536):
            count += len(data)
        print(count > 100_000)
        connection.close()


def client():
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 30_000)
    print(sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    print(sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))
    print(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    print(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    sock.connect((peer, port))
    time.sleep(0.5)
    sock.sendall(bytes(3000))
    time.sleep(0.1)
    print("unsent", queued(sock, termios.TIOCOUTQ))
    print(sock.recv(10))
    sock.settimeout(0.2)
    begun = time.monotonic()
    try:
        sock.sendall(bytes(10_000_000))
    except TimeoutError as error:
        print("sendall:", error.errno, error, round(time.monotonic() - begun, 1))
    print("unsent", queued(sock, termios.TIOCOUTQ) > 0)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, 250, 1)
    except OSError as error:
        print(error.errno)
    try:
        sock.getsockopt(socket.SOL_SOCKET, 250)
    except OSError as error:
        print(error.errno)
    sock.close()


{"server": server, "client": client}[role]()
