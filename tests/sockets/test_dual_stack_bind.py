"""Who may bind beside whom: every cell that was measured on Linux, played by simulated sockets.

docs/kernel-notes/dual-stack-bind.txt is the kernel's table (docs/kernel-notes/scripts/dual_stack.py
writes it); the same scenes are built here in the same order, and bind() must answer the same.
"""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from lastack.host import Host
from lastack.profile import LINUX, MS
from lastack.sockets import TcpSocket, UdpSocket, names
from lastack.state import ESTABLISHED, TIME_WAIT
from lastack.wire import mapped, pack_address

LINES = (
    (Path(__file__).parents[2] / "docs/kernel-notes/dual-stack-bind.txt").read_text().splitlines()
)
SECOND = LINES[0].partition(": ")[2].split()
CELLS = [line.split() for line in LINES if line[0] not in "#l"]
LISTENS = [line.split()[1:] for line in LINES if line.startswith("listen")]
MARKS = {0: ".", errno.EADDRINUSE: "x"}
PORT, SERVER = 5000, 6000
OPTIONS = {"A": names.SO_REUSEADDR, "P": names.SO_REUSEPORT}
Sock = TcpSocket | UdpSocket


class Machine:
    """One host whose packets come back to it at once."""

    def __init__(self) -> None:
        self.host = Host("h", LINUX, [pack_address("10.0.0.1"), pack_address("fd00::9")])
        self.now = 0

    def made(self, address: str, option: str = "-", kind: type[Sock] = TcpSocket) -> Sock:
        """Return a socket that may be bound to the address; ! is IPV6_V6ONLY."""
        sock = kind(self.host, names.AF_INET6 if ":" in address else names.AF_INET)
        sock.hold()
        one = (1).to_bytes(4, "little")
        if address.endswith("!"):
            sock.setsockopt(names.IPPROTO_IPV6, names.IPV6_V6ONLY, one, self.now)
        if option != "-":
            sock.setsockopt(names.SOL_SOCKET, OPTIONS[option], one, self.now)
        return sock

    def bind(self, sock: Sock, address: str) -> int:
        """Return the errno of bind(), 0 for success."""
        try:
            sock.bind(pack_address(address.rstrip("!")), PORT, self.now)
        except OSError as error:
            return error.errno or -1
        return 0

    def flush(self) -> None:
        """Carry packets until there are none."""
        while packets := self.host.take_packets():
            for packet in packets:
                self.host.packet_arrives(packet, self.now)
        self.now += MS

    def connect(self, client: TcpSocket, server: TcpSocket, address: bytes, port: int) -> TcpSocket:
        """Let the server, which is bound, accept the client and close; return the connection."""
        server.listen(5, self.now)
        client.connect(address, port, self.now)
        self.flush()
        accepted = server.accept(self.now)
        assert isinstance(accepted, TcpSocket)
        accepted.hold()
        server.drop(self.now)
        return accepted

    def first(self, state: str, option: str, address: str, target: str) -> None:
        """Bring the first socket into its state."""
        sock = self.made(address, option, UdpSocket if state == "UDP" else TcpSocket)
        assert self.bind(sock, address) == 0
        if isinstance(sock, UdpSocket) or state == "bound":
            return
        if state == "LISTEN":
            sock.listen(5, self.now)
            return
        to = pack_address(target)
        if state == "accepted":
            client = self.made(target)
            assert isinstance(client, TcpSocket)
            self.connect(client, sock, to, PORT)
        else:
            server = self.made(target)
            assert isinstance(server, TcpSocket)
            server.bind(to, SERVER, self.now)
            peer = self.connect(sock, server, mapped(to) if ":" in address else to, SERVER)
            if state == "TIME-WAIT":
                for one in (sock, peer):
                    one.drop(self.now)
                    self.flush()
        states = [row.state for row in self.host.snapshot() if row.local.endswith(f":{PORT}")]
        assert states == [TIME_WAIT if state == "TIME-WAIT" else ESTABLISHED]


@pytest.mark.parametrize(
    "state", ["bound", "LISTEN", "ESTABLISHED", "accepted", "TIME-WAIT", "UDP"]
)
def test_bind_answers_as_the_kernel(state: str) -> None:
    wrong = []
    for _, option, address, target, marks in [row for row in CELLS if row[0] == state]:
        assert len(marks) == len(SECOND)
        machine = Machine()
        machine.first(state, option, address, target)
        for second, mark in zip(SECOND, marks, strict=True):
            kind = UdpSocket if state == "UDP" else TcpSocket
            sock = machine.made(second[1:], second[0], kind)
            answer = MARKS[machine.bind(sock, second[1:])]
            sock.drop(machine.now)
            if answer != mark:
                wrong.append(f"{option} {address} {target} / {second}: {answer}, kernel {mark}")
    assert not wrong


def test_listen_answers_as_the_kernel() -> None:
    """Two sockets with SO_REUSEADDR on a port: the first listens, then the second tries."""
    wrong = []
    for address, new, outcome in LISTENS:
        machine = Machine()
        first, second = machine.made(address, "A"), machine.made(new, "A")
        assert isinstance(first, TcpSocket)
        assert isinstance(second, TcpSocket)
        machine.bind(first, address)
        machine.bind(second, new)
        first.listen(5, machine.now)
        answer = "ok"
        try:
            second.listen(5, machine.now)
        except OSError as error:
            answer = errno.errorcode[error.errno or 0]
        if answer != outcome:
            wrong.append(f"{address} {new}: {answer}, kernel {outcome}")
    assert not wrong
