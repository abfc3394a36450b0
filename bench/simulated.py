"""What is measured of the simulation itself."""

from __future__ import annotations

import time
from dataclasses import replace

from lastack.net import LinkRules
from lastack.profile import S
from lastack.sockets import AGAIN, TcpSocket

from . import memory
from .table import Measure
from .world import PORT, ROOMY, B, Lifecycles, Machines


def lifecycles(count: int, together: int) -> Measure:
    """Return what measures lifecycles a processor second, `together` at a time."""
    life = Lifecycles(Machines(), together)
    life.run(min(count, 1000))

    def measured() -> float:
        begun = time.process_time()
        life.run(count)
        return count / (time.process_time() - begun)

    return measured


def among_time_waits(count: int, present: int) -> Measure:
    """Return what measures processor us for one lifecycle among so many TIME-WAITs of
    the host that closes first. They outlast the measurement."""
    profile = replace(ROOMY.with_field("limit", present + 200_000), name="linux, large table")
    machines = Machines(profile)
    memory.fill(machines.a, range(present), 10_000_000 * S)
    life = Lifecycles(machines, 1)
    life.run(500)

    def measured() -> float:
        begun = time.process_time()
        life.run(count)
        return (time.process_time() - begun) / count * 1e6

    return measured


def bulk(size: int, loss: float) -> Measure:
    """Return what measures MB a processor second, both ends, over a link of 1 ms and MTU 1500."""

    def measured() -> float:
        machines = Machines(link=LinkRules(delay_ns=1_000_000, loss=loss))
        begun = time.process_time()
        got = _transfer(machines, size)
        took = time.process_time() - begun
        assert got == size, f"{got:,} of {size:,} bytes arrived"
        return size / 1e6 / took

    return measured


def _transfer(machines: Machines, size: int) -> int:
    listener = machines.listen(machines.b)
    client = TcpSocket(machines.a)
    client.hold()
    client.connect(B, PORT, machines.now)
    machines.flush()
    machines.run(3600 * S, lambda: bool(listener.mask(machines.now)))
    server = listener.accept(machines.now)
    assert server is not AGAIN
    server.hold()
    chunk = bytes(1 << 20)
    left, got, over = size, 0, False

    def write(events: int) -> None:
        nonlocal left
        while left:
            count = client.send(chunk[: min(left, len(chunk))], 0, machines.now)
            if count is AGAIN:
                return
            left -= count
        del machines.on_ready[client]
        client.drop(machines.now)

    def read(events: int) -> None:
        nonlocal got, over
        while (data := server.recv(1 << 20, 0, machines.now)) is not AGAIN:
            got += len(data)
            if not data:
                over = True
                return

    machines.on_ready.update({client: write, server: read})
    write(0)
    read(0)
    machines.flush()
    machines.run(3600 * S, lambda: over)
    return got


def reopened(times: int) -> Measure:
    """Return what measures virtual over processor seconds: one 4-tuple is opened, closed by both
    ends, and opened again when its TIME-WAIT is over."""

    def measured() -> float:
        machines = Machines()
        listener = machines.listen(machines.b)
        begun = time.process_time()
        for _ in range(times):
            _open_and_close(machines, listener)
        return machines.now / S / (time.process_time() - begun)

    return measured


def _open_and_close(machines: Machines, listener: TcpSocket) -> None:
    client = TcpSocket(machines.a)
    client.hold()
    client.bind(bytes(4), 40_000, machines.now)
    client.connect(B, PORT, machines.now)
    machines.flush()
    machines.run(machines.now + S, lambda: bool(listener.mask(machines.now)))
    server = listener.accept(machines.now)
    assert server is not AGAIN
    server.hold()
    client.drop(machines.now)
    machines.flush()
    machines.run(machines.now + S, lambda: server.recv(1, 0, machines.now) == b"")
    server.drop(machines.now)
    machines.flush()
    machines.run(machines.now + S, lambda: len(machines.a.waiting.table) == 1)
    assert len(machines.a.waiting.table) == 1
    machines.run(machines.now + 61 * S)
    assert len(machines.a.waiting.table) == 0
