"""Exit, kill, power cut, reboot, restart of the network: what TCP sees of each."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lastack.run import OpenWorld, Outcome, World
from lastack.state import State
from lastack.trace import Arrived, Event, Lost, Reason, ResetSent, Sent, segment_of
from lastack.verdict import Book, Verdict, verdict
from lastack.wire import FIN, RST

MS = 1_000_000
S = 1_000_000_000


class Lab:
    """A server on "web" that reads only what it is told to, and a client that asks it."""

    def __init__(self, serve: Callable[[], object], ask: Callable[[], object]) -> None:
        self.world = World(seed=1)
        self.events: list[Event] = []
        self.book = Book()
        self.world.journal.listeners += [self.events.append, self.book]
        self.web = self.world.host("web")
        self.client = self.world.host("client")
        self.server = self.world.program(self.web, serve)
        self.world.program(self.client, ask)
        self.outcome: Outcome | None = None

    def run(self) -> Lab:
        self.outcome = self.world.run()
        return self

    def flags(self, host: str) -> int:
        """Return all flags that a host sent."""
        found = 0
        for event in self.events:
            if isinstance(event, Sent) and event.host == host:
                seg = segment_of(event.what)
                found |= seg.flags if seg is not None else 0
        return found

    def said(self, number: int) -> list[str]:
        assert self.outcome is not None
        return [line.text for line in self.outcome.programs[number].output]

    @property
    def verdict(self) -> Verdict:
        return verdict(self.book.stories[0], self.book)


def quiet_server() -> None:
    """Accept one connection at a time, read nothing."""
    listener = socket.create_server(("0.0.0.0", 80))
    kept = []
    while True:
        kept.append(listener.accept())


def reads() -> None:
    """Connect, and read to the end or the error."""
    sock = socket.create_connection(("web", 80))
    try:
        print(sock.recv(100), time.monotonic())
    except OSError as error:
        print(type(error).__name__, time.monotonic())


def writes() -> None:
    """Connect, send 5 bytes that nobody reads, then wait."""
    sock = socket.create_connection(("web", 80))
    sock.sendall(b"bytes")
    try:
        print(sock.recv(100), time.monotonic())
    except OSError as error:
        print(type(error).__name__, time.monotonic())


def writes_later() -> None:
    """Connect, and send after 20 s."""
    sock = socket.create_connection(("web", 80))
    time.sleep(20)
    try:
        sock.sendall(b"bytes")
        print(sock.recv(100), time.monotonic())
    except OSError as error:
        print(type(error).__name__, time.monotonic())


def test_a_kill_is_a_fin_where_everything_was_read() -> None:
    lab = Lab(quiet_server, reads)
    lab.world.at(2 * S, lambda: lab.world.kill(lab.server))
    lab.run()
    assert lab.said(1) == ["b'' 2.001"]
    assert lab.flags("web") & FIN
    assert not lab.flags("web") & RST
    assert lab.outcome is not None
    ended = lab.outcome.programs[0]
    assert (ended.ended_by, ended.exit) == ("killed", None)
    assert (ended.stopped, ended.failed) == (True, False)
    assert lab.verdict.ending.kind.value == "fin"


def test_a_kill_is_a_rst_where_data_was_unread() -> None:
    lab = Lab(quiet_server, writes)
    lab.world.at(2 * S, lambda: lab.world.kill(lab.server))
    lab.run()
    assert lab.said(1) == ["ConnectionResetError 2.001"]
    assert lab.verdict.ending.reason is Reason.UNREAD_AT_CLOSE
    assert lab.verdict.why.startswith(
        "RST at 2 s: the kill of the program on web found 5 unread bytes."
    )


def test_an_exit_is_told_as_one() -> None:
    kept: list[object] = []

    def leaves() -> None:
        listener = socket.create_server(("0.0.0.0", 80))
        kept.append(listener.accept())
        time.sleep(1)
        sys.exit(3)

    lab = Lab(leaves, writes).run()
    assert lab.verdict.why == "RST at 1.003 s: the end of the program on web found 5 unread bytes."
    assert lab.said(1) == ["ConnectionResetError 1.004"]


def test_a_kill_runs_nothing_of_the_program() -> None:
    done: list[str] = []

    def main() -> None:
        import atexit

        atexit.register(done.append, "atexit")
        threading.Thread(target=lambda: (time.sleep(5), done.append("thread"))).start()
        try:
            time.sleep(100)
        finally:
            print("a dead program prints nothing")
            done.append("finally")  # Python's own unwinding cannot be kept from this

    world = World()
    process = world.program(world.host("a"), main)
    world.at(2 * S, lambda: world.kill(process))
    outcome = world.run()
    assert outcome.programs[0].output == []
    assert outcome.ended_at == 2 * S
    assert "atexit" not in done
    assert "thread" not in done


def test_a_power_cut_sends_nothing_and_the_peer_never_learns() -> None:
    lab = Lab(quiet_server, reads)
    lab.world.at(2 * S, lambda: lab.world.power_cut(lab.web))
    lab.run()
    assert lab.said(1) == []  # it waits for ever
    assert not lab.flags("web") & (FIN | RST)
    assert lab.outcome is not None
    assert [ended.ended_by for ended in lab.outcome.programs] == ["power cut", ""]
    assert "recv()" in lab.outcome.programs[1].hung
    assert lab.verdict.ending.reason is Reason.HOST_GONE
    assert lab.verdict.why == (
        "Ended at 2 s: web was switched off. client has not learnt it: it is in ESTABLISHED, "
        "and web is still off. With something to send it will give up in the end; without, only "
        "keep-alives would tell it."
    )


def test_a_power_cut_with_data_under_way_ends_by_time_out() -> None:
    lab = Lab(quiet_server, writes_later)
    lab.world.at(2 * S, lambda: lab.world.power_cut(lab.web))
    lab.run()
    (line,) = lab.said(1)
    assert line.startswith("TimeoutError ")
    assert 900 < float(line.split()[1]) < 1000
    lost = [event for event in lab.events if isinstance(event, Lost)]
    assert {event.reason for event in lost} == {Reason.HOST_GONE}
    assert "client learnt it at 9" in lab.verdict.why
    assert "by time-out: client gave up after 15 retransmissions" in lab.verdict.why
    assert "Lost: all 5 bytes of client." in lab.verdict.why


def test_what_dies_with_a_host_is_accounted_for() -> None:
    def sends() -> None:
        listener = socket.create_server(("0.0.0.0", 80))
        kept, _ = listener.accept()
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        time.sleep(1)
        kept.sendall(bytes(300_000))
        time.sleep(100)

    def holds() -> None:
        sock = socket.create_connection(("web", 80))
        sock.sendall(b"bytes")
        while sock.recv(1 << 20):
            pass

    lab = Lab(sends, holds)
    lab.world.at(1 * S + 10 * MS, lambda: lab.world.power_cut(lab.web))
    lab.run()
    account = lab.verdict.ledger.server_to_client
    assert account.accepted == 300_000
    assert 0 < account.destroyed < 300_000
    assert f"Lost: {account.destroyed:,} of web's 300,000 bytes." in lab.verdict.why
    assert account.read + account.unread + account.destroyed == 300_000
    there = lab.verdict.ledger.client_to_server
    assert (there.accepted, there.unread) == (5, 5)
    assert "Thrown away unread: all 5 bytes of client." in lab.verdict.why


def test_after_a_reboot_the_peer_learns_by_a_rst_at_its_next_segment() -> None:
    lab = Lab(quiet_server, writes_later)
    lab.world.at(2 * S, lambda: lab.world.reboot(lab.web))
    lab.run()
    assert lab.said(1) == ["ConnectionResetError 20.004"]
    resets = [event for event in lab.events if isinstance(event, ResetSent)]
    assert [(event.host, event.reason) for event in resets] == [("web", Reason.ACK_IN_LISTEN)]
    assert lab.verdict.ending.reason is Reason.HOST_GONE
    assert "client learnt it at 20.004 s by a RST, the answer to its next segment" in (
        lab.verdict.why
    )
    assert lab.outcome is not None
    first, _, again = lab.outcome.programs
    assert (first.ended_by, first.program) == ("power cut", 1)
    assert (again.ended_by, again.program, again.stopped) == ("", 1, True)


def test_a_client_that_says_nothing_does_not_learn_of_a_reboot() -> None:
    lab = Lab(quiet_server, reads)
    lab.world.at(2 * S, lambda: lab.world.reboot(lab.web, 10 * S))
    lab.run()
    assert lab.said(1) == []
    assert "client has not learnt it: it is in ESTABLISHED, and its next segment will be" in (
        lab.verdict.why
    )


def test_a_reboot_takes_time_and_forgets_time_wait() -> None:
    world = World()
    web, get = world.host("web"), world.host("get")
    at: list[float] = []

    def serve() -> None:
        at.append(time.monotonic())
        listener = socket.create_server(("0.0.0.0", 80))
        while True:
            connection, _ = listener.accept()
            connection.close()  # first: TIME-WAIT is here

    def ask() -> None:
        with socket.create_connection(("web", 80)) as sock:
            sock.recv(1)
        time.sleep(30)

    world.program(web, serve)
    world.program(get, ask)
    standing: list[int] = []

    def look() -> None:
        standing.append(sum(row.state is State.TIME_WAIT for row in web.host.snapshot()))

    world.at(9 * S, look)
    world.at(10 * S, lambda: world.reboot(web, 5 * S))
    world.at(16 * S, look)
    world.run()
    assert at == [0, 15]
    assert standing == [1, 0]


def test_a_restarted_program_has_modules_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "state.py").write_text("COUNT = []\n", encoding="utf-8")
    (tmp_path / "main.py").write_text(
        "import state, sys, time\nstate.COUNT.append(1)\n"
        "print(len(state.COUNT), time.monotonic(), sys.argv[1:])\ntime.sleep(1000)\n",
        encoding="utf-8",
    )
    world = World()
    web = world.host("web")
    world.program(web, [str(tmp_path / "main.py"), "x"])
    world.at(1 * S, lambda: world.reboot(web))
    world.at(2 * S, lambda: world.restart(web))
    world.at(3 * S, lambda: world.restart(world.processes[-1]))
    world.at(4 * S, lambda: world.kill(web))
    outcome = world.run()
    assert [ended.output[0].text for ended in outcome.programs] == [
        f"1 {at}.0 ['x']" for at in range(4)
    ]
    assert [ended.ended_by for ended in outcome.programs] == [
        "power cut", "killed", "killed", "killed",
    ]  # fmt: skip
    assert not outcome.failed


def test_connections_survive_a_restart_of_the_network() -> None:
    def echo() -> None:
        listener = socket.create_server(("0.0.0.0", 80))
        kept, _ = listener.accept()
        kept.sendall(kept.recv(100))
        kept.recv(1)

    lab = Lab(echo, writes_later)
    lab.world.at(19 * S, lambda: lab.world.restart_network(lab.web, 5 * S))
    lab.run()
    (line,) = lab.said(1)
    assert line.startswith("b'bytes' 2")
    assert float(line.split()[1]) > 24  # sent again until the interface was up
    lost = {event.reason for event in lab.events if isinstance(event, Lost)}
    assert lost == {Reason.LINK_DOWN}
    assert lab.verdict.ending.kind.value == "fin"


def test_faults_hold_the_run() -> None:
    world = World()
    node = world.host("a")
    starts: list[float] = []
    world.program(node, lambda: starts.append(time.monotonic()))
    world.at(100 * S, lambda: world.reboot(node, 100 * S))
    assert world.run().ended_at == 200 * S
    assert starts == [0, 200]


def test_a_program_that_was_to_start_on_a_host_without_power() -> None:
    world = World()
    node = world.host("a")
    starts: list[float] = []
    world.program(node, lambda: starts.append(time.monotonic()), start_at=5 * S)
    world.at(2 * S, lambda: world.power_cut(node))
    world.at(3 * S, lambda: world.power_cut(node))  # is off already
    world.at(20 * S, lambda: world.power_on(node))
    world.at(21 * S, lambda: world.power_on(node))
    world.run()
    assert starts == [20]


def test_loopback_goes_on_when_the_interface_is_down() -> None:
    world = World()
    node = world.host("a")
    world.program(node, quiet_server)
    got: list[float] = []

    def local() -> None:
        time.sleep(2)
        socket.create_connection(("127.0.0.1", 80)).close()
        socket.create_connection(("a", 80)).close()
        got.append(time.monotonic())

    world.program(node, local)
    world.at(1 * S, lambda: world.restart_network(node, 100 * S))
    world.run()
    assert got == [pytest.approx(2, abs=0.01)]


def test_the_same_seed_gives_the_same_faults() -> None:
    def trace() -> list[str]:
        lab = Lab(quiet_server, writes_later)
        lab.world.at(2 * S, lambda: lab.world.reboot(lab.web, S))
        lab.world.at(25 * S, lambda: lab.world.restart(lab.web))
        lab.run()
        return [f"{event.at} {event.host} {event!r}" for event in lab.events]

    first = trace()
    assert first == trace()
    assert len(first) > 50


def test_faults_between_blocks_act_at_once() -> None:
    world = OpenWorld()
    web, client = world.host("web"), world.host("client")
    server = world.program(web, quiet_server)
    with world.on(client):
        sock = socket.create_connection(("web", 80))
        time.sleep(1)
    world.kill(server)
    world.settle()
    assert not [row for row in web.host.snapshot() if row.state is State.LISTEN]
    with world.on(client):
        assert sock.recv(1) == b""
        world.power_cut(web)
        world.power_on(web)
    with world.on(client):
        socket.create_connection(("web", 80)).close()
    world.power_cut(client)
    world.settle()
    world.power_on(client)
    with world.on(client):
        assert sock.fileno() > 0
        with pytest.raises(OSError):
            sock.recv(1)
    assert not world.finish().failed


def test_a_block_whose_host_loses_power_ends() -> None:
    world = OpenWorld()
    node = world.host("a")

    def pulls_the_plug() -> None:
        world.power_cut(node)
        time.sleep(1)

    with pytest.raises(RuntimeError, match="was ended"), world.on(node):
        pulls_the_plug()
    world.discard()


def test_a_segment_on_its_way_when_the_power_goes_arrives() -> None:
    def sends() -> None:
        kept, _ = socket.create_server(("0.0.0.0", 80)).accept()
        kept.sendall(b"last words")
        time.sleep(100)

    lab = Lab(sends, reads)
    lab.world.at(2 * MS + MS // 2, lambda: lab.world.power_cut(lab.web))
    lab.run()
    assert [event for event in lab.events if isinstance(event, Arrived)]
    assert lab.said(1) == ["b'last words' 0.003"] or lab.said(1) == []


def test_a_killed_asyncio_program_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def serve() -> None:
        server = await asyncio.start_server(answer, "0.0.0.0", 80)
        async with server:
            await server.serve_forever()

    lab = Lab(serve, reads)
    lab.world.at(2 * S, lambda: lab.world.kill(lab.server))
    lab.run()
    assert lab.said(0) == []
    assert lab.said(1) == ["b'' 2.001"]
    gc.collect()
    assert capfd.readouterr() == ("", "")
