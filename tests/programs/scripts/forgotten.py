"""Sockets that nobody closes, and calls that are seldom made: what each is told."""

import errno
import select
import socket
import struct
import sys

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
PMTU = struct.Struct("=I")


def tried(what, call, *arguments):
    try:
        result = call(*arguments)
    except OSError as error:
        result = errno.errorcode.get(error.errno, error)
    print(what, result)


def free():
    """Tell whether the port can be had; the socket goes as it is forgotten."""
    sock = socket.socket()
    sock.bind(("", port))
    return True


def forgotten():
    for _ in range(3):
        tried("free", free)
    listener = socket.create_server(("", port))
    here = ("127.0.0.1", port)
    near = socket.create_connection(here)
    far = listener.accept()[0]
    tried("full", free)
    del far
    near.setblocking(False)
    tried("peer", near.recv, 1)
    listener = None
    tried("nobody", socket.create_connection, here)


def masks(sock, bits):
    poll, epoll = select.poll(), select.epoll()
    poll.register(sock, bits)
    epoll.register(sock, bits)
    return [[bits for _, bits in found] for found in (poll.poll(50), epoll.poll(0.05))]


def normal():
    near, far = socket.socketpair()
    streams = socket.create_server(("127.0.0.1", 0))
    one = socket.create_connection(streams.getsockname())
    other = streams.accept()[0]
    for a, b in ((near, far), (one, other)):
        print(masks(a, select.POLLRDNORM), masks(a, select.POLLWRNORM), masks(a, select.POLLIN))
        b.send(b"x")
        both = select.POLLRDNORM | select.POLLWRNORM
        print(masks(a, select.POLLRDNORM), masks(a, both), masks(a, both | select.POLLIN))


def nothing():
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        tried("recv(0)", socket.socket(type=kind).recv, 0)
        tried("recv_into", socket.socket(type=kind).recv_into, bytearray())
    near, _far = socket.socketpair()
    near.close()
    tried("closed", near.recv, 0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname())
        one.setblocking(False)
        tried("recvfrom(0)", one.recvfrom, 0)
        other, _ = listener.accept()
        other.send(b"x")
        select.select([one], [], [], 1)
        tried("recvfrom(0)", one.recvfrom, 0)


def listeners():
    sock = socket.socket()
    tried("shutdown", sock.shutdown, socket.SHUT_RDWR)
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    tried("recv", sock.recv, 1)
    tried("shutdown", sock.shutdown, socket.SHUT_RD)
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLOUT | select.POLLRDHUP)
    print([bits for _, bits in poll.poll(0)])
    tried("recv", sock.recv, 1)


def levels():
    for family in (socket.AF_INET, socket.AF_INET6):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            sock = socket.socket(family, kind)
            for level in (socket.IPPROTO_TCP, socket.IPPROTO_UDP, 77, 136):
                tried(f"{level}:", sock.getsockopt, level, 444)
    tried("congestion", socket.socket().setsockopt, 6, socket.TCP_CONGESTION, b"")
    tried("no value", socket.socket().setsockopt, 6, socket.TCP_NODELAY, None, 4)
    for call in (
        lambda: socket.socket().getsockopt(6, 1, 1025),
        lambda: socket.socket().setsockopt(6, 1, 2**31),
        lambda: socket.if_nametoindex("nosuch0"),
        lambda: socket.getservbyname("no such service"),
    ):
        try:
            print(call())
        except (OSError, TypeError) as error:
            print(type(error).__name__, error)


def path_mtu():
    with socket.socket() as listener, socket.socket() as sock:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 600)
        sock.connect(listener.getsockname())
        print("path", *PMTU.unpack_from(sock.getsockopt(6, socket.TCP_INFO, 104), 60))


if role == "server":
    for act in (forgotten, normal, nothing, listeners, levels, path_mtu):
        print(act.__name__)
        act()
