"""epoll over TCP: EPOLLET, EPOLLONESHOT, EPOLLEXCLUSIVE, EPOLLRDHUP; poll masks of every state."""

from __future__ import annotations

import errno
import select
import socket
import threading
import time

import lab
from lab import Fact, Facts

IN, OUT, PRI, ERR, HUP, RDHUP = (
    select.EPOLLIN, select.EPOLLOUT, select.EPOLLPRI, select.EPOLLERR, select.EPOLLHUP,
    select.EPOLLRDHUP,
)  # fmt: skip
ET, ONESHOT, EXCLUSIVE, WAKEUP = (
    select.EPOLLET, select.EPOLLONESHOT, select.EPOLLEXCLUSIVE, 1 << 29,
)  # fmt: skip
BITS = {"IN": IN, "OUT": OUT, "PRI": PRI, "ERR": ERR, "HUP": HUP, "RDHUP": RDHUP}


def words(bits: int) -> str:
    """The names of the bits."""
    return " ".join(name for name, bit in BITS.items() if bits & bit) or "nothing"


def look(epoll: select.epoll, wait: float = 0.05) -> str:
    """What poll() reports of one descriptor."""
    found = epoll.poll(wait)
    return words(found[0][1]) if found else "nothing"


def watching(sock: socket.socket, events: int) -> select.epoll:
    """An epoll instance with one entry."""
    epoll = select.epoll()
    epoll.register(sock, events)
    return epoll


def edges() -> Facts:
    """EPOLLET: what is an edge, what is not."""
    a, b = lab.pair()
    epoll = watching(a, IN | OUT | RDHUP | ET)
    yield Fact("epoll.edge.add-ready", look(epoll), "OUT")
    yield Fact("epoll.edge.again", look(epoll), "nothing")
    b.send(b"ab")
    yield Fact("epoll.edge.data", look(epoll), "IN OUT")
    yield Fact("epoll.edge.data-unread", look(epoll), "nothing")
    b.send(b"cd")
    yield Fact("epoll.edge.more-data", look(epoll), "IN OUT")
    a.recv(1)
    yield Fact("epoll.edge.part-read", look(epoll), "nothing")
    epoll.modify(a, IN | ET)
    yield Fact("epoll.edge.modify-is-an-edge", look(epoll), "IN")
    epoll.modify(a, IN | OUT | RDHUP | ET)
    look(epoll)
    b.send(b"e")
    b.send(b"f")
    time.sleep(0.02)
    yield Fact("epoll.edge.two-sends-one-report", (look(epoll), look(epoll)), ("IN OUT", "nothing"))
    b.shutdown(socket.SHUT_WR)
    yield Fact("epoll.edge.fin", look(epoll), "IN OUT RDHUP")
    a.recv(99)
    yield Fact("epoll.edge.fin-again", look(epoll), "nothing")
    a.shutdown(socket.SHUT_WR)
    yield Fact("epoll.edge.both-fins", look(epoll), "IN OUT HUP RDHUP")
    a, b = lab.pair()
    epoll = watching(a, IN | ET)
    a.setblocking(False)
    while lab.outcome(a.send, bytes(65536)) == "ok":
        pass
    epoll.modify(a, OUT | ET)
    yield Fact("epoll.edge.full", look(epoll), "nothing")
    got = 0
    while got < 1_000_000:
        got += len(b.recv(65536))
    yield Fact("epoll.edge.room", look(epoll, 0.5), "OUT")
    yield Fact("epoll.edge.room-again", look(epoll), "nothing")
    lab.linger(b, 1, 0)
    b.close()
    yield Fact("epoll.edge.reset", look(epoll), "OUT ERR HUP")


def oneshot() -> Facts:
    """EPOLLONESHOT: one report, then silence until EPOLL_CTL_MOD."""
    a, b = lab.pair()
    epoll = watching(a, IN | ONESHOT)
    b.send(b"a")
    yield Fact("epoll.oneshot", look(epoll), "IN")
    b.send(b"b")
    yield Fact("epoll.oneshot.more-data", look(epoll), "nothing")
    lab.linger(b, 1, 0)
    b.close()
    yield Fact("epoll.oneshot.not-even-a-reset", look(epoll), "nothing")
    epoll.modify(a, IN | ONESHOT)
    yield Fact("epoll.oneshot.modified", look(epoll), "IN ERR HUP")
    yield Fact("epoll.oneshot.register-again", lab.outcome(epoll.register, a, IN), "EEXIST")
    a, b = lab.pair()
    epoll = watching(a, ONESHOT)
    b.close()
    yield Fact("epoll.oneshot.no-events-asked", look(epoll), "nothing")
    lab.linger(a, 1, 0)


def half_close() -> Facts:
    """EPOLLRDHUP only if asked; HUP always."""
    for name, events, noted in (
        ("asked", RDHUP, "RDHUP"), ("not-asked", IN, "IN"), ("none", 0, "nothing"),
        ("out", OUT, "OUT"),
    ):  # fmt: skip
        a, b = lab.pair()
        epoll = watching(a, events)
        b.shutdown(socket.SHUT_WR)
        yield Fact(f"epoll.half-close.{name}", look(epoll), noted)
        a.shutdown(socket.SHUT_WR)
        time.sleep(0.02)
        also = {"nothing": "HUP", "RDHUP": "HUP RDHUP"}.get(noted, f"{noted} HUP")
        yield Fact(f"epoll.half-close.{name}.both", look(epoll), also)
        b.close()
    a, b = lab.pair()
    epoll = watching(a, IN | OUT | RDHUP)
    a.shutdown(socket.SHUT_RD)
    yield Fact("epoll.own-shut-rd", look(epoll), "IN OUT RDHUP")
    a, b = lab.pair()
    epoll = watching(a, IN | OUT | RDHUP)
    a.shutdown(socket.SHUT_WR)
    yield Fact("epoll.own-shut-wr", look(epoll), "OUT")


def exclusive() -> Facts:
    """EPOLLEXCLUSIVE: of several epolls that sleep on one listener, at least one wakes, not all."""
    listener = socket.create_server(("127.0.0.1", 0))

    def count(flags: int) -> int:
        woken: list[str] = []
        epolls = [watching(listener, IN | flags) for _ in range(4)]
        threads = [threading.Thread(target=lambda e=e: woken.append(look(e, 0.3))) for e in epolls]
        for thread in threads:
            thread.start()
            time.sleep(0.02)
        client = socket.create_connection(listener.getsockname())
        for thread in threads:
            thread.join()
        listener.accept()[0].close()
        client.close()
        return sum(one == "IN" for one in woken)

    yield Fact("epoll.exclusive.without", count(0), 4)
    yield Fact("epoll.exclusive", count(EXCLUSIVE), 1)
    epoll = watching(listener, IN | EXCLUSIVE)
    yield Fact("epoll.exclusive.modify", lab.outcome(epoll.modify, listener, IN), "EINVAL")
    fresh = select.epoll()
    for name, events, noted in (
        ("et", IN | ET | EXCLUSIVE, "ok"), ("out", OUT | EXCLUSIVE, "ok"),
        ("wakeup", IN | WAKEUP | EXCLUSIVE, "ok"), ("hup-err", IN | ERR | HUP | EXCLUSIVE, "ok"),
        ("oneshot", IN | ONESHOT | EXCLUSIVE, "EINVAL"),
        ("rdhup", IN | RDHUP | EXCLUSIVE, "EINVAL"), ("pri", PRI | EXCLUSIVE, "EINVAL"),
    ):  # fmt: skip
        yield Fact(f"epoll.exclusive.add-{name}", lab.outcome(fresh.register, listener, events),
                   noted)  # fmt: skip
        if noted == "ok":
            fresh.unregister(listener)
    yield Fact("epoll.exclusive.by-modify", _by_modify(fresh, listener), "EINVAL")
    inner, outer = select.epoll(), select.epoll()
    yield Fact(
        "epoll.exclusive.nested", lab.outcome(outer.register, inner, IN | EXCLUSIVE), "EINVAL"
    )


def _by_modify(epoll: select.epoll, sock: socket.socket) -> str:
    epoll.register(sock, IN)
    return lab.outcome(epoll.modify, sock, IN | EXCLUSIVE)


def sharing() -> Facts:
    """Two threads wait in one epoll: one event wakes one of them; level and edge."""
    for name, flags in (("level", 0), ("edge", ET)):
        a, b = lab.pair()
        epoll = watching(a, IN | flags)
        calls = []
        for _ in range(3):
            calls.append(lab.background(look, epoll, 0.3))
            time.sleep(0.02)
        b.send(b"x")
        woken = sum(call.result() == "IN" for call in calls)
        yield Fact(f"epoll.one-set-three-threads.{name}", woken if name == "edge" else woken >= 1,
                   1 if name == "edge" else True)  # fmt: skip


def masks() -> Facts:
    """poll(2) of sockets that are not connected yet, or no more."""
    poll = select.POLLIN | select.POLLOUT | select.POLLPRI | select.POLLRDHUP

    def mask(sock: socket.socket) -> str:
        one = select.poll()
        one.register(sock, poll)
        found = one.poll(0)
        return words(found[0][1]) if found else "nothing"

    sock = socket.socket()
    yield Fact("epoll.mask.fresh", mask(sock), "OUT HUP")
    sock.bind(("127.0.0.1", 0))
    yield Fact("epoll.mask.bound", mask(sock), "OUT HUP")
    sock.listen(0)
    yield Fact("epoll.mask.listen", mask(sock), "nothing")
    clients = [socket.create_connection(sock.getsockname())]
    yield Fact("epoll.mask.listen.queue", mask(sock), "IN")
    for name, bit, sock_or_client in (("RDNORM", select.POLLRDNORM, sock),
                                      ("WRNORM", select.POLLWRNORM, clients[0])):  # fmt: skip
        alone = select.poll()
        alone.register(sock_or_client, bit)
        yield Fact(f"epoll.mask.{name}", alone.poll(0)[0][1] == bit, True)
    late = socket.socket()
    late.setblocking(False)
    late.connect_ex(sock.getsockname())
    yield Fact("epoll.mask.syn-sent", mask(late), "nothing")
    child, _ = sock.accept()
    yield Fact("epoll.mask.established", mask(child), "OUT")
    refused = socket.socket()
    refused.setblocking(False)
    number = refused.connect_ex(("127.0.0.1", 1))
    yield Fact("epoll.mask.refused", (errno.errorcode[number], mask(refused)),
               ("EINPROGRESS", "IN OUT ERR HUP RDHUP"))  # fmt: skip
    clients[0].close()
    time.sleep(0.02)
    yield Fact("epoll.mask.close-wait", mask(child), "IN OUT RDHUP")
    child.shutdown(socket.SHUT_WR)
    time.sleep(0.02)
    yield Fact("epoll.mask.both", mask(child), "IN OUT HUP RDHUP")
    sock.shutdown(socket.SHUT_RD)
    yield Fact("epoll.mask.listener-shut", mask(sock), "OUT HUP")


if __name__ == "__main__":
    lab.main([edges, oneshot, half_close, exclusive, sharing, masks])
