"""SCM_RIGHTS over a socketpair: an acceptor hands connections to a worker, and forgets them."""

import array
import errno
import os
import socket
import sys
import threading
import time

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def outcome(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno, "timed out")


def worker(channel):
    while True:
        data, fds, _, _ = socket.recv_fds(channel, 9, 4)
        if not data:
            break
        for fd in fds:
            with socket.socket(fileno=fd) as sock:
                sock.sendall(b"worker got " + sock.recv(9))
    channel.close()


def server():
    listener = socket.create_server(("", port))
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=worker, args=(theirs,))
    thread.start()
    for _ in range(2):
        sock, _ = listener.accept()
        print(socket.send_fds(ours, [b"!"], [sock.fileno()]))
        sock.close()
    ours.close()
    thread.join()
    dropped, _ = listener.accept()
    listener.close()
    messages(dropped)


def messages(sock):
    a, b = socket.socketpair()
    b.settimeout(0.3)
    fd = sock.fileno()
    item = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]

    def take(room=64, flags=0, size=99):
        data, control, told, _ = b.recvmsg(size, room, flags)
        fds = array.array("i")
        for _, _, value in control:
            fds.frombytes(value)
        for one in fds:
            os.close(one)
        return data, len(fds), int(told) & ~0x40000000

    a.send(b"before ")
    a.sendmsg([b"with"], item)
    a.send(b" after")
    a.sendmsg([b" more"], item)
    print(take(), take(), outcome(take))
    a.sendmsg([b"part"], item)
    print(take(size=1), take())
    a.sendmsg([b"peek"], item)
    print(take(flags=socket.MSG_PEEK), take())
    for room in (0, 16, 19, 20, 24):
        socket.send_fds(a, [b"x"], [fd, fd])
        print(room, take(room))
    print(outcome(socket.send_fds, a, [b"x"], [1 << 19]), a.sendmsg([b""], item))
    print(outcome(socket.send_fds, a, [b"x"], [fd] * 254))
    a.sendmsg([b"kept"], item)
    sock.close()
    print("in flight")
    time.sleep(0.3)
    print(b.recv(9))
    print("gone")
    a.close()
    b.close()


def client():
    for number in (1, 2):
        with socket.create_connection((peer, port)) as sock:
            sock.sendall(str(number).encode())
            print(sock.recv(99), sock.recv(99))
    with socket.create_connection((peer, port)) as sock:
        begun = time.monotonic()
        print(sock.recv(9), time.monotonic() - begun > 0.25)


{"server": server, "client": client}[role]()
