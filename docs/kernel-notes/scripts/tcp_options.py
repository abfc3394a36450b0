"""TCP's socket options: what is taken, what getsockopt() shows, what accept() inherits."""

from __future__ import annotations

import socket

import lab
from lab import Fact, Facts

TCP = socket.IPPROTO_TCP
LIMITS = {
    "TCP_KEEPIDLE": (1, 32767), "TCP_KEEPINTVL": (1, 32767), "TCP_KEEPCNT": (1, 127),
    "TCP_SYNCNT": (1, 127), "TCP_USER_TIMEOUT": (0, 2**31 - 1), "TCP_MAXSEG": (88, 32767),
}  # fmt: skip
DEFAULTS = {
    "TCP_KEEPIDLE": 7200, "TCP_KEEPINTVL": 75, "TCP_KEEPCNT": 9, "TCP_SYNCNT": 6,
    "TCP_USER_TIMEOUT": 0, "TCP_MAXSEG": 536, "TCP_CORK": 0, "TCP_NODELAY": 0, "TCP_QUICKACK": 1,
}  # fmt: skip


def limits() -> Facts:
    """The first and last value that is taken; the neighbours are EINVAL."""
    for name, (low, high) in LIMITS.items():
        option = getattr(socket, name)
        for value, noted in ((low - 1, "EINVAL"), (low, "ok"), (high, "ok"), (high + 1, "EINVAL")):
            if value >= 2**31:
                continue
            sock = socket.socket()
            done = lab.outcome(sock.setsockopt, TCP, option, value)
            yield Fact(f"options.{name}.{value}", done, noted)
            if noted == "ok":
                yield Fact(f"options.{name}.{value}.get", sock.getsockopt(TCP, option), value)
    sock = socket.socket()
    sock.setsockopt(TCP, socket.TCP_MAXSEG, 500)
    yield Fact(
        "options.TCP_MAXSEG.0", lab.outcome(sock.setsockopt, TCP, socket.TCP_MAXSEG, 0), "ok"
    )
    yield Fact("options.TCP_MAXSEG.0.get", sock.getsockopt(TCP, socket.TCP_MAXSEG), 536)
    for name in (*LIMITS, "TCP_CORK", "TCP_QUICKACK"):
        done = lab.outcome(sock.setsockopt, TCP, getattr(socket, name), b"\1\0")
        yield Fact(f"options.{name}.two-bytes", done, "EINVAL")


def defaults() -> Facts:
    """What a fresh socket shows, and that the sysctls stand behind it."""
    sock = socket.socket()
    for name, noted in DEFAULTS.items():
        yield Fact(f"options.default.{name}", sock.getsockopt(TCP, getattr(socket, name)), noted)
    yield Fact(
        "options.default.SO_KEEPALIVE", sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), 0
    )
    for sysctl, name in (
        ("tcp_keepalive_time", "TCP_KEEPIDLE"), ("tcp_keepalive_intvl", "TCP_KEEPINTVL"),
        ("tcp_keepalive_probes", "TCP_KEEPCNT"), ("tcp_syn_retries", "TCP_SYNCNT"),
    ):  # fmt: skip
        lab.sysctl(sysctl, 4)
        yield Fact(f"options.{sysctl}-4", sock.getsockopt(TCP, getattr(socket, name)), 4)
    for value, noted in ((2, 1), (-1, 1), (0, 0)):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, value)
        got = sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        yield Fact(f"options.SO_KEEPALIVE.{value}", got, noted)


def inherited() -> Facts:
    """An accepted connection has the listener's options as of the handshake."""
    values = {
        "TCP_KEEPIDLE": 11, "TCP_KEEPINTVL": 12, "TCP_KEEPCNT": 13, "TCP_SYNCNT": 14,
        "TCP_USER_TIMEOUT": 15, "TCP_CORK": 1, "TCP_NODELAY": 1,
    }  # fmt: skip
    with socket.socket() as listener, socket.socket() as client:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in values.items():
            listener.setsockopt(TCP, getattr(socket, name), value)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.getsockname())
        listener.setsockopt(TCP, socket.TCP_KEEPIDLE, 99)
        child, _ = listener.accept()
        for name, value in values.items():
            got = child.getsockopt(TCP, getattr(socket, name))
            yield Fact(f"options.inherited.{name}", got, value)
        got = child.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        yield Fact("options.inherited.SO_KEEPALIVE", got, 1)


if __name__ == "__main__":
    lab.main([limits, defaults, inherited])
