"""SO_LINGER, the send queue, and a listener's options, read back from the kernel."""

from __future__ import annotations

import errno
import math
import socket
import struct
from typing import Any

import pytest

from lastack.ending import get_linger, linger, tune_listener, unacked, unsent

from .peers import connection


@pytest.mark.parametrize(
    ("seconds", "raw", "read"),
    [
        (None, (0, 0), None),
        (0, (1, 0), 0.0),
        (5, (1, 5), 5.0),
        (0.2, (1, 1), 1.0),
        (65_536, (1, 65_536), 65_536.0),
    ],
)
def test_linger_is_what_the_kernel_then_has(
    seconds: float | None, raw: tuple[int, int], read: float | None
) -> None:
    with socket.socket() as sock:
        linger(sock, seconds)
        value = sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        assert struct.unpack("ii", value) == raw
        assert get_linger(sock) == read


@pytest.mark.parametrize(
    ("seconds", "error"),
    [(-1, ValueError), (math.nan, ValueError), (math.inf, ValueError), ("1", TypeError),
     (True, TypeError)],
)  # fmt: skip
def test_linger_refuses_what_the_option_cannot_say(seconds: Any, error: type[Exception]) -> None:
    with socket.socket() as sock:
        with pytest.raises(error):
            linger(sock, seconds)
        assert get_linger(sock) is None


@pytest.mark.parametrize(
    "call", [get_linger, tune_listener, unacked, unsent, lambda sock: linger(sock, 0)]
)
def test_what_is_no_open_tcp_socket_is_refused(call: Any) -> None:
    with pytest.raises(TypeError):
        call(object())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, pytest.raises(ValueError):
        call(sock)
    with pytest.raises(OSError) as raised:
        call(sock)
    assert raised.value.errno == errno.EBADF


def test_the_queue_counts_bytes_and_not_the_fin() -> None:
    ours, theirs = connection(receive_buffer=4096)
    with ours, theirs:
        assert (unacked(ours), unsent(ours)) == (0, 0)
        ours.sendall(bytes(12_000))
        waiting, held = unacked(ours), unsent(ours)
        assert waiting is not None
        assert held is not None
        assert 0 < held <= waiting < 12_000
        ours.shutdown(socket.SHUT_WR)
        assert (unacked(ours), unsent(ours)) == (waiting, held)


def test_a_listener_has_no_send_queue() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(OSError) as raised:
        unacked(listener)
    assert raised.value.errno == errno.EINVAL


def test_a_tuned_listener_starts_again_over_what_its_predecessor_left() -> None:
    with socket.socket() as first:
        tune_listener(first)
        first.bind(("127.0.0.1", 0))
        first.listen()
        address = first.getsockname()
        client = socket.create_connection(address)
        accepted, _ = first.accept()
    with client, accepted:
        with socket.socket() as untuned, pytest.raises(OSError) as raised:
            untuned.bind(address)
        assert raised.value.errno == errno.EADDRINUSE
        with socket.socket() as second:
            tune_listener(second)
            second.bind(address)
            second.listen()
            assert second.getsockname() == address
