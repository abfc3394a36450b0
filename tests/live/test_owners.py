"""Whose a socket is, what its owner's options are, and who may know."""

import os
import socket
import struct

import pytest

from lastack.live import SocketOptions, borrow, options, owners, sockets

from .lab import NOBODY, Stage, become, child, private, private_as_nobody, row


def listen() -> int:
    """Be a server: listens on port 8080 with SO_LINGER of 7 s; returns the descriptor."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 7))
    listener.bind(("127.0.0.1", 8080))
    listener.listen(4)
    return listener.detach()


@private
def test_the_owner_of_a_socket_and_all_who_share_it(stage: Stage) -> None:
    listener = stage.listener(8080)
    second = stage.keep(listener.dup())
    inode = row("").inode
    found = owners({inode})
    assert list(found) == [inode]
    assert {(o.pid, o.fd) for o in found[inode]} == {
        (os.getpid(), listener.fileno()), (os.getpid(), second.fileno()),
    }  # fmt: skip
    assert {o.name for o in found[inode]} <= {"python", "python3", "pytest"}
    assert owners(set()) == {}


@private
def test_a_time_wait_and_a_connection_not_accepted_have_none(stage: Stage) -> None:
    listener = stage.listener(8080)
    stage.client(listener)
    stage.server_side("time-wait", 8081)
    everybody = owners()
    for found in sockets("state established sport = :8080") + sockets("state time-wait"):
        assert found.inode not in everybody


@private
def test_options_of_another_process(stage: Stage) -> None:
    with child(listen) as (pid, fd):
        inode = row("state listening").inode
        assert [(o.pid, o.fd) for o in owners()[inode]] == [(pid, fd)]
        with borrow(pid, fd) as borrowed:
            assert borrowed.getsockname() == ("127.0.0.1", 8080)
            assert options(borrowed) == SocketOptions(False, False, 7)
            # it is their socket, not a copy
            borrowed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with borrow(pid, fd) as borrowed:
            assert options(borrowed) == SocketOptions(True, False, 7)
        assert len(sockets("state listening")) == 1


@private_as_nobody
def test_an_ordinary_user_borrows_from_processes_of_the_same_user() -> None:
    with child(listen) as (pid, fd):
        scope = _yama()
        if scope in (0, 1):  # the server is our child
            with borrow(pid, fd) as borrowed:
                assert options(borrowed).linger == 7
        else:
            with pytest.raises(PermissionError, match=f"ptrace_scope={scope}"):
                borrow(pid, fd)
        assert owners()[row("").inode][0].pid == pid


@private
def test_an_ordinary_user_is_told_why_not(stage: Stage) -> None:
    with child(listen) as (pid, fd):
        inode = row("").inode
        become(NOBODY)
        everybody = owners()
        assert inode not in everybody
        assert everybody.hidden > 0
        with pytest.raises(PermissionError) as caught:
            borrow(pid, fd)
        told = caught.value.strerror or ""
        assert f"process {pid}" in told
        assert "root" in told
        assert ("yama" in told) == (_yama() > 0)


@private
def test_what_is_gone_or_no_socket_is_said(stage: Stage) -> None:
    with child(listen) as (pid, fd):
        with pytest.raises(ProcessLookupError, match="no descriptor 99"):
            borrow(pid, 99)
        with pytest.raises(ValueError, match="no socket"):
            borrow(pid, 0)
    with pytest.raises(ProcessLookupError, match=f"no process {pid}"):
        borrow(pid, fd)


@private
def test_a_process_that_has_ended_owns_nothing() -> None:
    with child(listen):
        inode = row("state listening").inode
        assert inode in owners()
    assert inode not in owners()


def _yama() -> int:
    try:
        with open("/proc/sys/kernel/yama/ptrace_scope", encoding="ascii") as file:
            return int(file.read())
    except FileNotFoundError:
        return 0
