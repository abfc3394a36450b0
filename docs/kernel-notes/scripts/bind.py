"""When bind() and listen() say EADDRINUSE: one rule, tried against every state of the first socket.

conflict unless the addresses differ,
or both have SO_REUSEADDR and the first is not in LISTEN,
or both have SO_REUSEPORT and belong to the same user
"""

from __future__ import annotations

import itertools
import os
import socket
import time

import lab
from lab import Fact, Facts

HERE, OTHER, ANY = "127.0.0.1", "127.0.0.2", "0.0.0.0"
FLAGS = [(), ("SO_REUSEADDR",), ("SO_REUSEPORT",), ("SO_REUSEADDR", "SO_REUSEPORT")]
Flags = tuple[str, ...]


def made(flags: Flags) -> socket.socket:
    """A fresh socket with these options set."""
    sock = socket.socket()
    for name in flags:
        sock.setsockopt(socket.SOL_SOCKET, getattr(socket, name), 1)
    return sock


class Scene:
    """The first socket on a port, brought into a state; `keep` holds what must stay open."""

    def __init__(self, state: str, flags: Flags, address: str, port: int) -> None:
        self.first = made(flags)
        self.first.bind((address, port))
        self.keep: list[socket.socket] = []
        connected = state not in ("bound", "LISTEN")
        self.address = HERE if connected and address == ANY else address
        if state == "LISTEN":
            self.first.listen()
        elif connected:
            self.connect(state)
        if state != "bound":
            assert lab.state(port) == state, (state, lab.state(port))

    def connect(self, state: str) -> None:
        """Connect the first socket to a listener of ours and go on to `state`."""
        listener = socket.socket()
        listener.bind((HERE, 0))
        listener.listen(0)
        self.keep.append(listener)
        if state == "SYN-SENT":
            self.keep.append(socket.create_connection(listener.getsockname()))
            self.first.setblocking(False)  # the queue is full: its SYN is dropped
            self.first.connect_ex(listener.getsockname())
            return
        self.first.connect(listener.getsockname())
        peer, _ = listener.accept()
        self.keep.append(peer)
        if state in ("FIN-WAIT-2", "TIME-WAIT"):
            self.first.shutdown(socket.SHUT_WR)
        if state in ("CLOSE-WAIT", "TIME-WAIT"):
            peer.shutdown(socket.SHUT_WR)
        time.sleep(0.01)
        if state == "TIME-WAIT":
            self.first.close()

    def close(self) -> None:
        """Let everything go."""
        for sock in [self.first, *self.keep]:
            sock.close()


def allowed(scene: Scene, state: str, first: Flags, second: Flags, address: str) -> bool:
    """The rule of the note."""
    if ANY not in (scene.address, address) and scene.address != address:
        return True
    both = set(first) & set(second)
    return ("SO_REUSEADDR" in both and state != "LISTEN") or "SO_REUSEPORT" in both


def rule() -> Facts:
    """Every state, both addresses, all options of both sockets."""
    cells, wrong, port = 0, list[str](), 20000
    states = ["bound", "LISTEN", "SYN-SENT", "ESTABLISHED", "CLOSE-WAIT", "FIN-WAIT-2", "TIME-WAIT"]
    for state, first, address in itertools.product(states, FLAGS, (HERE, ANY)):
        port += 1
        scene = Scene(state, first, address, port)
        for second, new in itertools.product(FLAGS, (HERE, OTHER, ANY)):
            with made(second) as sock:
                seen = lab.outcome(sock.bind, (new, port))
            noted = "ok" if allowed(scene, state, first, second, new) else "EADDRINUSE"
            cells += 1
            if seen != noted:
                wrong.append(f"{state} {first} {address} / {second} {new}: {seen}")
        scene.close()
    yield Fact("bind.rule.cells", cells, 672)
    yield Fact("bind.rule.exceptions", wrong, [])


def when_read() -> Facts:
    """The first's SO_REUSEADDR counts as it is at the second bind; SO_REUSEPORT is remembered."""

    def reuse(sock: socket.socket, value: int) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, value)

    first, second = made(()), made(("SO_REUSEADDR",))
    first.bind((HERE, 30001))
    reuse(first, 1)
    yield Fact("bind.set-after-bind", lab.outcome(second.bind, (HERE, 30001)), "ok")
    first, second = made(("SO_REUSEADDR",)), made(("SO_REUSEADDR",))
    first.bind((HERE, 30002))
    reuse(first, 0)
    yield Fact("bind.cleared-after-bind", lab.outcome(second.bind, (HERE, 30002)), "EADDRINUSE")
    first, second = made(("SO_REUSEPORT",)), made(("SO_REUSEPORT",))
    first.bind((HERE, 30003))
    first.listen()
    first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
    yield Fact("bind.reuseport-cleared", lab.outcome(second.bind, (HERE, 30003)), "ok")


def listening() -> Facts:
    """Two that are bound: the second listen() fails until the first is closed."""
    first, second = made(("SO_REUSEADDR",)), made(("SO_REUSEADDR",))
    first.bind((HERE, 30010))
    second.bind((HERE, 30010))
    yield Fact("bind.listen.first", lab.outcome(first.listen), "ok")
    yield Fact("bind.listen.second", lab.outcome(second.listen), "EADDRINUSE")
    first.close()
    yield Fact("bind.listen.after-close", lab.outcome(second.listen), "ok")


def restart() -> Facts:
    """A server restarts with its connections alive if old and new had SO_REUSEADDR."""
    for name, old, new, noted in (
        ("neither", (), (), "EADDRINUSE"),
        ("new-only", (), ("SO_REUSEADDR",), "EADDRINUSE"),
        ("old-only", ("SO_REUSEADDR",), (), "EADDRINUSE"),
        ("both", ("SO_REUSEADDR",), ("SO_REUSEADDR",), "ok"),
    ):
        for left in ("ESTABLISHED", "TIME-WAIT"):
            listener = made(old)
            listener.bind((HERE, 0))
            listener.listen()
            client = socket.create_connection(listener.getsockname())
            accepted, _ = listener.accept()
            address = listener.getsockname()
            listener.close()
            if left == "TIME-WAIT":
                accepted.close()
                time.sleep(0.02)
                client.close()
                time.sleep(0.02)
            again = made(new)
            seen = lab.outcome(again.bind, address)
            yield Fact(f"bind.restart.{left}.{name}", seen, noted)
            if seen == "ok":
                yield Fact(f"bind.restart.{left}.{name}.listen", lab.outcome(again.listen), "ok")
            for sock in (accepted, client, again):
                sock.close()


def other_errors() -> Facts:
    """The errors of bind, listen, connect and accept that have nothing to do with sharing."""
    bound = made(())
    bound.bind((HERE, 30020))
    yield Fact("bind.twice", lab.outcome(bound.bind, (HERE, 30021)), "EINVAL")
    yield Fact("bind.foreign", lab.outcome(made(()).bind, ("192.0.2.1", 30022)), "EADDRNOTAVAIL")
    yield Fact("bind.accept-without-listen", lab.outcome(bound.accept), "EINVAL")
    bound.listen()
    yield Fact("bind.connect-a-listener", lab.outcome(bound.connect, (HERE, 30020)), "EISCONN")
    client = socket.create_connection((HERE, 30020))
    yield Fact("bind.listen-when-connected", lab.outcome(client.listen), "EINVAL")
    os.seteuid(65534)
    yield Fact("bind.privileged", lab.outcome(made(()).bind, (HERE, 80)), "EACCES")
    shared = ("SO_REUSEPORT",)
    os.seteuid(0)
    first = made(shared)
    first.bind((HERE, 30030))
    first.listen()
    os.seteuid(65534)
    other = lab.outcome(made(shared).bind, (HERE, 30030))
    yield Fact("bind.reuseport.other-user", other, "EADDRINUSE")
    os.seteuid(0)


if __name__ == "__main__":
    lab.main([rule, when_read, listening, restart, other_errors])
