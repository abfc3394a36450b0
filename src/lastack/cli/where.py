"""Addresses and ports as they are written on the command line of `lastack why`."""

from __future__ import annotations

import socket

import click

Where = tuple[bytes, int]
"""A packed address and a port."""


def read_bind(text: str) -> tuple[bytes | None, int]:
    """Read "8080", "*:8080", "127.0.0.1:8080" or "[::1]:8080"."""
    host, _, port = text.rpartition(":")
    return (None if host in ("", "*") else _packed(host, text)), _port(port, text)


def read_pair(text: str) -> tuple[Where, list[Where]]:
    """Read LOCAL[:PORT]-REMOTE:PORT."""
    left, _, right = text.partition("-")
    whole = left if left.endswith("]") or ":" not in left else ""
    address, port = (_packed(whole, text), 0) if whole else read_bind(left)
    remote, remote_port = read_bind(right) if ":" in right else (None, 0)
    if address is None or remote is None or remote_port == 0:
        raise click.UsageError(f"{text!r}: write ADDRESS[:PORT]-ADDRESS:PORT")
    if len(address) != len(remote):
        raise click.UsageError(f"{text!r}: one address is IPv4, the other IPv6")
    return (address, port), [(remote, remote_port)]


def read_host(text: str) -> list[Where]:
    """Return the addresses of HOST:PORT, in the order in which programs try them."""
    host, _, port = text.rpartition(":")
    number = _port(port, text)
    if not host or number == 0:
        raise click.UsageError(f"{text!r} is no HOST:PORT")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if ":" in bare and bare == host:
        raise click.UsageError(f"{text!r}: write [ADDRESS]:PORT")
    try:
        found = socket.getaddrinfo(bare, number, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why_not = error.strerror if isinstance(error, OSError) else "not a name"
        raise click.UsageError(f"{bare!r} does not resolve: {why_not}") from None
    return [(socket.inet_pton(family, str(name[0]).partition("%")[0]), number)
            for family, _, _, _, name in found]  # fmt: skip


def _packed(host: str, text: str) -> bytes:
    bracketed = host.startswith("[") and host.endswith("]")
    family = socket.AF_INET6 if bracketed else socket.AF_INET
    try:
        return socket.inet_pton(family, host[1:-1] if bracketed else host)
    except (OSError, ValueError):
        raise click.UsageError(
            f"{text!r} has no address in front of the port (IPv6 as [ADDRESS]:PORT; names only "
            "with --connect)"
        ) from None


def _port(port: str, text: str) -> int:
    if not (port.isascii() and port.isdecimal() and int(port) <= 0xFFFF):
        raise click.UsageError(f"{text!r} ends in no port (0 to 65535)")
    return int(port)
