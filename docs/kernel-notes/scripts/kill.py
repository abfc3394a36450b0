"""SOCK_DESTROY (sock_diag(7), what `ss -K` does): what each state answers and what is left."""

from __future__ import annotations

import errno
import select
import socket
import struct
import time

import lab
from lab import Fact, Facts
from peer import KERNEL, Peer, Tun, listening, shown

SOCK_DESTROY, SOCK_DIAG_BY_FAMILY = 21, 20
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 1, 4, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
ALL = 0xFFFFFFFF


def ask(request: bytes, kind: int, flags: int) -> list[tuple[int, bytes]]:
    """One request on a sock_diag socket; (type, payload) of every answer."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as link:
        link.settimeout(2)
        link.send(struct.pack("IHHII", 16 + len(request), kind, flags, 1, 0) + request)
        found: list[tuple[int, bytes]] = []
        while True:
            data = link.recv(1 << 16)
            while data:
                size, kind, *_ = struct.unpack_from("IHHII", data)
                found.append((kind, data[16:size]))
                data = data[(size + 3) & ~3 :]
                if kind in (NLMSG_ERROR, NLMSG_DONE):
                    return found


def sockets(port: int) -> list[tuple[str, bytes]]:
    """(state, struct inet_diag_sockid) of every TCP socket with this local port."""
    request = struct.pack("BBBxI48x", socket.AF_INET, socket.IPPROTO_TCP, 0, ALL)
    rows = []
    for kind, data in ask(request, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP):
        if kind == SOCK_DIAG_BY_FAMILY and struct.unpack_from("!H", data, 4)[0] == port:
            rows.append((lab.STATES[data[1]], data[4:52]))
    return rows


def destroy(identity: bytes) -> str:
    """SOCK_DESTROY of one socket: "ok" or the errno."""
    request = struct.pack("BBBxI", socket.AF_INET, socket.IPPROTO_TCP, 0, ALL) + identity
    _, data = ask(request, SOCK_DESTROY, NLM_F_REQUEST | NLM_F_ACK)[-1]
    number = -struct.unpack_from("i", data)[0]
    return errno.errorcode[number] if number else "ok"


def kill(port: int, *states: str) -> str:
    """Destroy what has the port, in these states (all without)."""
    chosen = [row for row in sockets(port) if not states or row[0] in states]
    return " ".join(f"{state} {destroy(identity)}" for state, identity in chosen) or "nothing"


def identity(sock: socket.socket) -> bytes:
    """struct inet_diag_sockid of a socket by its name, without a cookie."""
    address, port = sock.getsockname()
    return struct.pack("!HH4s12x16xI", port, 0, socket.inet_aton(address), 0) + b"\xff" * 8


def mask(sock: socket.socket) -> str:
    """What poll(2) says, as the names of its bits."""
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLOUT | select.POLLRDHUP)
    bits = dict(poll.poll(0)).get(sock.fileno(), 0)
    names = ("POLLIN", "POLLOUT", "POLLERR", "POLLHUP", "POLLRDHUP")
    return " ".join(name[4:] for name in names if bits & getattr(select, name)) or "nothing"


def rebind(port: int) -> str:
    """bind() of another socket without options to the port."""
    with socket.socket() as sock:
        return lab.outcome(sock.bind, (KERNEL, port))


def bound() -> Facts:
    """A socket that is only bound is in no table that SOCK_DESTROY looks at."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    yield Fact("kill.bound", destroy(identity(sock)), "ENOENT")


def listener() -> Facts:
    """LISTEN: as shutdown() does, and an error besides."""
    sock, peer = listening(port=20001)
    port = peer.kernel_port
    other = Peer(peer.tun, 8)
    other.kernel_port = port
    peer.send("S")
    peer.receive()
    peer.send(".")
    other.send("S")
    other.receive()
    time.sleep(0.05)
    yield Fact("kill.listen", kill(port, "LISTEN"), "LISTEN ok")
    yield Fact("kill.listen.queued-child", shown(peer.collect(0.05)), "R. seq=1 ack=1")
    yield Fact("kill.listen.half-open", shown(other.collect(0.05)), "nothing")
    yield Fact("kill.listen.left", lab.state(port), "SYN-RECEIVED")
    yield Fact("kill.listen.poll", mask(sock), "IN OUT ERR HUP RDHUP")
    yield Fact("kill.listen.accept", lab.outcome(sock.accept), "EINVAL")
    yield Fact("kill.listen.so-error", lab.error_of(sock), "ECONNABORTED")
    yield Fact("kill.listen.so-error-again", lab.error_of(sock), "0")
    yield Fact("kill.listen.poll-after", mask(sock), "IN OUT HUP RDHUP")
    yield Fact("kill.listen.recv", lab.outcome(sock.recv, 1), "EOF")
    yield Fact("kill.listen.send", lab.outcome(sock.send, b"x"), "EPIPE")
    yield Fact("kill.listen.rebind", rebind(port), "EADDRINUSE")
    yield Fact("kill.listen.last-ack", other.ask(".", seq=1), "R seq=1")
    yield Fact("kill.listen.again", lab.outcome(sock.listen), "ok")
    yield Fact("kill.listen.again.poll", mask(sock), "nothing")
    third = Peer(peer.tun, 9)
    yield Fact("kill.listen.again.accept", lab.outcome(third.connect, sock), "ok")
    sock.close()


def blocked_accept() -> Facts:
    """A thread in accept() gets EINVAL."""
    sock, peer = listening()
    acceptor = lab.background(lab.outcome, sock.accept)
    time.sleep(0.1)
    kill(peer.kernel_port)
    yield Fact("kill.listen.blocked-accept", acceptor.result(timeout=2), "EINVAL")
    yield Fact("kill.listen.blocked.so-error", lab.error_of(sock), "ECONNABORTED")


def half_open() -> Facts:
    """A SYN-RECEIVED of a listener goes without a word; the client's next ACK is nobody's."""
    sock, peer = listening()
    peer.send("S")
    peer.receive()
    yield Fact("kill.syn-received", kill(peer.kernel_port, "SYN-RECEIVED"), "SYN-RECEIVED ok")
    yield Fact("kill.syn-received.sends", shown(peer.collect(0.05)), "nothing")
    yield Fact("kill.syn-received.left", lab.state(peer.kernel_port), "LISTEN")
    yield Fact("kill.syn-received.ack", peer.ask(".", seq=1), "R seq=1")
    sock.close()


def queued_child() -> Facts:
    """A connection in the accept queue: reset, and accepted all the same."""
    sock, peer = listening()
    peer.send("S")
    peer.receive()
    peer.send(".")
    time.sleep(0.05)
    yield Fact("kill.queued", kill(peer.kernel_port, "ESTABLISHED"), "ESTABLISHED ok")
    yield Fact("kill.queued.sends", shown(peer.collect(0.05)), "R. seq=1 ack=1")
    child, _ = sock.accept()
    child.setblocking(False)
    seen = [lab.outcome(child.recv, 1), lab.outcome(child.recv, 1)]
    yield Fact("kill.queued.recv", " ".join(seen), "ECONNABORTED EOF")


def connecting() -> Facts:
    """SYN-SENT: connect() fails, nothing is sent."""
    tun = Tun()
    sock = socket.socket()
    port = 20002
    sock.bind((KERNEL, port))
    peer = Peer(tun, 9)
    peer.kernel_port = port
    call = lab.background(lab.outcome, sock.connect, ("10.9.0.2", 9))
    time.sleep(0.1)
    peer.collect(0.01)
    yield Fact("kill.syn-sent", kill(port), "SYN-SENT ok")
    yield Fact("kill.syn-sent.connect", call.result(timeout=2), "ECONNABORTED")
    yield Fact("kill.syn-sent.sends", shown(peer.collect(0.05)), "nothing")
    yield Fact("kill.syn-sent.rebind", rebind(port), "EADDRINUSE")


def chosen_port() -> Facts:
    """A port that bind() was asked to choose goes with the connection, descriptor open or not."""
    sock = Peer(Tun()).open()
    name = sock.getsockname()
    kill(name[1])
    yield Fact("kill.chosen-port.rebind", rebind(name[1]), "ok")
    yield Fact("kill.chosen-port.name", sock.getsockname() == name, True)


def connected() -> Facts:
    """Every synchronized state: what is sent, what recv, recv, send say."""
    tun = Tun()
    for number, (name, sends, calls) in enumerate((
        ("ESTABLISHED", "R. seq=1 ack=1", "ECONNABORTED EOF EPIPE"),
        ("CLOSE-WAIT", "R. seq=1 ack=2", "EOF EOF ECONNABORTED"),
        ("FIN-WAIT-1", "R. seq=2 ack=1", "ECONNABORTED EOF EPIPE"),
        ("FIN-WAIT-2", "R. seq=2 ack=1", "ECONNABORTED EOF EPIPE"),
        ("CLOSING", "nothing", "EOF EOF ECONNABORTED"),
        ("LAST-ACK", "nothing", "EOF EOF ECONNABORTED"),
    )):  # fmt: skip
        peer = Peer(tun, 30 + number)
        sock = peer.open(port=21000 + number)
        port = 21000 + number
        if name in ("CLOSE-WAIT", "LAST-ACK"):
            peer.ask("F.")
        if name not in ("CLOSE-WAIT", "ESTABLISHED"):
            sock.shutdown(socket.SHUT_WR)
            peer.collect(0.02)
        if name == "FIN-WAIT-2":
            peer.ask(".")
        if name == "CLOSING":
            peer.ask("F.", ack=1)
        assert lab.state(port) == name, lab.state(port)
        yield Fact(f"kill.{name}", kill(port), f"{name} ok")
        yield Fact(f"kill.{name}.sends", shown(peer.collect(0.05)), sends)
        yield Fact(f"kill.{name}.left", lab.state(port), "CLOSED")
        sock.setblocking(False)
        seen = [lab.outcome(sock.recv, 1), lab.outcome(sock.recv, 1), lab.outcome(sock.send, b"x")]
        yield Fact(f"kill.{name}.calls", " ".join(seen), calls)
        yield Fact(f"kill.{name}.rebind", rebind(port), "EADDRINUSE")
        sock.close()


def nobody() -> Facts:
    """Without a program: an orphan in FIN-WAIT-1 is reset, FIN-WAIT-2 and TIME-WAIT just go."""
    tun = Tun()
    for number, (name, sends) in enumerate((
        ("FIN-WAIT-1", "R. seq=2 ack=1"), ("FIN-WAIT-2", "nothing"), ("TIME-WAIT", "nothing"),
        ("LAST-ACK", "nothing"),
    )):  # fmt: skip
        peer = Peer(tun, 50 + number)
        sock = peer.open(port=21000 + number)
        port = 21000 + number
        if name == "LAST-ACK":
            peer.ask("F.")
        sock.close()
        peer.collect(0.02)
        if name in ("FIN-WAIT-2", "TIME-WAIT"):
            peer.ask(".")
        if name == "TIME-WAIT":
            peer.ask("F.")
        assert lab.state(port) == name, lab.state(port)
        yield Fact(f"kill.orphan.{name}", kill(port), f"{name} ok")
        yield Fact(f"kill.orphan.{name}.sends", shown(peer.collect(0.05)), sends)
        yield Fact(f"kill.orphan.{name}.rebind", rebind(port), "ok")


if __name__ == "__main__":
    CASES = [bound, listener, blocked_accept, half_open, queued_child, connecting]
    lab.main([*CASES, chosen_port, connected, nobody])
