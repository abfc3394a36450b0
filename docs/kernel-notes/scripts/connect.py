"""Ephemeral ports and what connect() and the calls around it say."""

from __future__ import annotations

import select
import socket
import time

import lab
from lab import Fact, Facts
from peer import Tun

HERE = "127.0.0.1"
IP_BIND_ADDRESS_NO_PORT = 24


def target(address: str = HERE, backlog: int = 20) -> socket.socket:
    """A listener outside the small port range of these cases."""
    listener = socket.socket()
    listener.bind((address, 20000))
    listener.listen(backlog)
    return listener


def default_range() -> Facts:
    """The automatic ports of a fresh namespace."""
    span = lab.sysctl("ip_local_port_range").split()
    yield Fact("connect.default-range", span, ["32768", "60999"])


def exhaustion() -> Facts:
    """Four ports in the range: connect() and bind(0) fail differently, and share differently."""
    lab.sysctl("ip_local_port_range", "40000 40003")
    keep = [target(), target("127.0.0.2")]
    seen = list[str]()
    for address in [HERE] * 5 + ["127.0.0.2"] * 5:
        keep.append(socket.socket())
        seen.append(lab.outcome(keep[-1].connect, (address, 20000)))
    four = ["ok"] * 4 + ["EADDRNOTAVAIL"]
    yield Fact("connect.four-ports.one-target", seen[:5], four)
    yield Fact("connect.four-ports.other-target", seen[5:], four)
    bound = lab.outcome(socket.socket().bind, (HERE, 0))
    yield Fact("connect.four-ports.bind-0", bound, "EADDRINUSE")
    yield Fact("connect.four-ports.listen", lab.outcome(socket.socket().listen), "EADDRINUSE")


def bind_zero() -> Facts:
    """bind(0) never shares a port, whatever the options; connect() cannot use what is bound."""
    lab.sysctl("ip_local_port_range", "40000 40003")
    listener = target()
    for option in (None, "SO_REUSEADDR", "SO_REUSEPORT"):
        keep, seen = list[socket.socket](), list[str]()
        for _ in range(5):
            sock = socket.socket()
            if option:
                sock.setsockopt(socket.SOL_SOCKET, getattr(socket, option), 1)
            seen.append(lab.outcome(sock.bind, (HERE, 0)))
            keep.append(sock)
        yield Fact(f"connect.bind-0.{option}", seen, ["ok"] * 4 + ["EADDRINUSE"])
        ports = {sock.getsockname()[1] for sock in keep[:4]}
        yield Fact(f"connect.bind-0.{option}.ports", len(ports), 4)
        late = socket.socket()
        refused = lab.outcome(late.connect, listener.getsockname())
        yield Fact(f"connect.bind-0.{option}.connect", refused, "EADDRNOTAVAIL")
        for sock in [*keep, late]:
            sock.close()


def automatic_reuse() -> Facts:
    """connect() takes a port in TIME-WAIT again: timestamps, tcp_tw_reuse, and a second's age."""
    lab.sysctl("ip_local_port_range", "40000 40000")
    for name, reuse, stamps, noted in (
        ("default", 2, 1, ["EADDRNOTAVAIL", "ok"]),
        ("off", 0, 1, ["EADDRNOTAVAIL", "EADDRNOTAVAIL"]),
        ("no-timestamps", 2, 0, ["EADDRNOTAVAIL", "EADDRNOTAVAIL"]),
    ):
        lab.sysctl("tcp_tw_reuse", reuse)
        lab.sysctl("tcp_timestamps", stamps)
        seen = list[str]()
        port = target(f"127.0.1.{reuse + 3 * stamps + 1}")
        with socket.create_connection(port.getsockname()):
            accepted, _ = port.accept()
        time.sleep(0.05)
        accepted.close()
        for pause in (0.1, 1.2):
            time.sleep(pause)
            with socket.socket() as again:
                seen.append(lab.outcome(again.connect, port.getsockname()))
        yield Fact(f"connect.automatic-reuse.{name}", seen, noted)


def late_port() -> Facts:
    """IP_BIND_ADDRESS_NO_PORT: no port until connect(), then one for each 4-tuple."""
    lab.sysctl("ip_local_port_range", "40000 40003")
    keep, seen = [target(), target("127.0.0.2")], list[str]()
    for address in [HERE] * 5 + ["127.0.0.2"] * 4:
        sock = socket.socket()
        sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((HERE, 0))
        if not seen:
            yield Fact("connect.no-port.getsockname", sock.getsockname()[1], 0)
        seen.append(lab.outcome(sock.connect, (address, 20000)))
        keep.append(sock)
    yield Fact("connect.no-port", seen, ["ok"] * 4 + ["EADDRNOTAVAIL"] + ["ok"] * 4)


def refused() -> Facts:
    """A refused connect can be tried again; how it goes on depends on who took the error."""
    sock = socket.socket()
    yield Fact("connect.refused", lab.outcome(sock.connect, (HERE, 20000)), "ECONNREFUSED")
    listener = target()
    yield Fact("connect.refused.again", lab.outcome(sock.connect, (HERE, 20000)), "ok")
    yield Fact("connect.third", lab.outcome(sock.connect, (HERE, 20000)), "EISCONN")
    listener.close()
    sock.close()
    for taker in ("recv", "so-error", "connect"):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex((HERE, 20001))
        time.sleep(0.02)
        if taker == "recv":
            first = lab.outcome(sock.recv, 1)
        elif taker == "so-error":
            first = lab.error_of(sock)
        else:
            first = lab.outcome(sock.connect, (HERE, 20001))
        yield Fact(f"connect.refused.{taker}", first, "ECONNREFUSED")
        poll = select.poll()
        poll.register(sock, select.POLLIN | select.POLLOUT | select.POLLRDHUP)
        events = dict(poll.poll(0)).get(sock.fileno(), 0)
        names = [n for n in ("IN", "OUT", "HUP", "RDHUP") if events & getattr(select, f"POLL{n}")]
        noted = ["OUT", "HUP"] if taker == "connect" else ["IN", "OUT", "HUP", "RDHUP"]
        yield Fact(f"connect.refused.{taker}.poll", names, noted)
        recv = "ENOTCONN" if taker == "connect" else "EOF"
        yield Fact(f"connect.refused.{taker}.recv", lab.outcome(sock.recv, 1), recv)
        if taker == "so-error":
            again = lab.outcome(sock.connect, (HERE, 20001))
            yield Fact("connect.refused.so-error.connect", again, "ECONNABORTED")


def non_blocking() -> Facts:
    """EINPROGRESS, EALREADY, EAGAIN, and shutdown() while the SYN is out."""
    listener = target(backlog=0)
    socket.create_connection(listener.getsockname()).detach()
    sock = socket.socket()
    sock.setblocking(False)
    where = listener.getsockname()
    yield Fact("connect.non-blocking", lab.outcome(sock.connect, where), "EINPROGRESS")
    yield Fact("connect.non-blocking.again", lab.outcome(sock.connect, where), "EALREADY")
    yield Fact("connect.non-blocking.send", lab.outcome(sock.send, b"x"), "EAGAIN")
    yield Fact("connect.non-blocking.recv", lab.outcome(sock.recv, 1), "EAGAIN")
    shut = lab.outcome(sock.shutdown, socket.SHUT_WR)
    yield Fact("connect.non-blocking.shutdown", shut, "ok")
    yield Fact("connect.non-blocking.shutdown.error", lab.error_of(sock), "ECONNRESET")


def unconnected() -> Facts:
    """Calls on a socket that never connected, and destinations that cannot be."""
    sock = socket.socket()
    yield Fact("connect.unconnected.send", lab.outcome(sock.send, b"x"), "EPIPE")
    yield Fact("connect.unconnected.recv", lab.outcome(sock.recv, 1), "ENOTCONN")
    lab.linger(sock, 1, 5)
    yield Fact("connect.unconnected.close", lab.close(sock).seconds, lab.Between(0, 0.1))
    sock, listener = socket.socket(), target()
    shut = lab.outcome(sock.shutdown, socket.SHUT_WR)
    yield Fact("connect.unconnected.shutdown", shut, "ENOTCONN")
    yield Fact("connect.shutdown-then-connect", lab.outcome(sock.connect, (HERE, 20000)), "ok")
    yield Fact("connect.shutdown-then-connect.send", lab.outcome(sock.send, b"x"), "EPIPE")
    any_host = lab.outcome(socket.socket().connect, ("0.0.0.0", 20000))
    yield Fact("connect.to-any", any_host, "ok")
    yield Fact("connect.port-0", lab.outcome(socket.socket().connect, (HERE, 0)), "ECONNREFUSED")
    no_route = lab.outcome(socket.socket().connect, ("192.0.2.1", 1))
    yield Fact("connect.no-route", no_route, "ENETUNREACH")
    listener.close()


def not_one_host() -> Facts:
    """Addresses that are not those of one host, where there is a route to them."""
    device = Tun()
    lab.shell("ip route add default dev peer0")
    for name, address in (
        ("multicast", "224.0.0.1"),
        ("broadcast", "255.255.255.255"),
        ("subnet-broadcast", "10.9.0.255"),
    ):
        seen = lab.outcome(socket.socket().connect, (address, 80))
        yield Fact(f"connect.to-{name}", seen, "ENETUNREACH")
    del device


if __name__ == "__main__":
    lab.main(
        [
            default_range,
            exhaustion,
            bind_zero,
            automatic_reuse,
            late_port,
            refused,
            non_blocking,
            unconnected,
            not_one_host,
        ]
    )
