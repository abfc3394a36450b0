"""connect() to AF_UNSPEC: what dissolving an association does in each state, TCP and UDP."""

from __future__ import annotations

import ctypes
import errno
import select
import socket
import struct
import time

import lab
from lab import Fact, Facts
from peer import Peer, Tun, listening, shown

_libc = ctypes.CDLL(None, use_errno=True)


def dissolve(sock: socket.socket) -> str:
    """connect(2) with an address of family AF_UNSPEC; "ok" or the errno."""
    address = struct.pack("H14x", socket.AF_UNSPEC)
    if _libc.connect(sock.fileno(), address, len(address)):
        return errno.errorcode[ctypes.get_errno()]
    return "ok"


def mask(sock: socket.socket) -> str:
    """What poll(2) says, as the names of its bits."""
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLOUT | select.POLLRDHUP)
    bits = dict(poll.poll(0)).get(sock.fileno(), 0)
    names = ("POLLIN", "POLLOUT", "POLLERR", "POLLHUP", "POLLRDHUP")
    return " ".join(name[4:] for name in names if bits & getattr(select, name)) or "nothing"


def told(sock: socket.socket) -> str:
    """recv, send, getpeername, then SO_ERROR twice."""
    sock.setblocking(False)
    calls = (sock.recv, 9), (sock.send, b"x"), (sock.getpeername,)
    seen = [lab.outcome(call, *arguments) for call, *arguments in calls]
    return " ".join([*seen, lab.error_of(sock), lab.error_of(sock)])


def established() -> Facts:
    """ESTABLISHED: an abort; the name stays, the error is there once."""
    peer = Peer(Tun())
    sock = peer.open()
    name = sock.getsockname()
    peer.send(".", data=b"unread")
    peer.collect(0.05)
    yield Fact("disconnect.established", dissolve(sock), "ok")
    yield Fact("disconnect.established.sends", shown(peer.collect(0.05)), "R. seq=1 ack=7")
    yield Fact("disconnect.established.poll", mask(sock), "OUT ERR HUP")
    yield Fact("disconnect.established.error", lab.error_of(sock), "ECONNRESET")
    yield Fact("disconnect.established.poll-after", mask(sock), "OUT HUP")
    yield Fact("disconnect.established.told", told(sock), "ENOTCONN EPIPE ENOTCONN 0 0")
    yield Fact("disconnect.established.name-kept", sock.getsockname() == name, True)
    yield Fact("disconnect.established.again", dissolve(sock), "ok")
    sock.setblocking(False)
    again = Peer(peer.tun, 8)
    again.kernel_port = name[1]
    yield Fact("disconnect.established.connect", lab.outcome(sock.connect, ("10.9.0.2", 8)),
               "EINPROGRESS")  # fmt: skip


def calls_after() -> Facts:
    """Any call takes the error; another connect() forgets it."""
    for name, noted in (("recv", "ECONNRESET"), ("send", "ECONNRESET"), ("connect", "EINPROGRESS")):
        peer = Peer(Tun())
        sock = peer.open()
        dissolve(sock)
        sock.setblocking(False)
        call = {"recv": (sock.recv, 1), "send": (sock.send, b"x"),
                "connect": (sock.connect, ("10.9.0.2", 9))}[name]  # fmt: skip
        yield Fact(f"disconnect.then-{name}", lab.outcome(*call), noted)
        yield Fact(f"disconnect.then-{name}.left", lab.error_of(sock), "0")
        sock.close()
        lab.shell("ip link del peer0")


def chosen_port() -> Facts:
    """Where connect() chose the port, or the address, they are given back."""
    tun = Tun()
    sock = socket.socket()
    peer = Peer(tun, 20)
    sock.setblocking(False)
    sock.connect_ex(("10.9.0.2", 20))
    peer.kernel_port = sock.getsockname()[1]
    yield Fact("disconnect.syn-sent", dissolve(sock), "ok")
    name = ("0.0.0.0", peer.kernel_port)
    yield Fact("disconnect.syn-sent.name", sock.getsockname(), name)
    with socket.socket() as other:
        yield Fact("disconnect.syn-sent.port-is-free", lab.outcome(other.bind, name), "ok")
    yield Fact("disconnect.syn-sent.sends", shown(peer.collect(0.05)), "S seq=0")
    yield Fact("disconnect.syn-sent.error", lab.error_of(sock), "ECONNRESET")
    sock = socket.socket()
    sock.bind(("0.0.0.0", 33333))
    peer = Peer(tun, 21)
    peer.start(sock)
    peer.receive()
    peer.send("S.")
    peer.receive()
    dissolve(sock)
    yield Fact("disconnect.wildcard.name", sock.getsockname(), ("0.0.0.0", 33333))


def states() -> Facts:
    """The other states: is there a segment, an error; what the table shows."""
    tun = Tun()
    for number, (name, sends, error, left) in enumerate((
        ("FIN-WAIT-1", "R. seq=2 ack=1", "ECONNRESET", "CLOSED"),
        ("FIN-WAIT-2", "R. seq=2 ack=1", "ECONNRESET", "CLOSED"),
        ("CLOSE-WAIT", "R. seq=1 ack=2", "ECONNRESET", "CLOSED"),
        ("LAST-ACK", "nothing", "0", "CLOSED"),
        ("CLOSING", "nothing", "0", "CLOSED"),
        ("TIME-WAIT", "nothing", "0", "TIME-WAIT"),
    )):  # fmt: skip
        peer = Peer(tun, 30 + number)
        sock = peer.open()
        port = sock.getsockname()[1]
        if name in ("CLOSE-WAIT", "LAST-ACK"):
            peer.ask("F.")
        if name != "CLOSE-WAIT":
            sock.shutdown(socket.SHUT_WR)
            peer.collect(0.02)
        if name in ("FIN-WAIT-2", "TIME-WAIT"):
            peer.ask(".")
        if name == "TIME-WAIT":
            peer.ask("F.")
        if name == "CLOSING":
            peer.ask("F.", ack=1)
        assert lab.state(port) == name, lab.state(port)
        yield Fact(f"disconnect.{name}", dissolve(sock), "ok")
        yield Fact(f"disconnect.{name}.sends", shown(peer.collect(0.05)), sends)
        yield Fact(f"disconnect.{name}.error", lab.error_of(sock), error)
        yield Fact(f"disconnect.{name}.left", lab.state(port), left)
        sock.close()


def others() -> Facts:
    """A listener, and a socket that is nothing."""
    listener, peer = listening()
    peer.send("S")
    peer.receive()
    peer.send(".")
    time.sleep(0.02)
    yield Fact("disconnect.listen", dissolve(listener), "ok")
    yield Fact("disconnect.listen.sends", shown(peer.collect(0.05)), "R. seq=1 ack=1")
    yield Fact("disconnect.listen.error", lab.error_of(listener), "0")
    yield Fact("disconnect.listen.accept", lab.outcome(listener.accept), "EINVAL")
    yield Fact("disconnect.listen.again", lab.outcome(listener.listen), "ok")
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    yield Fact("disconnect.bound", dissolve(sock), "ok")
    yield Fact("disconnect.bound.error", lab.error_of(sock), "0")
    sock = socket.socket()
    yield Fact("disconnect.fresh", dissolve(sock), "ok")


def blocked() -> Facts:
    """A thread that waits in recv(), and one in connect()."""
    tun = Tun()
    peer = Peer(tun)
    sock = peer.open()
    reader = lab.background(lab.outcome, sock.recv, 1)
    time.sleep(0.1)
    yield Fact("disconnect.blocked-recv.call", dissolve(sock), "ok")
    yield Fact("disconnect.blocked-recv.gets", reader.result(timeout=2), "EPIPE")
    yield Fact("disconnect.blocked-recv.left", lab.error_of(sock), "ECONNRESET")


def datagrams() -> Facts:
    """UDP: the peer is forgotten, and what connect() chose of the name."""
    a, b = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    b.bind(("127.0.0.1", 0))
    a.connect(b.getsockname())
    yield Fact("disconnect.udp", dissolve(a), "ok")
    yield Fact("disconnect.udp.name", a.getsockname(), ("0.0.0.0", 0))
    yield Fact("disconnect.udp.send", lab.outcome(a.send, b"x"), "EDESTADDRREQ")
    yield Fact("disconnect.udp.again", dissolve(a), "ok")
    a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    a.bind(("0.0.0.0", 34343))
    a.connect(b.getsockname())
    dissolve(a)
    yield Fact("disconnect.udp.bound.name", a.getsockname(), ("0.0.0.0", 34343))
    b.sendto(b"hello", ("127.0.0.1", 34343))
    yield Fact("disconnect.udp.bound.recv", lab.outcome(a.recv, 9), "5 bytes")


if __name__ == "__main__":
    lab.main([established, calls_after, chosen_port, states, others, blocked, datagrams])
