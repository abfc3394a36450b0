"""epoll: edges, EPOLLONESHOT, EPOLLEXCLUSIVE, EPOLLRDHUP; what poll says of every socket."""

import errno
import select
import socket
import sys
import time
from concurrent import futures

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
IN, OUT, PRI, ERR, HUP, RDHUP = 1, 4, 2, 8, 16, 0x2000
ET, ONESHOT, EXCLUSIVE, WAKEUP = 1 << 31, 1 << 30, 1 << 28, 1 << 29
NAMES = {"IN": IN, "PRI": PRI, "OUT": OUT, "ERR": ERR, "HUP": HUP, "RDHUP": RDHUP}


def words(bits):
    return "+".join(name for name, bit in NAMES.items() if bits & bit) or "nothing"


def look(epoll, wait=0.1):
    found = epoll.poll(wait)
    return words(found[0][1]) if found else "nothing"


def mask(sock):
    poll = select.poll()
    poll.register(sock, IN | PRI | OUT | RDHUP)
    found = poll.poll(0)
    return words(found[0][1]) if found else "nothing"


def outcome(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]


def server():
    listener = socket.create_server(("", port))
    for _ in range(4):
        sock, _ = listener.accept()
        for step in iter(lambda sock=sock: sock.recv(1), b""):
            if step == b"s":
                sock.send(b"text")
            elif step == b"w":
                sock.shutdown(socket.SHUT_WR)
            elif step == b"r":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                break
        sock.close()
    listener.close()


def connected():
    return socket.create_connection((peer, port))


def edges():
    sock = connected()
    epoll = select.epoll()
    epoll.register(sock, IN | OUT | RDHUP | ET)
    print("edges", look(epoll), look(epoll))
    for step, wait in ((b"s", 0.2), (b"s", 0.2), (b"ss", 0.2), (b"w", 0.2)):
        sock.send(step)
        time.sleep(wait)
        print(step, look(epoll), look(epoll))
        print(len(sock.recv(1)), look(epoll))
    epoll.modify(sock, IN | ET)
    print("modified", look(epoll), look(epoll))
    sock.recv(99)
    sock.shutdown(socket.SHUT_WR)
    time.sleep(0.1)
    print("both", look(epoll), look(epoll))
    epoll.close()
    sock.close()


def oneshot():
    sock = connected()
    epoll = select.epoll()
    epoll.register(sock, IN | ONESHOT)
    sock.send(b"s")
    print("oneshot", look(epoll))
    sock.send(b"r")
    time.sleep(0.2)
    print(look(epoll), mask(sock))
    epoll.modify(sock, IN | ONESHOT)
    print(look(epoll), look(epoll), outcome(epoll.register, sock, IN))
    print(outcome(sock.recv, 9), outcome(sock.recv, 9), mask(sock))
    sock.close()
    epoll.close()


def half_close():
    for events in (RDHUP, 0):
        sock = connected()
        epoll = select.epoll()
        epoll.register(sock, events)
        sock.send(b"w")
        time.sleep(0.2)
        print("half-closed", look(epoll), mask(sock))
        sock.shutdown(socket.SHUT_WR)
        time.sleep(0.1)
        print(look(epoll), mask(sock))
        sock.close()
        epoll.close()


def exclusive():
    listener = socket.create_server(("127.0.0.1", 0))
    for flags in (0, EXCLUSIVE):
        epolls = [select.epoll() for _ in range(4)]
        for epoll in epolls:
            epoll.register(listener, IN | flags)
        pool = futures.ThreadPoolExecutor(4)
        calls = []
        for epoll in epolls:
            calls.append(pool.submit(look, epoll, 0.5))
            time.sleep(0.05)
        client = socket.create_connection(listener.getsockname())
        print("woken", [call.result() for call in calls].count("IN"))
        pool.shutdown()
        listener.accept()[0].close()
        client.close()
        for epoll in epolls:
            epoll.close()
    epoll, inner = select.epoll(), select.epoll()
    for events in (IN | ET, OUT, IN | WAKEUP, IN | ERR | HUP, IN | ONESHOT, IN | RDHUP, PRI):
        print(hex(events), outcome(epoll.register, listener, events | EXCLUSIVE))
        if outcome(epoll.modify, listener, IN) == "EINVAL":
            epoll.unregister(listener)
    epoll.register(listener, IN)
    print(outcome(epoll.modify, listener, IN | EXCLUSIVE))
    print(outcome(epoll.register, inner, IN | EXCLUSIVE))
    for sock in (epoll, inner, listener):
        sock.close()


def masks():
    sock = socket.socket()
    seen = [mask(sock)]
    sock.bind(("127.0.0.1", 0))
    seen.append(mask(sock))
    sock.listen(0)
    seen.append(mask(sock))
    client = socket.create_connection(sock.getsockname())
    time.sleep(0.05)
    seen.append(mask(sock))
    late = socket.socket()
    late.setblocking(False)
    late.connect_ex(sock.getsockname())
    seen.append(mask(late))
    late.close()
    child, _ = sock.accept()
    seen.append(mask(child))
    child.shutdown(socket.SHUT_RD)
    seen.append(mask(child))
    client.close()
    time.sleep(0.1)
    seen.append(mask(child))
    sock.shutdown(socket.SHUT_RD)
    seen.append(mask(sock))
    refused = socket.socket()
    refused.setblocking(False)
    refused.connect_ex(("127.0.0.1", 1))
    time.sleep(0.1)
    seen.append(mask(refused))
    print(seen)
    for one in (sock, child, refused):
        one.close()
    udp = socket.socket(type=socket.SOCK_DGRAM)
    print(mask(udp), outcome(udp.shutdown, socket.SHUT_RD), mask(udp))
    udp.close()


def client():
    edges()
    oneshot()
    half_close()
    exclusive()
    masks()


{"server": server, "client": client}[role]()
