"""Who may end a connection: the last reference, a process that exits, a thread that still reads."""

from __future__ import annotations

import array
import os
import signal
import socket
import sys
import threading
import time

import lab
from lab import Between, Fact, Facts
from peer import Peer, Tun, connected, listening, shown

AT_ONCE = Between(0, 0.1)
ONE_SECOND = Between(1.0, 1.15)


def copies() -> Facts:
    """dup() and fork(): only the last close does anything."""
    sock, peer = connected()
    port = sock.getsockname()[1]
    lab.linger(sock, 1, 1)
    copy = sock.dup()
    first = lab.close(sock)
    yield Fact("references.dup.first-close.waits", first.seconds, AT_ONCE)
    yield Fact("references.dup.first-close.sends", shown(peer.collect(0.1)), "nothing")
    yield Fact("references.dup.first-close.state", lab.state(port), "ESTABLISHED")
    yield Fact("references.dup.last-close.waits", lab.close(copy).seconds, ONE_SECOND)
    lab.shell("ip link del peer0")
    sock, peer = connected()
    child = os.fork()
    if child == 0:
        time.sleep(0.4)
        os._exit(0)
    lab.linger(sock, 1, 0)
    lab.close(sock)
    yield Fact("references.fork.parent-closes", shown(peer.collect(0.2)), "nothing")
    os.waitpid(child, 0)
    yield Fact("references.fork.child-exits", shown(peer.collect(0.2)), "R. seq=1 ack=1")


def in_flight() -> Facts:
    """A descriptor under way in SCM_RIGHTS is a reference."""
    sock, peer = connected()
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    lab.linger(sock, 1, 0)
    rights = array.array("i", [sock.fileno()])
    left.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    lab.close(sock)
    yield Fact("references.scm-rights.closed", shown(peer.collect(0.1)), "nothing")
    left.close()
    right.close()
    time.sleep(0.05)
    yield Fact("references.scm-rights.dropped", shown(peer.collect(0.2)), "R. seq=1 ack=1")


def blocked_reader() -> Facts:
    """A thread inside recv() holds the connection; it still gets its data."""
    sock, peer = connected()
    port = sock.getsockname()[1]
    reader = lab.background(lab.outcome, sock.recv, 10)
    time.sleep(0.1)
    lab.linger(sock, 1, 0)
    closed = lab.timed(os.close, sock.fileno())
    yield Fact("references.recv.close-returns", closed.outcome, "ok")
    yield Fact("references.recv.sends", shown(peer.collect(0.1)), "nothing")
    yield Fact("references.recv.state", lab.state(port), "ESTABLISHED")
    yield Fact("references.recv.then", peer.ask(".", data=b"hello").split(", ")[-1][:2], "R.")
    yield Fact("references.recv.got", reader.result(), "5 bytes")
    sock.detach()


def blocked_acceptor() -> Facts:
    """A thread inside accept() keeps the listener listening until it has its one connection."""
    listener, peer = listening()
    port = listener.getsockname()[1]
    acceptor = lab.background(lab.outcome, listener.accept)
    time.sleep(0.1)
    os.close(listener.fileno())
    yield Fact("references.accept.state", lab.state(port), "LISTEN")
    peer.send("S")
    peer.receive()
    peer.send(".")
    yield Fact("references.accept.got", acceptor.result(), "ok")
    yield Fact("references.accept.listening-after", "LISTEN" in lab.state(port), False)
    listener.detach()


def blocked_sender() -> Facts:
    """shutdown() from another thread ends a blocked send() with EPIPE."""
    tun = Tun()
    for number, (name, how) in enumerate((("wr", socket.SHUT_WR), ("rdwr", socket.SHUT_RDWR))):
        peer = Peer(tun, 30 + number)
        sock = peer.open()
        sock.setblocking(False)
        while lab.outcome(sock.send, bytes(65536)) == "ok":
            time.sleep(0.01)
        sock.setblocking(True)
        sender = lab.background(lab.timed, sock.send, bytes(65536))
        time.sleep(0.2)
        sock.shutdown(how)
        result = sender.result(timeout=2)
        yield Fact(f"references.send.shut-{name}", result.outcome, "EPIPE")
        yield Fact(f"references.send.shut-{name}.after", result.seconds, Between(0.15, 0.3))
        lab.linger(sock, 1, 0)
        sock.close()


def replaced() -> Facts:
    """dup2() over a lingering socket and execve() with one marked close-on-exec wait as close."""
    tun = Tun()
    sock = Peer(tun, 40).open()
    lab.linger(sock, 1, 1)
    null = os.open("/dev/null", os.O_RDONLY)
    result = lab.timed(os.dup2, null, sock.detach())
    yield Fact("references.dup2.waits", result.seconds, ONE_SECOND)
    sock = Peer(tun, 41).open()
    lab.linger(sock, 1, 1)
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        os.execv("/bin/true", ["true"])
    sock.close()
    os.waitpid(child, 0)
    yield Fact("references.execve.waits", time.monotonic() - start, ONE_SECOND)


def process_end() -> Facts:
    """exit and SIGKILL never wait; unread data and l_linger = 0 still mean RST."""
    for name, kill in (("exit", False), ("sigkill", True)):
        for mood, sent in (
            ("off", "F. seq=1 ack=1"),
            ("linger-3", "F. seq=1 ack=1"),
            ("linger-0", "R. seq=1 ack=1"),
            ("unread", "R. seq=1 ack=5"),
        ):
            sock, peer = connected()
            if mood.startswith("linger"):
                lab.linger(sock, 1, int(mood[-1]))
            if mood == "unread":
                peer.send(".", data=b"data")
                peer.collect(0.05)
            child = os.fork()
            if child == 0:
                time.sleep(0.1)
                if kill:
                    os.kill(os.getpid(), signal.SIGKILL)
                sys.stdout.flush()
                os._exit(0)
            os.close(sock.detach())
            start = time.monotonic()
            os.waitpid(child, 0)
            gone = time.monotonic() - start
            yield Fact(f"references.{name}.{mood}.gone", gone, Between(0, 0.25))
            yield Fact(f"references.{name}.{mood}.sends", shown(peer.collect(0.15)), sent)
            lab.shell("ip link del peer0")


def killed_while_lingering() -> Facts:
    """SIGKILL ends the process, not the connection."""
    sock, _ = connected()
    port = sock.getsockname()[1]
    lab.linger(sock, 1, 5)
    child = os.fork()
    if child == 0:
        time.sleep(0.1)
        os.close(sock.detach())
        os._exit(0)
    os.close(sock.detach())
    threading.Timer(0.4, os.kill, (child, signal.SIGKILL)).start()
    start = time.monotonic()
    os.waitpid(child, 0)
    yield Fact("references.killed-in-close.gone", time.monotonic() - start, Between(0.35, 0.55))
    yield Fact("references.killed-in-close.state", lab.state(port), "FIN-WAIT-1")


if __name__ == "__main__":
    CASES = [copies, in_flight, blocked_reader, blocked_acceptor, blocked_sender, replaced]
    lab.main([*CASES, process_end, killed_while_lingering])
