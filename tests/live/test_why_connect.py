"""Why connect() fails: each answer made for real in a private namespace."""

from __future__ import annotations

import errno
import json
import os
import socket
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
from click.testing import CliRunner

from lastack.cli.why import why
from lastack.live import ConnectCause, say_connect, sockets, why_connect

from .lab import NOBODY, Stage, eventually, private, private_as_nobody, row
from .situations import full_accept_queue, ip, other_host, port_range, run_as, tuple_towards

HOME = socket.inet_aton("127.0.0.1")
TARGET = (HOME, 8080)
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schema" / "why.json").read_text())
MS = 1_000_000
BOTH_WAYS = pytest.mark.parametrize("probe", [True, False], ids=["probe", "no-probe"])


def text(*words: str) -> str:
    return CliRunner().invoke(why, words, standalone_mode=False, catch_exceptions=False).output


def told(*words: str) -> dict[str, Any]:
    data = json.loads(text(*words, "--json"))
    jsonschema.validate(data, SCHEMA)
    assert isinstance(data, dict)
    return data


@private
@BOTH_WAYS
def test_nothing_is_in_the_way(stage: Stage, probe: bool) -> None:
    listener = stage.listener(8080)
    found = why_connect(TARGET, probe=probe)
    assert (found.cause, found.attempt.error, found.source) == (ConnectCause.CONNECTED, 0, HOME)
    listener.setblocking(False)
    if probe:
        # the trial was a connection without a byte
        with listener.accept()[0] as accepted:
            assert accepted.recv(1) == b""
    else:
        with pytest.raises(BlockingIOError):
            listener.accept()


@private
@BOTH_WAYS
def test_refused_because_nobody_listens(probe: bool) -> None:
    found = why_connect(TARGET, probe=probe)
    assert (found.cause, found.attempt.error) == (ConnectCause.REFUSED, errno.ECONNREFUSED)
    assert "nobody listens on that port of this host" in say_connect(found).verdict


@private
@BOTH_WAYS
def test_refused_because_the_server_listens_elsewhere(stage: Stage, probe: bool) -> None:
    stage.listener(8080, host="127.0.0.9")
    found = why_connect(TARGET, probe=probe)
    assert found.cause is ConnectCause.REFUSED
    assert f"[{os.getpid()}] listens on 127.0.0.9:8080 alone" in say_connect(found).verdict


@private
def test_refused_by_another_host() -> None:
    with other_host("10.7.0.1/24", "10.7.0.2/24"):
        found = why_connect((socket.inet_aton("10.7.0.2"), 8080))
        untried = why_connect((socket.inet_aton("10.7.0.2"), 8080), probe=False)
    assert (found.cause, found.remote_is_ours) == (ConnectCause.REFUSED, False)
    said = say_connect(found)
    assert "the SYN was answered with an RST (ECONNREFUSED)" in said.verdict
    assert "Look there: lastack why 10.7.0.2:8080" in said.advice[0]
    assert untried.cause is ConnectCause.UNTRIED


@private
@BOTH_WAYS
def test_forbidden_by_a_route(probe: bool) -> None:
    ip("route add prohibit 10.8.0.0/16")
    found = why_connect((socket.inet_aton("10.8.0.1"), 80), probe=probe)
    assert (found.cause, found.attempt.error) == (ConnectCause.PROHIBITED, errno.EACCES)
    assert "this host's own rules refuse (EACCES)" in say_connect(found).verdict


@private
@BOTH_WAYS
def test_no_route(probe: bool) -> None:
    found = why_connect((socket.inet_aton("10.9.0.1"), 80), probe=probe)
    assert (found.cause, found.attempt.error) == (ConnectCause.UNREACHABLE, errno.ENETUNREACH)
    assert "no route leads there" in say_connect(found).verdict
    assert found.source is None


@private
@BOTH_WAYS
def test_no_host(probe: bool) -> None:
    ip("route add unreachable 10.9.0.0/16")
    found = why_connect((socket.inet_aton("10.9.0.1"), 80), probe=probe)
    assert (found.cause, found.attempt.error) == (ConnectCause.UNREACHABLE, errno.EHOSTUNREACH)
    assert "no host answers there" in say_connect(found).verdict


@private
def test_no_answer(stage: Stage) -> None:
    stage.connecting()  # makes the interface behind which nobody is
    found = why_connect((socket.inet_aton("10.7.0.2"), 443), timeout=100 * MS)
    assert (found.cause, found.attempt.error) == (ConnectCause.TIMED_OUT, errno.ETIMEDOUT)
    assert found.source == socket.inet_aton("10.7.0.1")
    assert "stays without a reply (ETIMEDOUT)" in say_connect(found).verdict
    untried = why_connect((socket.inet_aton("10.7.0.2"), 443), probe=False)
    assert untried.cause is ConnectCause.UNTRIED
    assert "only a trial tells the rest" in say_connect(untried).verdict


@private
@BOTH_WAYS
def test_the_accept_queue_is_full(stage: Stage, probe: bool) -> None:
    full_accept_queue(stage, 8080)
    found = why_connect(TARGET, probe=probe, timeout=100 * MS)
    assert found.cause is ConnectCause.QUEUE_FULL
    said = say_connect(found)
    assert f"[{os.getpid()}] is full (1 waiting, limit 0)" in said.verdict
    assert "accept()" in said.advice[0]


@private
@BOTH_WAYS
def test_ports_exhausted_towards_one_destination(stage: Stage, probe: bool) -> None:
    stage.listener(8081)
    with port_range(40000, 40003):
        tuple_towards(stage, stage.listener(8080), 4)
        found = why_connect(TARGET, probe=probe)
        assert (found.cause, found.attempt.error) == (
            ConnectCause.PORTS_EXHAUSTED, errno.EADDRNOTAVAIL,
        )  # fmt: skip
        assert (found.used, found.settings.total) == (4, 4)
        assert "4 of 4 automatic ports are taken towards it" in say_connect(found).verdict
        # towards another port all of them are free
        assert why_connect((HOME, 8081), probe=probe).cause is ConnectCause.CONNECTED


@private
def test_ports_exhausted_for_every_destination_by_bind(stage: Stage) -> None:
    stage.listener(8081)
    with port_range(40000, 40003):
        tuple_towards(stage, stage.listener(8080), 4)
        found = why_connect((HOME, 8081), (HOME, 0))
    assert (found.cause, found.attempt.in_bind) == (ConnectCause.PORTS_EXHAUSTED, True)
    assert "IP_BIND_ADDRESS_NO_PORT" in say_connect(found).advice[0]


@private
def test_the_local_address_is_of_another_host(stage: Stage) -> None:
    stage.listener(8080)
    found = why_connect(TARGET, (socket.inet_aton("10.9.0.1"), 0))
    assert (found.cause, found.attempt.in_bind) == (ConnectCause.LOCAL_REFUSED, True)
    assert "is none of this host's" in say_connect(found).verdict


@private
def test_the_local_port_is_taken(stage: Stage) -> None:
    stage.listener(8080)
    stage.bound(7070)
    data = told("127.0.0.1:7070-127.0.0.1:8080")
    assert (data["cause"], data["error"]) == ("local-refused", "EADDRINUSE")
    assert data["bind"]["cause"] == "bound"
    assert "127.0.0.1:7070 is taken" in data["verdict"]


@private
def test_the_connection_exists_already(stage: Stage) -> None:
    client, _ = stage.pair(stage.listener(8080))
    pair = f"127.0.0.1:{client.getsockname()[1]}-127.0.0.1:8080"
    data = told(pair)
    assert (data["cause"], data["probed"]) == ("exists", False)
    assert "exists already: ESTABLISHED of " in data["verdict"]
    assert f"[{os.getpid()}]" in data["verdict"]
    assert [held["outgoing"] for held in data["holders"]] == [True]


@private
def test_the_connection_is_in_time_wait(stage: Stage) -> None:
    listener = stage.listener(8080)
    client, server = stage.pair(listener)
    port = client.getsockname()[1]
    client.close()
    eventually(lambda: sockets("state close-wait"))
    server.close()
    eventually(lambda: sockets("state time-wait"))
    data = told(f"127.0.0.1:{port}-127.0.0.1:8080")
    assert data["cause"] == "exists"
    assert "exists already: TIME-WAIT of the kernel alone" in data["verdict"]


@private
def test_the_connection_is_being_made(stage: Stage) -> None:
    stage.connecting()
    local = row("state syn-sent").local[1]
    data = told(f"10.7.0.1:{local}-10.7.0.2:80")
    assert data["cause"] == "exists"
    assert "is being made: SYN-SENT" in data["verdict"]


@private
def test_two_syns_of_one_socket_are_no_server() -> None:
    with port_range(8080, 8080):
        # connect() from the very port it goes to meets itself
        found = why_connect(TARGET)
    assert found.cause is ConnectCause.REFUSED


@private
def test_a_name_is_looked_up_for_connect(stage: Stage) -> None:
    stage.listener(8080)
    assert told("--connect", "localhost:8080")["cause"] == "connected"
    assert told("--connect", "127.0.0.1:8081")["error"] == "ECONNREFUSED"
    stage.listener(8082, host="::1")
    assert told("--connect", "[::1]:8082")["remote"] == "[::1]:8082"


@private_as_nobody
def test_anybody_may_ask(stage: Stage) -> None:
    stage.listener(8080)
    assert told("--connect", "127.0.0.1:8080")["cause"] == "connected"
    assert told("--connect", "127.0.0.1:81")["cause"] == "refused"


@private
def test_a_full_queue_of_another_user(stage: Stage) -> None:
    full_accept_queue(stage, 8080)
    words = ("--connect", "127.0.0.1:8080", "--timeout", "100ms", "--json")
    status, out, _ = run_as(NOBODY, "lastack.cli.why", "why", words)
    assert (status, json.loads(out)["cause"]) == (0, "accept-queue-full")
    assert "a process of uid 0" in json.loads(out)["verdict"]


@private
@pytest.mark.parametrize(("words", "says"), [
    (("--connect", "127.0.0.1"), "ends in no port"),
    (("--connect", "127.0.0.1:0"), "is no HOST:PORT"),
    (("--connect", "::1:80"), "write [ADDRESS]:PORT"),
    (("--connect", "no such host:80"), "does not resolve"),
])  # fmt: skip
def test_a_wrong_destination_is_one_line(words: tuple[str, ...], says: str) -> None:
    with pytest.raises(click.ClickException) as caught:
        text(*words)
    assert says in caught.value.format_message()
    assert "\n" not in caught.value.format_message()


@private
def test_the_text_fits_80_columns(stage: Stage) -> None:
    full_accept_queue(stage, 8080)
    stage.bound(7070)
    for words in (("--connect", "127.0.0.1:8080", "--timeout", "50ms"),
                  ("--connect", "10.9.9.9:1"), ("--connect", "127.0.0.1:9"),
                  ("127.0.0.1:7070-127.0.0.1:8080",), ("127.0.0.1-127.0.0.1:9",),
                  ("[::1]-[::1]:9",)):  # fmt: skip
        lines = text(*words).splitlines()
        assert lines[0].startswith(("127.0.0.1:", "10.9.9.9:1 ", "[::1]:* - [::1]:9 "))
        assert not [line for line in lines if len(line) > 80]
