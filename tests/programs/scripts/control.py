"""Control data: IP_PKTINFO, IP_RECVTTL, IP_RECVTOS and what sendmsg may ask; room for it."""

import errno
import socket
import struct
import sys

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
IP, UDP = socket.IPPROTO_IP, socket.SOCK_DGRAM
IP_TOS, IP_TTL, IP_PKTINFO, IP_RECVTTL, IP_RECVTOS = 1, 2, 8, 12, 13
ROOM = 256


def outcome(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]


def shown(message):
    data, control, flags, _ = message
    return data, [(level, kind, value.hex()) for level, kind, value in control], int(flags)


def server():
    """Tell what came, but not by which interface: that is not loopback everywhere."""
    sock = socket.socket(type=UDP)
    sock.bind(("", port))
    sock.setsockopt(IP, IP_RECVTTL, 1)
    sock.setsockopt(IP, IP_RECVTOS, 1)
    listener = socket.create_server(("", port))
    ready, _ = listener.accept()
    for number in range(4):
        data, control, flags, source = sock.recvmsg(9, ROOM)
        print(number, shown((data, control, flags, None)))
        sock.sendto(b"next", source)
    for one in (ready, listener, sock):
        one.close()


def client():
    ready = socket.create_connection((peer, port))
    sock = socket.socket(type=UDP)
    for number in range(4):
        options = [[], [(IP, IP_TTL, struct.pack("i", 5))], [(IP, IP_TOS, b"\x20")], []][number]
        if number == 3:
            sock.setsockopt(IP, IP_TTL, 99)
            sock.setsockopt(IP, IP_TOS, 0x68)
        print(sock.sendmsg([b"text ", str(number).encode()], options, 0, (peer, port)))
        print(sock.recv(9))
    print(ready.recv(1))
    for one in (ready, sock):
        one.close()
    alone()
    tcp()


def alone():
    a, b = (socket.socket(type=UDP) for _ in range(2))
    a.bind(("", 0))
    name = "127.0.0.1", a.getsockname()[1]
    for option in (IP_PKTINFO, IP_RECVTTL, IP_RECVTOS):
        a.setsockopt(IP, option, 1)
        print(option, a.getsockopt(IP, option))
    for room in (0, 15, 16, 20, 28, 31, 32, 52, 55, 56, 72, 73, 256):
        b.sendto(b"text", name)
        print(room, shown(a.recvmsg(2, room)))
    source = [(IP, IP_PKTINFO, struct.pack("i4s4x", 1, socket.inet_aton("127.9.9.9")))]
    print(b.sendmsg([b"x"], source, 0, name), a.recvmsg(9, ROOM)[3][0])
    for item in (
        (IP, IP_TTL, struct.pack("i", 0)), (IP, IP_TTL, b"\1"), (IP, IP_TOS, bytes(8)),
        (IP, IP_PKTINFO, bytes(4)), (IP, 99, bytes(4)), (99, 99, bytes(4)),
        (socket.SOL_SOCKET, 99, bytes(4)), (socket.SOL_SOCKET, socket.SCM_RIGHTS, bytes(4)),
        (IP, IP_PKTINFO, struct.pack("i8x", 99)),
    ):  # fmt: skip
        print(item, outcome(b.sendmsg, [b"x"], [item], 0, name))
    a.close()
    b.close()
    for kind in (UDP, socket.SOCK_STREAM):
        sock = socket.socket(type=kind)
        print([sock.getsockopt(IP, option) for option in (IP_TTL, IP_TOS, IP_PKTINFO)])
        print([outcome(sock.setsockopt, IP, IP_TTL, value) for value in (0, 256, -2)])
        print(outcome(sock.getsockopt, 77, 1), outcome(sock.getsockopt, IP, IP_TTL, 1))
        sock.close()


def tcp():
    listener = socket.create_server(("127.0.0.1", 0))
    a = socket.create_connection(listener.getsockname())
    b, _ = listener.accept()
    for option in (IP_PKTINFO, IP_RECVTTL, IP_RECVTOS):
        b.setsockopt(IP, option, 1)
    print(a.sendmsg([b"a", b"", b"bc"], [(IP, IP_TTL, struct.pack("i", 9))]), b.recvmsg(9, ROOM))
    print(outcome(a.sendmsg, [b"x"], [(socket.SOL_SOCKET, 99, bytes(4))]))
    print(outcome(a.sendmsg, [b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, bytes(4))]))
    print(b.recv(9))
    for sock in (a, b, listener):
        sock.close()


{"server": server, "client": client}[role]()
