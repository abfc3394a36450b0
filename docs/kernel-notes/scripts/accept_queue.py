"""The listener: how many connections wait in its queue, and what becomes of them."""

from __future__ import annotations

import os
import socket
import time

import lab
from lab import Fact, Facts
from peer import KERNEL, Peer, listening, shown


def complete(template: Peer, port: int) -> Peer:
    """Another peer port that has finished its handshake with the same listener."""
    peer = Peer(template.tun, port)
    peer.kernel_port = template.kernel_port
    peer.send("S")
    if peer.receive(0.2) is not None:
        peer.send(".")
    return peer


def closing() -> Facts:
    """close() resets what nobody accepted, whatever linger says; a half-open request stays."""
    for name, setting in (("off", (0, 0)), ("zero", (1, 0)), ("two", (1, 2))):
        listener, first = listening()
        waiting = complete(first, 50)
        with_data = complete(first, 51)
        with_data.send(".", data=b"abc")
        half_open = Peer(first.tun, 52)
        half_open.kernel_port = first.kernel_port
        half_open.send("S")
        half_open.receive()
        with_data.collect(0.06)
        lab.linger(listener, *setting)
        result = lab.close(listener)
        label = f"accept-queue.close.linger-{name}"
        yield Fact(f"{label}.waits", result.seconds, lab.Between(0, 0.1))
        yield Fact(f"{label}.child", shown(waiting.collect(0.1)), "R. seq=1 ack=1")
        yield Fact(f"{label}.child-with-data", shown(with_data.collect(0.1)), "R. seq=1 ack=4")
        yield Fact(f"{label}.request", shown(half_open.collect(0.05)), "nothing")
        yield Fact(f"{label}.request.state", lab.state(first.kernel_port), "SYN-RECEIVED")
        yield Fact(f"{label}.request.ack", half_open.ask("."), "R seq=1")
        lab.shell("ip link del peer0")


def requests() -> Facts:
    """Half-open requests whose listener is gone: forgotten at their timer or by any segment."""
    listener, first = listening()
    peers = {}
    for number, name in enumerate(("silence", "syn", "rst", "rst-outside", "fin")):
        peers[name] = Peer(first.tun, 60 + number)
        peers[name].kernel_port = first.kernel_port
        peers[name].send("S")
        peers[name].receive()
    listener.close()
    for name, flags, seq, noted in (
        ("syn", "S", 0, "R. seq=0 ack=1"),
        ("rst", "R", 1, "nothing"),
        ("rst-outside", "R", 1_000_000, "nothing"),
        ("fin", "F.", 1, "R seq=1"),
    ):
        answer = peers[name].ask(flags, seq=seq, wait=0.03)
        yield Fact(f"accept-queue.request.{name}", answer, noted)
        state = lab.state(first.kernel_port, 60 + list(peers).index(name))
        yield Fact(f"accept-queue.request.{name}.state", state, "CLOSED")
    state = lab.state(first.kernel_port, 60)
    yield Fact("accept-queue.request.silence.state", state, "SYN-RECEIVED")
    yield Fact("accept-queue.request.silence", shown(peers["silence"].collect(1.4)), "nothing")
    yield Fact("accept-queue.request.silence.then", lab.state(first.kernel_port, 60), "CLOSED")


def taken(port: int) -> str:
    """What bind() to this port says."""
    with socket.socket() as other:
        return lab.outcome(other.bind, (KERNEL, port))


def shutting() -> Facts:
    """shutdown(SHUT_RD) stops listening, and listen() works again.

    A port that bind() named stays bound; one that the kernel chose (bind to 0) is given back.
    """
    listener, first = listening(port=4321)
    waiting = complete(first, 50)
    shut = lab.outcome(listener.shutdown, socket.SHUT_RD)
    yield Fact("accept-queue.shutdown", shut, "ok")
    yield Fact("accept-queue.shutdown.child", shown(waiting.collect(0.1)), "R. seq=1 ack=1")
    yield Fact("accept-queue.shutdown.accept", lab.outcome(listener.accept), "EINVAL")
    yield Fact("accept-queue.shutdown.bind", taken(4321), "EADDRINUSE")
    yield Fact("accept-queue.shutdown.listen", lab.outcome(listener.listen), "ok")
    acceptor = lab.background(lab.outcome, listener.accept)
    time.sleep(0.1)
    listener.shutdown(socket.SHUT_RD)
    yield Fact("accept-queue.shutdown.blocked-accept", acceptor.result(timeout=2), "EINVAL")
    lab.shell("ip link del peer0")
    listener, first = listening()
    listener.shutdown(socket.SHUT_RD)
    yield Fact("accept-queue.shutdown.chosen-port.bind", taken(first.kernel_port), "ok")


def length() -> Facts:
    """backlog + 1 connections fit; then a SYN is dropped."""
    listener, first = listening(2)
    for port in range(50, 53):
        complete(first, port)
    time.sleep(0.05)
    queue = lab.state(first.kernel_port).split().count("ESTABLISHED")
    yield Fact("accept-queue.backlog-2.holds", queue, 3)
    late = Peer(first.tun, 60)
    late.kernel_port = first.kernel_port
    yield Fact("accept-queue.backlog-2.full.syn", late.ask("S"), "nothing")
    listener.accept()
    yield Fact("accept-queue.backlog-2.accepted.syn", late.ask("S", seq=0), "S. seq=0 ack=1")


def late_ack() -> Facts:
    """The last ACK of a handshake meets a full queue: dropped, or reset with abort_on_overflow."""
    for name, setting, noted in (("default", 0, "nothing"), ("abort-on-overflow", 1, "R seq=1")):
        lab.sysctl("tcp_abort_on_overflow", setting)
        listener, first = listening(3)
        for port in (50, 51, 52):
            complete(first, port)
        late = Peer(first.tun, 60)
        late.kernel_port = first.kernel_port
        late.send("S")
        late.receive()
        complete(first, 53)
        time.sleep(0.02)
        yield Fact(f"accept-queue.late-ack.{name}", late.ask("."), noted)
        if not setting:
            listener.accept()
            again = shown(late.collect(1.4)[:1])
            yield Fact("accept-queue.late-ack.repeated", again, "S. seq=0 ack=1")
            late.send(".")
            time.sleep(0.05)
            yield Fact("accept-queue.late-ack.recovers", lab.outcome(listener.accept), "ok")
        listener.close()
        lab.shell("ip link del peer0")


def reset_in_queue() -> Facts:
    """A connection that was reset while it waited is still accepted, and then found dead."""
    listener, first = listening()
    waiting = complete(first, 50)
    waiting.send("R", seq=1)
    time.sleep(0.05)
    listener.settimeout(1)
    child, _ = listener.accept()
    yield Fact("accept-queue.reset-child.getpeername", lab.outcome(child.getpeername), "ENOTCONN")
    yield Fact("accept-queue.reset-child.recv", lab.outcome(child.recv, 1), "ECONNRESET")
    yield Fact("accept-queue.reset-child.recv-again", lab.outcome(child.recv, 1), "EOF")


def kernel_client() -> Facts:
    """What a client in the queue sees when the listener closes."""
    with socket.socket() as listener, socket.socket() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.getsockname())
        os.close(listener.detach())
        yield Fact("accept-queue.client.recv", lab.outcome(client.recv, 1), "ECONNRESET")
        yield Fact("accept-queue.client.send", lab.outcome(client.send, b"x"), "EPIPE")


if __name__ == "__main__":
    lab.main([closing, requests, shutting, length, late_ack, reset_in_queue, kernel_client])
