"""What the calls of the other end return after each kind of ending; a kernel at both ends."""

from __future__ import annotations

import socket
import time

import lab
from lab import Fact, Facts


def calls(sock: socket.socket) -> str:
    """recv, recv, send, send in this order, with time for an answer between them."""
    seen = [lab.outcome(sock.recv, 1 << 20), lab.outcome(sock.recv, 1 << 20)]
    for _ in range(2):
        seen.append(lab.outcome(sock.send, b"x"))
        time.sleep(0.05)
    return " ".join(seen)


def after_fin() -> Facts:
    """A FIN: the first send succeeds and draws the RST; CLOSE-WAIT turns it into EPIPE."""
    a, b = lab.pair()
    a_port = a.getsockname()[1]
    lab.close(a)
    time.sleep(0.05)
    yield Fact("peer-calls.fin.states", lab.state(a_port, b.getsockname()[1]), "FIN-WAIT-2")
    yield Fact("peer-calls.fin", calls(b), "EOF EOF ok EPIPE")
    yield Fact("peer-calls.fin.recv-after", lab.outcome(b.recv, 1), "EOF")
    yield Fact("peer-calls.fin.left", lab.state(a_port, b.getsockname()[1]), "CLOSED")
    a, b = lab.pair()
    lab.close(a)
    time.sleep(0.05)
    b.send(b"x")
    time.sleep(0.05)
    yield Fact("peer-calls.fin.so-error", lab.error_of(b), "EPIPE")


def pending_data() -> Facts:
    """A FIN behind data: all of it, then EOF."""
    a, b = lab.pair()
    a.sendall(bytes(75_048))
    lab.close(a)
    time.sleep(0.1)
    got = 0
    while chunk := b.recv(65536):
        got += len(chunk)
    yield Fact("peer-calls.fin.pending", got, 75_048)


def after_reset() -> Facts:
    """An RST: the error once, then EOF; EPIPE from send."""
    for name in ("linger-0", "unread"):
        a, b = lab.pair()
        if name == "unread":
            b.send(b"never read")
        else:
            lab.linger(a, 1, 0)
        time.sleep(0.05)
        lab.close(a)
        time.sleep(0.05)
        yield Fact(f"peer-calls.{name}", calls(b), "ECONNRESET EOF EPIPE EPIPE")
        yield Fact(f"peer-calls.{name}.getpeername", lab.outcome(b.getpeername), "ENOTCONN")


def who_takes_the_error() -> Facts:
    """The first of recv, send and SO_ERROR has it; getpeername and shutdown leave it there."""
    for name in ("recv", "send", "so-error"):
        a, b = lab.pair()
        lab.linger(a, 1, 0)
        lab.close(a)
        time.sleep(0.05)
        yield Fact(f"peer-calls.error.{name}.shutdown", lab.outcome(b.shutdown, 1), "ENOTCONN")
        if name == "so-error":
            first = lab.error_of(b)
        else:
            first = lab.outcome(b.recv, 1) if name == "recv" else lab.outcome(b.send, b"x")
        yield Fact(f"peer-calls.error.{name}", first, "ECONNRESET")
        yield Fact(f"peer-calls.error.{name}.recv", lab.outcome(b.recv, 1), "EOF")
        yield Fact(f"peer-calls.error.{name}.send", lab.outcome(b.send, b"x"), "EPIPE")
        yield Fact(f"peer-calls.error.{name}.so-error", lab.error_of(b), "0")


def queued_survives() -> Facts:
    """Data that had arrived stays readable after the RST: a reply sent before an abort is read."""
    a, b = lab.pair()
    a.sendall(b"the reply")
    lab.linger(a, 1, 0)
    lab.close(a)
    time.sleep(0.05)
    yield Fact("peer-calls.reply-then-abort", calls(b), "9 bytes ECONNRESET EPIPE EPIPE")


def in_close_wait() -> Facts:
    """After our FIN was seen an RST is EPIPE, and recv never reports it."""
    a, b = lab.pair()
    a.shutdown(socket.SHUT_WR)
    time.sleep(0.05)
    lab.linger(a, 1, 0)
    lab.close(a)
    time.sleep(0.05)
    seen = [lab.outcome(b.recv, 1), lab.outcome(b.recv, 1), lab.outcome(b.send, b"x")]
    yield Fact("peer-calls.reset-in-close-wait", " ".join(seen), "EOF EOF EPIPE")


def blocked_reader() -> Facts:
    """A recv() that is waiting gets the error."""
    a, b = lab.pair()
    reader = lab.background(lab.outcome, b.recv, 1)
    time.sleep(0.1)
    lab.linger(a, 1, 0)
    lab.close(a)
    yield Fact("peer-calls.blocked-recv", reader.result(timeout=2), "ECONNRESET")


def full_window() -> Facts:
    """Linger 2 towards a peer that reads nothing: 0 after 2 s; what it reads later flows on."""
    a, b = lab.pair(SO_SNDBUF=200_000)
    a.setblocking(False)
    sent = 0
    for _ in range(50):
        try:
            sent += a.send(bytes(65536))
        except BlockingIOError:
            time.sleep(0.01)
    lab.linger(a, 1, 2)
    result = lab.close(a)
    yield Fact("peer-calls.full-window.returns", result.outcome, "ok")
    yield Fact("peer-calls.full-window.waits", result.seconds, lab.Between(2.0, 2.3))
    got = 0
    while chunk := b.recv(65536):
        got += len(chunk)
    yield Fact("peer-calls.full-window.all-read", got == sent, True)


def half_close() -> Facts:
    """One direction stays open as long as its sender likes."""
    a, b = lab.pair()
    a.shutdown(socket.SHUT_WR)
    time.sleep(0.05)
    here, there = a.getsockname()[1], b.getsockname()[1]
    yield Fact("peer-calls.half-close.a", lab.state(here, there), "FIN-WAIT-2")
    yield Fact("peer-calls.half-close.b", lab.state(there, here), "CLOSE-WAIT")
    b.sendall(bytes(4000))
    yield Fact("peer-calls.half-close.recv", lab.outcome(a.recv, 9000), "4000 bytes")
    lab.close(b)
    time.sleep(0.05)
    yield Fact("peer-calls.half-close.end", lab.outcome(a.recv, 1), "EOF")
    yield Fact("peer-calls.half-close.state", lab.state(here, there), "TIME-WAIT")
    yield Fact("peer-calls.half-close.other", lab.state(there, here), "CLOSED")


def own_shutdown() -> Facts:
    """After shutdown(SHUT_WR): EPIPE from send, a second one is fine, ENOTCONN after both FINs."""
    a, b = lab.pair()
    a.shutdown(socket.SHUT_WR)
    yield Fact("peer-calls.shut-wr.send", lab.outcome(a.send, b"x"), "EPIPE")
    yield Fact("peer-calls.shut-wr.again", lab.outcome(a.shutdown, socket.SHUT_WR), "ok")
    b.shutdown(socket.SHUT_WR)
    time.sleep(0.05)
    yield Fact("peer-calls.shut-wr.both", lab.outcome(a.shutdown, socket.SHUT_WR), "ENOTCONN")


def shut_reading() -> Facts:
    """SHUT_RD sends nothing: EOF when empty, later data is still taken and readable."""
    a, b = lab.pair()
    b.shutdown(socket.SHUT_RD)
    yield Fact("peer-calls.shut-rd.recv", lab.outcome(b.recv, 1), "EOF")
    state = lab.state(b.getsockname()[1], a.getsockname()[1])
    yield Fact("peer-calls.shut-rd.state", state, "ESTABLISHED")
    a.send(b"late")
    time.sleep(0.02)
    yield Fact("peer-calls.shut-rd.later", lab.outcome(b.recv, 9), "4 bytes")


def killed() -> Facts:
    """SOCK_DESTROY (`ss -K`): ECONNABORTED here, an RST and so ECONNRESET at the other end."""
    a, b = lab.pair()
    port = a.getsockname()[1]
    b.send(b"queued")
    time.sleep(0.05)
    lab.shell(f"ss -K src 127.0.0.1 sport = :{port}")
    yield Fact("peer-calls.killed", calls(a), "6 bytes ECONNABORTED EPIPE EPIPE")
    yield Fact("peer-calls.killed.other-end", lab.outcome(b.recv, 1), "ECONNRESET")


if __name__ == "__main__":
    CASES = [after_fin, pending_data, after_reset, who_takes_the_error, queued_survives]
    CASES += [in_close_wait, blocked_reader, full_window, half_close, own_shutdown]
    CASES += [shut_reading, killed]
    lab.main(CASES)
