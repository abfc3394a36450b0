"""Why bind() fails: each row of the decision table, made for real in a private namespace."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
from click.testing import CliRunner

from lastack.cli.why import why
from lastack.live import Cause, Probe, Why, decide, kill, say_bind, sockets, why_bind

from .lab import NOBODY, Stage, eventually, private, private_as_nobody, row
from .situations import (
    SYSCTL,
    Server,
    bind_refused,
    can_bind,
    end_of,
    full_accept_queue,
    outgoing,
    port_range,
    run_as,
    tuple_towards,
)

HOME = socket.inet_aton("127.0.0.1")
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schema" / "why.json").read_text())
S = 1_000_000_000
BOTH_WAYS = pytest.mark.parametrize("probe", [True, False], ids=["probe", "no-probe"])


def told(*words: str) -> dict[str, Any]:
    """The JSON object of the verb, which obeys its schema."""
    data = json.loads(text(*words, "--json"))
    jsonschema.validate(data, SCHEMA)
    assert isinstance(data, dict)
    return data


def text(*words: str) -> str:
    return CliRunner().invoke(why, words, standalone_mode=False, catch_exceptions=False).output


def answers(found: Why) -> tuple[int, int]:
    return found.probe.plain, found.probe.with_reuseaddr


IN_USE = errno.EADDRINUSE


@private
@pytest.mark.parametrize("words", [("8080",), ("8080", "--no-probe"), ("127.0.0.1:8080",)])
def test_a_port_that_nothing_holds(words: tuple[str, ...]) -> None:
    data = told(*words)
    assert (data["plain"], data["cause"], data["holders"]) == (None, "free", [])
    assert (data["clears_in"], data["kill_is_safe"]) == (0, None)
    assert text(*words).splitlines()[0].startswith(f"{data['address']}:8080 is free")


@private_as_nobody
@BOTH_WAYS
def test_a_privileged_port(probe: bool) -> None:
    found = why_bind(HOME, 80, probe=probe)
    assert (found.cause, found.probe.plain) == (Cause.PRIVILEGED, errno.EACCES)
    said = say_bind(found)
    assert "below port 1024 needs CAP_NET_BIND_SERVICE" in said.verdict
    assert "sysctl -w net.ipv4.ip_unprivileged_port_start=80" in said.advice[1]
    assert why_bind(HOME, 1024, probe=probe).cause is Cause.FREE


@private
def test_where_privilege_begins_is_the_machines_setting() -> None:
    (SYSCTL / "ip_unprivileged_port_start").write_text("2000")
    script = ("127.0.0.1:1999", "--json")
    status, out, _ = run_as(NOBODY, "lastack.cli.why", "why", script)
    assert (status, json.loads(out)["cause"]) == (0, "privileged")
    assert "below port 2000" in json.loads(out)["verdict"]


@private
@BOTH_WAYS
def test_an_address_of_another_host(probe: bool) -> None:
    found = why_bind(socket.inet_aton("10.99.0.1"), 8080, probe=probe)
    assert (found.cause, found.probe.plain) == (Cause.ADDRESS_NOT_OURS, errno.EADDRNOTAVAIL)
    assert "is none of this host's" in say_bind(found).verdict


@private
@BOTH_WAYS
@pytest.mark.parametrize("reuse", [False, True])
def test_a_listener(stage: Stage, probe: bool, reuse: bool) -> None:
    stage.listener(8080, reuse=reuse)
    found = why_bind(HOME, 8080, probe=probe)
    assert (found.cause, answers(found)) == (Cause.LISTENING, (IN_USE, IN_USE))
    assert (found.reuseaddr_helps, found.old_had_reuseaddr) == (False, reuse)
    assert (found.clears_in, found.kill_is_safe) == (None, False)
    assert f"[{os.getpid()}] listens on that port" in say_bind(found).verdict
    # another loopback address is no conflict
    assert why_bind(socket.inet_aton("127.0.0.2"), 8080, probe=probe).cause is Cause.FREE


@private
@BOTH_WAYS
def test_a_listener_with_reuseport_admits_another_of_the_same_user(
    stage: Stage, probe: bool
) -> None:
    sock = stage.keep(socket.socket())
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(("127.0.0.1", 8080))
    sock.listen()
    found = why_bind(HOME, 8080, probe=probe)
    assert (found.probe.with_reuseaddr, found.probe.with_reuseport) == (IN_USE, 0)
    assert "may listen beside it" in say_bind(found).advice[0]


@private
def test_a_listener_of_forked_children_names_them_all(stage: Stage) -> None:
    listener = stage.listener(8080)
    child = subprocess.Popen(["sleep", "60"], pass_fds=[listener.fileno()])
    try:
        data = eventually(lambda: _if_shared(told("127.0.0.1:8080")))
        assert data is not None
        assert {owner["pid"] for owner in data["holders"][0]["owners"]} == {os.getpid(), child.pid}
        assert f"sleep[{child.pid}]" in data["verdict"]
    finally:
        child.kill()
        child.wait()


def _if_shared(data: dict[str, Any]) -> dict[str, Any] | None:
    names = [owner["name"] for owner in data["holders"][0]["owners"]]
    return data if "sleep" in names else None


@private
@BOTH_WAYS
def test_a_dual_stack_listener_takes_ipv4_too(stage: Stage, probe: bool) -> None:
    stage.listener(8080, host="::")
    found = why_bind(HOME, 8080, probe=probe)
    assert (found.cause, answers(found)) == (Cause.DUAL_STACK, (IN_USE, IN_USE))
    said = say_bind(found)
    assert "[:::8080]" not in said.verdict
    assert "listens on [::]:8080, which takes IPv4 as well" in said.verdict
    assert "IPV6_V6ONLY" in said.advice[0]


@private
@BOTH_WAYS
def test_a_new_dual_stack_socket_meets_an_ipv4_listener(stage: Stage, probe: bool) -> None:
    stage.listener(8080)
    found = why_bind(bytes(16), 8080, probe=probe)
    assert found.cause is Cause.DUAL_STACK
    assert "Set IPV6_V6ONLY on the new socket" in say_bind(found).advice[0]


@private
def test_an_ipv6_listener_alone_is_in_the_way_of_the_second_wildcard(stage: Stage) -> None:
    sock = stage.keep(socket.socket(socket.AF_INET6))
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(("::", 8080))
    sock.listen()
    assert told("0.0.0.0:8080")["cause"] == "free"
    data = told("8080")
    assert (data["address"], data["cause"]) == ("::", "listening")


ENDED = pytest.mark.parametrize("state", ["time-wait", "fin-wait-2"])


@private
@ENDED
def test_what_is_left_of_a_server_that_had_reuseaddr(stage: Stage, state: str) -> None:
    stage.server_side(state, 8080, reuse=True)
    found = why_bind(HOME, 8080)
    assert (found.cause, answers(found)) == (Cause.TIME_WAIT, (IN_USE, 0))
    assert (found.reuseaddr_helps, found.old_had_reuseaddr) == (True, True)
    assert found.kill_is_safe is True
    said = say_bind(found)
    assert "can be bound now, with SO_REUSEADDR" in said.verdict
    assert "nothing has to be ended" in said.advice[0]
    assert can_bind(8080, reuse=True)


@private
@ENDED
def test_what_is_left_of_a_server_that_lacked_it(stage: Stage, state: str) -> None:
    stage.server_side(state, 8080, reuse=False)
    found = why_bind(HOME, 8080)
    assert (found.cause, answers(found)) == (Cause.TIME_WAIT, (IN_USE, IN_USE))
    assert (found.reuseaddr_helps, found.old_had_reuseaddr) == (False, False)
    assert found.clears_in is not None
    assert 0 < found.clears_in <= 60 * S
    assert found.kill_is_safe is True
    said = say_bind(found)
    assert "the old socket had no SO_REUSEADDR" in said.verdict
    assert f"lastack fix kill 'state {state} src 127.0.0.1:8080'" in said.advice[0]
    kill(row("sport = :8080"))
    assert why_bind(HOME, 8080).cause is Cause.FREE


@private
@ENDED
@pytest.mark.parametrize("reuse", [False, True])
def test_without_a_probe_nobody_knows_what_a_dead_socket_had(
    stage: Stage, state: str, reuse: bool
) -> None:
    stage.server_side(state, 8080, reuse=reuse)
    data = told("127.0.0.1:8080", "--no-probe")
    assert (data["plain"], data["with_reuseaddr"]) == ("EADDRINUSE", "unknown")
    assert (data["probed"], data["reuseaddr_helps"], data["old_had_reuseaddr"]) == (
        False, None, None,
    )  # fmt: skip
    assert "only a trial can tell" in data["advice"][0]


@private
def test_what_is_left_of_a_server_that_had_reuseport(stage: Stage) -> None:
    listener = stage.keep(socket.socket())
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", 8080))
    listener.listen()
    client, server = stage.pair(listener)
    listener.close()
    server.close()
    eventually(lambda: sockets("state fin-wait-2 sport = :8080"))
    client.close()
    eventually(lambda: sockets("state time-wait sport = :8080"))
    found = why_bind(HOME, 8080)
    assert (found.cause, answers(found), found.probe.with_reuseport) == (
        Cause.TIME_WAIT, (IN_USE, IN_USE), 0,
    )  # fmt: skip
    assert say_bind(found).advice[0].startswith("Set SO_REUSEPORT before bind()")


@private
def test_the_port_was_taken_by_an_outgoing_connection(stage: Stage) -> None:
    (SYSCTL / "ip_local_reserved_ports").write_text("5000-5002")
    outgoing(stage, 40001, state="established")
    found = why_bind(HOME, 40001)
    assert (found.cause, answers(found)) == (Cause.OUTGOING, (IN_USE, IN_USE))
    assert (found.old_had_reuseaddr, found.kill_is_safe, found.clears_in) == (False, False, None)
    said = say_bind(found)
    assert f"[{os.getpid()}]" in said.verdict
    # the setting replaces the list
    assert "ip_local_reserved_ports=5000-5002,40001" in said.advice[1]


@private
def test_the_port_is_in_time_wait_of_an_outgoing_connection(stage: Stage) -> None:
    with port_range(40001, 40001):
        outgoing(stage, 40001, state="time-wait")
        found = why_bind(HOME, 40001)
    assert (found.cause, answers(found)) == (Cause.OUTGOING, (IN_USE, IN_USE))
    assert found.kill_is_safe is True
    assert "Wait " in say_bind(found).advice[0]
    assert "ip_local_reserved_ports=40001" in say_bind(found).advice[1]


@private
@BOTH_WAYS
@pytest.mark.parametrize("state", ["established", "close-wait", "fin-wait-2 owned"])
def test_a_connection_that_a_worker_kept_with_reuseaddr(
    stage: Stage, state: str, probe: bool
) -> None:
    stage.server_side(state, 8080, reuse=True)
    found = why_bind(HOME, 8080, probe=probe)
    assert (found.cause, answers(found)) == (Cause.CONNECTED, (IN_USE, 0))
    assert (found.reuseaddr_helps, found.old_had_reuseaddr) == (True, True)
    assert (found.clears_in, found.kill_is_safe) == (None, False)


@private
@BOTH_WAYS
@pytest.mark.parametrize("state", ["established", "close-wait", "fin-wait-2 owned"])
def test_a_connection_that_a_worker_kept_without(stage: Stage, state: str, probe: bool) -> None:
    stage.server_side(state, 8080, reuse=False)
    found = why_bind(HOME, 8080, probe=probe)
    assert (found.cause, answers(found)) == (Cause.CONNECTED, (IN_USE, IN_USE))
    assert (found.reuseaddr_helps, found.old_had_reuseaddr) == (False, False)
    advice = " ".join(say_bind(found).advice)
    assert "lastack fix reuse 8080" in advice
    assert ("lastack fix fin" in advice) == (state == "close-wait")


@private
@pytest.mark.parametrize("state", ["fin-wait-1", "last-ack"])
@pytest.mark.parametrize("reuse", [False, True])
def test_a_closed_connection_that_still_delivers(stage: Stage, state: str, reuse: bool) -> None:
    stage.server_side(state, 8080, reuse=reuse)
    found = why_bind(HOME, 8080)
    assert (found.cause, found.reuseaddr_helps) == (Cause.ENDING, reuse)
    assert (found.clears_in, found.kill_is_safe) == (None, False)
    at_stake = found.holders[0].row.send_queue - 1
    assert at_stake > 100_000
    assert f"{at_stake:,} bytes" in say_bind(found).verdict


@private
@BOTH_WAYS
@pytest.mark.parametrize("reuse", [False, True])
def test_a_socket_that_only_has_the_port(stage: Stage, probe: bool, reuse: bool) -> None:
    stage.bound(8080, reuse=reuse)
    found = why_bind(HOME, 8080, probe=probe)
    assert (found.cause, found.reuseaddr_helps) == (Cause.BOUND, reuse)
    assert (found.clears_in, found.kill_is_safe) == (None, False)
    assert "netstat and lsof do not show its port" in " ".join(say_bind(found).advice)


@private
def test_nothing_to_be_seen_and_yet_refused() -> None:
    with bind_refused(errno.EADDRINUSE):
        found = why_bind(HOME, 8080)
    assert (found.cause, found.holders) == (Cause.UNSEEN, ())
    assert "no TCP socket of this network namespace has it" in say_bind(found).verdict


@private
def test_a_refusal_that_is_no_matter_of_ports() -> None:
    with bind_refused(errno.EPERM):
        found = why_bind(HOME, 8080)
    assert (found.cause, found.probe) == (Cause.OTHER, Probe(1, 1, 1))
    assert "EPERM" in say_bind(found).verdict


@private
def test_an_mptcp_listener_is_seen(stage: Stage) -> None:
    try:
        sock = stage.keep(socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262))
    except OSError:
        pytest.skip("this kernel has no MPTCP")
    sock.bind(("127.0.0.1", 8080))
    sock.listen()
    assert why_bind(HOME, 8080).cause is Cause.LISTENING


@private
def test_bind_to_any_port_when_all_are_taken(stage: Stage) -> None:
    with port_range(40000, 40003):
        assert why_bind(HOME, 0).cause is Cause.FREE
        tuple_towards(stage, stage.listener(9000), 4)
        found = why_bind(HOME, 0)
    assert (found.cause, found.probe.plain) == (Cause.PORTS_EXHAUSTED, IN_USE)
    said = say_bind(found)
    assert "(4 of 4, EADDRINUSE)" in said.verdict
    assert "IP_BIND_ADDRESS_NO_PORT" in said.advice[0]


@private
def test_a_connection_that_nobody_accepted_belongs_to_its_listener(stage: Stage) -> None:
    full_accept_queue(stage, 8080)
    data = told("127.0.0.1:8080")
    assert data["cause"] == "listening"
    assert [held["accept_queue"] for held in data["holders"]] == [False, True]


@private
def test_one_that_lacked_it_among_those_that_had_it(stage: Stage) -> None:
    stage.server_side("time-wait", 8080, reuse=True)
    assert why_bind(HOME, 8080).reuseaddr_helps is True
    late = stage.bound(8080, reuse=True)
    late.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    # it counts that the option is off now: whoever binds next is refused
    found = why_bind(HOME, 8080)
    assert found.reuseaddr_helps is can_bind(8080, reuse=True)


def agree(stage: Stage, option: int) -> None:
    port = 8100
    for state in ("established", "close-wait", "fin-wait-2", "time-wait", "last-ack", "bound"):
        for chosen in (0, 1):
            listener = stage.keep(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, option, chosen)
            listener.bind(("127.0.0.1", port))
            if state != "bound":
                end_of(stage, listener, state)
            for address in (HOME, bytes(4), bytes(16), socket.inet_aton("127.0.0.2")):
                foretold, tried = why_bind(address, port, probe=False), why_bind(address, port)
                assert foretold.probe.plain == tried.probe.plain
                assert foretold.probe.with_reuseaddr in (-1, tried.probe.with_reuseaddr)
                assert foretold.probe.with_reuseport in (-1, tried.probe.with_reuseport)
            port += 1


OPTIONS = pytest.mark.parametrize("option", [socket.SO_REUSEADDR, socket.SO_REUSEPORT])


@private
@OPTIONS
def test_the_kernel_agrees_with_every_forecast(stage: Stage, option: int) -> None:
    """Whatever is foretold for sure is what a trial says, in every state and with every option."""
    agree(stage, option)


@private_as_nobody
@OPTIONS
def test_and_so_for_everybody(stage: Stage, option: int) -> None:
    agree(stage, option)


def test_the_worst_of_several_is_named() -> None:
    assert decide(0, 80, (), HOME) is Cause.FREE
    assert decide(errno.EADDRINUSE, 80, (), HOME) is Cause.UNSEEN


@private
def test_a_program_of_another_user_is_explained_to_nobody() -> None:
    with Server(8080) as server:
        status, out, _ = run_as(NOBODY, "lastack.cli.why", "why", ("127.0.0.1:8080", "--json"))
        data = json.loads(out)
        jsonschema.validate(data, SCHEMA)
        assert (status, data["cause"]) == (0, "listening")
        assert data["holders"][0]["owner"] is None
        assert "a process of uid 0 that this user may not look into" in data["verdict"]
        assert why_bind(HOME, 8080).holders[0].owners[0].pid == server.pid


@private
def test_from_outside_of_the_namespace(stage: Stage) -> None:
    with Server(8080) as server:
        program = "from lastack.cli.why import why; why()"
        words = ("127.0.0.1:8080", "--pid", str(server.pid), "--json")
        out = subprocess.run(
            ["unshare", "--net", "--", sys.executable, "-c", program, *words],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert json.loads(out)["holders"][0]["owner"]["pid"] == server.pid


@private
@pytest.mark.parametrize(("words", "line"), [
    (("99999",), "'99999' ends in no port"),
    (("http",), "'http' ends in no port"),
    (("localhost:80",), "'localhost:80' has no address"),
    (("::1:80",), "'::1:80' has no address"),
    ((), "say one of"),
    (("80", "--connect", "h:1"), "say one of"),
    (("127.0.0.1-10.0.0.1",), "'127.0.0.1-10.0.0.1'"),
    (("127.0.0.1-[::1]:80",), "one address is IPv4"),
    (("80", "--pid", "4194305"), "there is no process 4194305"),
    (("80", "--netns", "nowhere"), "there is no network namespace"),
])  # fmt: skip
def test_a_wrong_question_is_one_line(words: tuple[str, ...], line: str) -> None:
    with pytest.raises(click.ClickException) as caught:
        text(*words)
    assert line in caught.value.format_message()
    assert "\n" not in caught.value.format_message()


@private
def test_the_text_fits_80_columns_and_begins_with_the_answer(stage: Stage) -> None:
    stage.server_side("time-wait", 8080, reuse=False)
    stage.server_side("established", 8081, reuse=False)
    outgoing(stage, 40001, state="established")
    stage.listener(8082, host="::")
    for words in (("8080",), ("8081",), ("8082",), ("40001",), ("8080", "--no-probe"),
                  ("10.9.9.9:1",), ("9999",), ("127.0.0.1:0",)):  # fmt: skip
        lines = text(*words).splitlines()
        assert lines[0].startswith(("0.0.0.0:", "127.0.0.1:*", "10.9.9.9:1"))
        assert not [line for line in lines if len(line) > 80]
    assert sockets("sport = :8080")
