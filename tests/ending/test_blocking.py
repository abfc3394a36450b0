"""close(), abort() and closing() on the sockets of threads, and what they refuse."""

from __future__ import annotations

import errno
import os
import socket
import threading
from typing import Any

import pytest

from lastack.ending import Kind, abort, close, closing, linger, unacked
from lastack.ending.probe import Socketlike, in_flight, tcp_state

from .peers import PATIENCE, Peer, connection, never_closes, never_reads, reads_all

NONE: Any = None
TEXT: Any = "soon"


@pytest.mark.parametrize("call", [close, abort])
def test_wrong_use_raises_at_once(call: Any) -> None:
    with pytest.raises(TypeError):
        call(None)
    with pytest.raises(TypeError):
        call(7)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, pytest.raises(ValueError):
        call(datagrams)
    one, other = socket.socketpair()
    with one, other, pytest.raises(ValueError, match="not a TCP socket"):
        call(one)
    with socket.socket() as fresh, pytest.raises(OSError) as raised:
        call(fresh)
    assert raised.value.errno == errno.ENOTCONN
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(OSError) as raised:
        call(listener)
    assert raised.value.errno == errno.ENOTCONN
    with pytest.raises(OSError) as raised:
        call(listener)  # which is closed now
    assert raised.value.errno == errno.EBADF


@pytest.mark.parametrize(
    ("terms", "error"),
    [
        ({"timeout": -1}, ValueError),
        ({"timeout": float("nan")}, ValueError),
        ({"timeout": NONE}, TypeError),
        ({"timeout": True}, TypeError),
        ({"idle": -0.1}, ValueError),
        ({"idle": TEXT}, TypeError),
        ({"drain_limit": -1}, ValueError),
        ({"drain_limit": 1.5}, TypeError),
        ({"half_close": 1}, TypeError),
        ({"on_timeout": "forget"}, ValueError),
    ],
)
def test_wrong_terms_raise_and_leave_the_socket_alone(
    terms: dict[str, Any], error: type[Exception]
) -> None:
    ours, theirs = connection()
    with ours, theirs:
        with pytest.raises(error):
            close(ours, **terms)
        with pytest.raises(error):
            closing(ours, **terms)
        ours.sendall(b"alive")
        assert theirs.recv(5) == b"alive"


def test_a_second_close_is_a_mistake() -> None:
    with Peer(reads_all) as peer:
        close(peer.ours)
        with pytest.raises(OSError) as raised:
            close(peer.ours)
    assert raised.value.errno == errno.EBADF


def test_makefile_does_not_keep_the_connection_open() -> None:
    with Peer(reads_all) as peer:
        file = peer.ours.makefile("rb")
        assert close(peer.ours).kind is Kind.CONFIRMED
        assert peer.ours.fileno() == -1
        file.close()


def test_a_forked_childs_descriptor_does_not_delay_the_end() -> None:
    with Peer(reads_all) as peer:
        copy = os.dup(peer.ours.fileno())
        try:
            assert close(peer.ours, timeout=PATIENCE).kind is Kind.CONFIRMED
        finally:
            os.close(copy)


def test_linger_does_not_make_it_wait_and_zero_does_not_make_it_reset() -> None:
    for seconds in (0, 30):
        with Peer(never_closes) as peer:
            linger(peer.ours, seconds)
            peer.ours.sendall(b"x" * 1000)
            ending = close(peer.ours, timeout=PATIENCE, idle=0.05, on_timeout="leave")
            assert ending.kind is Kind.OPEN
            assert ending.elapsed < PATIENCE
        assert (peer.received, peer.eof, peer.error) == (1000, True, None)


def test_a_connection_that_was_reset_before_is_no_mistake() -> None:
    ours, theirs = connection()
    linger(theirs, 0)
    theirs.close()
    ending = close(ours)
    assert (ending.kind, ending.errno, ending.state) == (Kind.RESET, errno.ECONNRESET, "CLOSE")


def test_a_reset_that_the_program_was_told_of_is_still_a_reset() -> None:
    ours, theirs = connection()
    linger(theirs, 0)
    theirs.close()
    with pytest.raises(ConnectionResetError):
        ours.recv(1)
    ending = close(ours)
    assert (ending.kind, ending.errno, ending.delivered) == (Kind.RESET, None, None)


def test_ends_that_cross_confirm_nothing() -> None:
    ours, theirs = connection(receive_buffer=4096)
    ours.sendall(bytes(12_000))  # so that our FIN waits behind what the peer has not read
    theirs.shutdown(socket.SHUT_WR)
    reader = threading.Thread(target=lambda: [None for _ in iter(lambda: theirs.recv(4096), b"")])
    reader.start()
    ending = close(ours, timeout=PATIENCE)
    reader.join()
    theirs.close()
    assert (ending.kind, ending.peer_closed_first) == (Kind.ACKED, True)


def test_an_end_between_two_looks_is_no_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    """The peer acknowledges and closes after the send queue was looked at, before the state is."""

    def reads_when_released(peer: Peer) -> None:
        peer.ended.wait(PATIENCE)
        reads_all(peer)
        peer.ready.set()

    with Peer(reads_when_released, receive_buffer=4096) as peer:
        peer.ours.sendall(bytes(12_000))

        def then_everything_ends(sock: Socketlike) -> int | None:
            queue = in_flight(sock)
            if queue and not peer.ended.is_set():
                peer.ended.set()
                peer.ready.wait(PATIENCE)
                assert tcp_state(sock) == "CLOSE"
            return queue

        monkeypatch.setattr("lastack.ending.parting.in_flight", then_everything_ends)
        ending = close(peer.ours, timeout=PATIENCE)
    assert peer.received == 12_000
    assert (ending.kind, ending.delivered, ending.state) == (Kind.CONFIRMED, True, "CLOSE")


def test_reading_shut_down_before_is_not_taken_for_the_peers_end() -> None:
    ours, theirs = connection()
    with theirs:
        ours.shutdown(socket.SHUT_RD)
        assert close(ours, timeout=PATIENCE, idle=0.05).kind is Kind.OPEN


def test_a_fin_sent_before_is_not_counted_as_a_byte() -> None:
    with Peer(never_reads, receive_buffer=4096) as peer:
        peer.ours.sendall(bytes(12_000))
        peer.ours.shutdown(socket.SHUT_WR)
        waiting = unacked(peer.ours)
        ending = close(peer.ours, timeout=0)
    assert (ending.kind, ending.unacked) == (Kind.TIMED_OUT, waiting)


def test_ended_before_by_the_program_itself_claims_nothing() -> None:
    ours, theirs = connection()
    ours.shutdown(socket.SHUT_WR)
    assert theirs.recv(1) == b""
    theirs.close()
    assert ours.recv(1) == b""
    ending = close(ours)
    assert (ending.kind, ending.delivered, ending.unacked) == (Kind.RESET, None, 0)
    assert "before this call" in ending.reason


def test_abort_resets_and_counts_what_it_throws_away() -> None:
    with Peer(never_reads, receive_buffer=4096) as peer:
        peer.ours.sendall(bytes(12_000))
        ending = abort(peer.ours)
    assert (ending.kind, ending.delivered, ending.state) == (Kind.ABORTED, False, "ESTAB")
    assert ending.unacked is not None
    assert ending.unsent is not None
    # What was under way without an acknowledgment may have been read.
    assert 12_000 - ending.unacked <= peer.received <= 12_000 - ending.unsent
    assert peer.error is not None
    assert peer.error.errno == errno.ECONNRESET


def test_abort_of_what_is_gone_says_reset() -> None:
    ours, theirs = connection()
    linger(theirs, 0)
    theirs.close()
    assert abort(ours).kind is Kind.RESET


def test_closing_closes_and_tells() -> None:
    with Peer(reads_all) as peer:
        end = closing(peer.ours, timeout=PATIENCE)
        with end as sock:
            assert sock is peer.ours
            sock.sendall(b"x" * 1000)
        assert end.ending is not None
        assert end.ending.check().kind is Kind.CONFIRMED
    assert (peer.received, peer.eof) == (1000, True)


def test_closing_resets_on_an_exception_and_lets_it_pass() -> None:
    with Peer(never_closes) as peer:
        end = closing(peer.ours)
        with pytest.raises(ZeroDivisionError), end:
            raise ZeroDivisionError
        assert end.ending is not None
        assert end.ending.kind is Kind.ABORTED
    assert peer.error is not None
    assert peer.error.errno == errno.ECONNRESET


def test_closing_leaves_a_closed_socket_alone_and_hides_no_error() -> None:
    ours, theirs = connection()
    with theirs, closing(ours):
        ours.close()
    with pytest.raises(ZeroDivisionError), closing(socket.socket()) as fresh:
        raise ZeroDivisionError
    assert fresh.fileno() == -1
