"""TCP calls for functions that run as programs, without the socket module above them."""

from __future__ import annotations

import time
from functools import partial

from lastack.run import Outcome
from lastack.run.baton import here
from lastack.run.blocking import close_file, wait
from lastack.sockets import AGAIN, IN, OUT, TcpSocket
from lastack.wire import pack_address


def listen(port: int, address: str = "0.0.0.0") -> TcpSocket:
    process, world = here().process, here().world
    listener = TcpSocket(process.node.host)
    process.add(listener)
    world.step(process.node, listener.bind, pack_address(address), port)
    world.step(process.node, listener.listen, 16)
    return listener


def accept(listener: TcpSocket) -> TcpSocket:
    taken = wait(here(), listener.accept, listener, IN, exclusive=True, what="accept()")
    assert taken is not AGAIN
    here().process.add(taken)
    return taken


def connect(address: str, port: int) -> TcpSocket:
    process, world = here().process, here().world
    file = TcpSocket(process.node.host)
    process.add(file)
    if world.step(process.node, file.connect, pack_address(address), port) is AGAIN:
        wait(here(), file.connected, file, OUT, what="connect()")
    return file


def receive(file: TcpSocket, size: int = 65536) -> bytes:
    data = wait(here(), partial(file.recv, size, 0), file, IN, what="recv()")
    assert data is not AGAIN
    return data


def send(file: TcpSocket, data: bytes) -> None:
    while data:
        attempt = partial(file.send, data, 0)
        count = wait(here(), attempt, file, OUT, what="send()")
        assert count is not AGAIN
        data = data[count:]


def shutdown(file: TcpSocket) -> None:
    here().world.step(here().process.node, file.shutdown, 1)


def close(file: TcpSocket) -> int:
    process = here().process
    for fd, open_file in list(process.descriptors.items()):
        if open_file is file:
            del process.descriptors[fd]
    return close_file(file, process.node)


def lines(outcome: Outcome, number: int) -> list[str]:
    return [line.text for line in outcome.programs[number].output]


def echo_server() -> None:
    listener = listen(7)
    try:
        while True:
            file = accept(listener)
            while data := receive(file):
                send(file, data)
            close(file)
    finally:
        print(f"over at {time.monotonic():g}")


def client() -> None:
    file = connect("10.0.0.1", 7)
    send(file, b"hello")
    print(receive(file).decode())
    shutdown(file)
    print(receive(file))


def printed(outcome: Outcome) -> list[str]:
    assert not outcome.failed, outcome
    return [line.text for program in outcome.programs for line in program.output]
