"""Repairs from outside: what they do to real sockets, to their owners, and to nobody else."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
from click.testing import CliRunner

from lastack.cli.fix import fix
from lastack.live import Killed, Reach, kill_all, parse_filter, reuse_plan, reuse_set, sockets
from lastack.live import victims as victims_of

from .lab import NOBODY, Stage, eventually, private, private_as_nobody, row
from .situations import Server, can_bind, run_as

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schema" / "fix.json").read_text())
YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")


def call(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(fix, words, standalone_mode=False, catch_exceptions=False)
    return result.return_value, result.output


def told(*words: str) -> dict[str, Any]:
    data = json.loads(call(*words, "--json")[1])
    jsonschema.validate(data, SCHEMA)
    assert isinstance(data, dict)
    return data


def refused(*words: str) -> str:
    with pytest.raises(click.ClickException) as caught:
        call(*words)
    line = caught.value.format_message()
    assert "\n" not in line
    return line


def outcome(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except OSError as error:
        return errno.errorcode[error.errno or 0]


# --- kill


@private
@pytest.mark.parametrize("state", ["time-wait", "fin-wait-2"])
def test_kill_frees_the_port_of_a_dead_server(stage: Stage, state: str) -> None:
    client, _ = stage.server_side(state, 8080, reuse=False)
    data = told("kill", f"state {state} sport = :8080")
    assert [(one["result"], one["safe"]) for one in data["sockets"]] == [("would", True)]
    assert not can_bind(8080, reuse=True)
    assert told("kill", f"state {state} sport = :8080", "--yes")["sockets"][0]["result"] == (
        "destroyed"
    )
    assert can_bind(8080, reuse=False)
    if client.fileno() >= 0:
        assert outcome(lambda: client.recv(1)) == b""  # the FIN that had come, and no RST


@private
def test_kill_shows_and_does_nothing_without_yes(stage: Stage) -> None:
    stage.server_side("established", 8080)
    status, text = call("kill", "sport = :8080")
    assert status == 0
    assert "Nothing was done." in text
    assert "an RST: ECONNRESET" in text
    assert row("sport = :8080").state.value == "ESTABLISHED"


@private
def test_what_kill_foretells_of_an_established_connection_comes_true(stage: Stage) -> None:
    client, server = stage.server_side("established", 8080)
    client.sendall(b"hello")
    server.sendall(b"answer")
    eventually(lambda: row("sport = :8080").recv_queue == 5)
    one = told("kill", "sport = :8080", "--yes")["sockets"][0]
    assert (one["unread"], one["bytes_lost"], one["safe"]) == (5, 0, False)
    assert one["owner_sees"] == (
        "recv() the 5 unread bytes, then ECONNABORTED once, then recv() end of file, send() EPIPE"
    )
    assert one["peer_sees"] == "an RST: ECONNRESET after what it has received"
    assert outcome(lambda: server.recv(9)) == b"hello"
    assert outcome(lambda: server.recv(9)) == "ECONNABORTED"
    assert outcome(lambda: server.recv(9)) == b""
    assert outcome(lambda: server.send(b"x")) == "EPIPE"
    assert outcome(lambda: client.recv(9)) == b"answer"
    assert outcome(lambda: client.recv(9)) == "ECONNRESET"


@private
def test_what_kill_foretells_of_close_wait_comes_true(stage: Stage) -> None:
    client, server = stage.server_side("established", 8080)
    client.sendall(b"bye")
    client.shutdown(socket.SHUT_WR)
    eventually(lambda: sockets("state close-wait sport = :8080"))
    one = told("kill", "sport = :8080", "--yes")["sockets"][0]
    assert one["unread"] == 3
    assert one["owner_sees"] == (
        "recv() the 3 unread bytes, then end of file as before; send() ECONNABORTED, then EPIPE"
    )
    assert [outcome(lambda: server.recv(9)) for _ in range(2)] == [b"bye", b""]
    assert [outcome(lambda: server.send(b"x")) for _ in range(2)] == ["ECONNABORTED", "EPIPE"]
    assert outcome(lambda: client.recv(9)) == "ECONNRESET"


@private
def test_kill_tells_which_bytes_are_lost(stage: Stage) -> None:
    client, _ = stage.server_side("fin-wait-1", 8080)
    queued = eventually(lambda: _settled("sport = :8080"))
    status, text = call("kill", "sport = :8080", "--yes")
    assert status == 0
    lost = queued - 1  # the FIN
    assert text.startswith(f"destroyed 1 of 1 socket; {lost:,} unacknowledged bytes lost")
    received = 0
    while isinstance(part := outcome(lambda: client.recv(1 << 20)), bytes) and part:
        received += len(part)
    assert part == "ECONNRESET"
    assert received > 0


def _settled(filter: str) -> int:
    """The send queue once the peer's window is shut: its socket has the timer for that."""
    found = row(filter)
    return found.send_queue if found.timer == "persist" else 0


@private
def test_kill_of_last_ack_sends_nothing(stage: Stage) -> None:
    client, _ = stage.server_side("last-ack", 8080)
    eventually(lambda: _settled("sport = :8080"))
    one = told("kill", "sport = :8080", "--yes")["sockets"][0]
    assert one["peer_sees"] == "nothing now; its next segment is answered with an RST"
    assert row("dport = :8080").state.value == "FIN-WAIT-2"
    # reading opens the peer's window, and telling so is that next segment
    while isinstance(part := outcome(lambda: client.recv(1 << 20)), bytes):
        assert part
    assert part == "ECONNRESET"


@private
def test_kill_of_an_unaccepted_connection_leaves_it_to_accept(stage: Stage) -> None:
    listener = stage.listener(8080)
    stage.client(listener)
    one = told("kill", "state established sport = :8080", "--yes")["sockets"][0]
    assert one["owner_sees"] == "accept() still returns it; its calls then fail"
    accepted = stage.keep(listener.accept()[0])
    assert outcome(lambda: accepted.recv(1)) == "ECONNABORTED"


@private
def test_kill_of_a_connection_that_is_being_made(stage: Stage) -> None:
    client = stage.connecting()
    assert told("kill", "state syn-sent", "--yes")["sockets"][0]["owner_sees"] == (
        "ECONNABORTED once, then recv() end of file, send() EPIPE"
    )
    assert [outcome(lambda: client.recv(1)), outcome(lambda: client.send(b"x"))] == [
        "ECONNABORTED", "EPIPE",
    ]  # fmt: skip


@private
def test_more_than_one_needs_all(stage: Stage) -> None:
    stage.server_side("time-wait", 8080)
    stage.server_side("time-wait", 8081)
    assert "Add --yes --all" in call("kill", "state time-wait")[1]
    assert refused("kill", "state time-wait", "--yes") == (
        "the filter keeps 2 sockets: add --all, or narrow"
    )
    assert len(sockets("state time-wait")) == 2
    data = told("kill", "state time-wait", "--yes", "--all")
    assert [one["result"] for one in data["sockets"]] == ["destroyed", "destroyed"]
    assert sockets("state time-wait") == []


@private
def test_both_ends_of_one_connection(stage: Stage) -> None:
    stage.server_side("established", 8080)
    status, text = call("kill", "sport = :8080 or dport = :8080", "--yes", "--all")
    assert status == 0
    assert "destroyed 1 of 2 sockets" in text
    assert "1 socket had ended before" in " ".join(text.split())
    assert sockets("") == []


@private
@pytest.mark.parametrize("filter", ["", "state all", "  "])
def test_kill_refuses_an_empty_filter(stage: Stage, filter: str) -> None:
    stage.server_side("time-wait", 8080)
    assert "every socket of this machine" in refused("kill", filter, "--yes", "--all")
    assert sockets("state time-wait")


@private
def test_kill_refuses_a_listener_and_all_with_it(stage: Stage) -> None:
    listener = stage.listener(8080)
    stage.pair(listener)
    line = refused("kill", "sport = :8080", "--yes", "--all")
    assert f"[{os.getpid()}], or add: exclude listening" in line
    assert len(sockets("sport = :8080")) == 2
    assert told("kill", "exclude listening sport = :8080", "--yes")["sockets"][0]["result"] == (
        "destroyed"
    )
    assert [one.state.value for one in sockets("sport = :8080")] == ["LISTEN"]


@private
def test_kill_refuses_a_socket_that_is_only_bound(stage: Stage) -> None:
    stage.bound(8080)
    assert "exclude closed" in refused("kill", "sport = :8080", "--yes")


@private
@pytest.mark.parametrize(("words", "says"), [
    (("kill", "sport = :1"), "no socket is kept by the filter 'sport = :1'"),
    (("kill", "sport"), "filter: an operator behind 'sport' is missing"),
    (("kill",), "Missing argument"),
    (("reuse", "1"), "no TCP socket here has the port 1"),
    (("reuse", "0"), "0 is not in the range"),
    (("reuse", "70000"), "70000 is not in the range"),
    (("fin", "--pid", "4194305", "--fd", "3"), "there is no process 4194305"),
    (("fin", "--pid", str(os.getpid()), "--fd", "99999"), "has no descriptor 99999"),
])  # fmt: skip
def test_what_is_not_there_is_one_line(words: tuple[str, ...], says: str) -> None:
    assert says in refused(*words)


@private_as_nobody
def test_kill_needs_root(stage: Stage) -> None:
    stage.server_side("time-wait", 8080)
    assert "would destroy 1 socket" in call("kill", "state time-wait")[1]
    assert "CAP_NET_ADMIN" in refused("kill", "state time-wait", "--yes")
    assert sockets("state time-wait")


@private
def test_a_newer_socket_with_the_same_addresses_is_not_touched(stage: Stage) -> None:
    listener = stage.listener(8080)
    client = stage.bound(7070, reuse=True)
    client.connect(("127.0.0.1", 8080))
    plan = victims_of(parse_filter("sport = :7070"))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    again = stage.bound(7070, reuse=True)
    again.connect(("127.0.0.1", 8080))
    assert row("sport = :7070").local == plan[0].row.local
    assert kill_all(plan) == [Killed(plan[0], gone=True)]
    assert row("sport = :7070").state.value == "ESTABLISHED"
    listener.close()


# --- reuse


@private
def test_a_server_prepared_from_outside_restarts_at_once() -> None:
    with Server(8080) as server:
        data = told("reuse", "8080")
        assert {one["result"] for one in data["sockets"]} == {"can-be-set"}
        assert told("reuse", "8080", "--yes")["done"] is True
        assert {one["result"] for one in told("reuse", "8080")["sockets"]} == {"has-it"}
        server.do("close first")
    assert [one.state.value for one in sockets("sport = :8080")] == ["TIME-WAIT"]
    assert can_bind(8080, reuse=True)


@private
def test_without_it_the_restart_fails() -> None:
    with Server(8080) as server:
        told("reuse", "8080")  # a dry run changes nothing
        server.do("close first")
    assert not can_bind(8080, reuse=True)
    status, text = call("reuse", "8080", "--yes")
    assert status == 0
    assert "SO_REUSEADDR set on 0 of 1 socket" in text
    assert "in TIME-WAIT or orphaned, cannot be helped" in " ".join(text.split())
    assert "stop the old server" not in text
    assert not can_bind(8080, reuse=True)


@private
def test_a_live_connection_lets_its_port_go() -> None:
    with Server(8080) as server:
        server.do("stop listening")
        assert not can_bind(8080, reuse=True)
        status, text = call("reuse", "8080", "--yes")
        assert (status, text.splitlines()[0]) == (
            0, "SO_REUSEADDR set on 1 of 1 socket with port 8080",
        )  # fmt: skip
        assert can_bind(8080, reuse=True)


@private
def test_a_descriptor_that_names_another_socket_meanwhile_is_left_alone(stage: Stage) -> None:
    listener = stage.listener(8080, reuse=False)
    plan = reuse_plan(8080)
    other = stage.bound(8081)
    os.dup2(other.fileno(), listener.fileno())
    assert [lent.reach for lent in reuse_set(plan)] == [Reach.NO_DESCRIPTOR]
    assert other.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 0


@private
def test_reuse_of_ones_own_program_needs_no_root() -> None:
    with Server(8080, user=NOBODY):
        _, out, err = run_as(NOBODY, "lastack.cli.fix", "reuse_", ("8080", "--yes", "--json"))
        results = {one["result"] for one in json.loads(out)["sockets"]}
        scope = int(YAMA.read_text()) if YAMA.exists() else 0
        assert results == ({"set"} if scope == 0 else {"refused"}), err
        if scope:
            assert f"kernel.yama.ptrace_scope={scope}" in out


@private
def test_reuse_of_another_users_program_is_refused_in_a_line() -> None:
    with Server(8080):
        _, out, _ = run_as(NOBODY, "lastack.cli.fix", "reuse_", ("8080", "--yes", "--json"))
        data = json.loads(out)
        jsonschema.validate(data, SCHEMA)
        assert {one["result"] for one in data["sockets"]} == {"refused"}
        assert "no process of uid 0 shows it to this user" in data["sockets"][0]["error"]


# --- fin


@private
def test_a_leaked_connection_gets_its_fin() -> None:
    with Server(8080) as server:
        server.do("peer closes")
        eventually(lambda: sockets("state close-wait sport = :8080"))
        words = ("fin", "--pid", str(server.pid), "--fd", str(server.accepted_fd))
        dry = told(*words)
        assert (dry["done"], dry["state"], dry["descriptor"]) == (False, "CLOSE-WAIT", "stays open")
        assert sockets("state close-wait sport = :8080")
        text = call(*words, "--yes")[1]
        assert text.splitlines()[0].endswith(f"[{server.pid}] fd {server.accepted_fd}")
        assert "The descriptor stays open" in text
        eventually(lambda: not sockets("exclude listening sport = :8080"))
        assert Path(f"/proc/{server.pid}/fd/{server.accepted_fd}").exists()
        assert server.do("send") == [str(errno.EPIPE)]


@private
def test_a_half_closed_peer_reads_end_of_file(stage: Stage) -> None:
    client, server = stage.server_side("close-wait", 8080)
    server.sendall(b"last words")
    call("fin", "--pid", str(os.getpid()), "--fd", str(server.fileno()), "--yes")
    assert [client.recv(99), client.recv(99)] == [b"last words", b""]


@private
def test_a_live_connection_gets_no_fin(stage: Stage) -> None:
    client, server = stage.server_side("established", 8080)
    line = refused("fin", "--pid", str(os.getpid()), "--fd", str(server.fileno()), "--yes")
    assert "is in ESTABLISHED, not in CLOSE-WAIT" in line
    server.sendall(b"still here")
    assert client.recv(99) == b"still here"


@private
def test_a_fin_for_what_is_no_connection(stage: Stage) -> None:
    pipe = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert "is no socket" in refused("fin", "--pid", str(pipe.pid), "--fd", "0", "--yes")
    finally:
        pipe.communicate(b"\n")
    one, other = socket.socketpair()
    stage.keep(one)
    stage.keep(other)
    words = ("fin", "--pid", str(os.getpid()), "--fd")
    assert "is no TCP socket" in refused(*words, str(one.fileno()))
    assert "a listener sends no FIN" in refused(*words, str(stage.listener(8080).fileno()))


@private
def test_a_fin_for_another_users_program_is_refused() -> None:
    with Server(8080) as server:
        server.do("peer closes")
        words = ("--pid", str(server.pid), "--fd", str(server.accepted_fd), "--yes")
        status, _, err = run_as(NOBODY, "lastack.cli.fix", "fin_", words)
        assert status == 1
        assert f"descriptors of process {server.pid}:" in err
        assert eventually(lambda: sockets("state close-wait sport = :8080"))


@private
def test_the_text_fits_80_columns(stage: Stage) -> None:
    stage.server_side("fin-wait-1", 8080)
    stage.server_side("established", 8081, reuse=False)
    _, leak = stage.server_side("close-wait", 8082)
    for words in (("kill", "sport = :8080"), ("kill", "exclude listening"), ("reuse", "8081"),
                  ("fin", "--pid", str(os.getpid()), "--fd", str(leak.fileno()))):  # fmt: skip
        assert not [line for line in call(*words)[1].splitlines() if len(line) > 80]
