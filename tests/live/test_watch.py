"""lastack watch: each ending is told with its bytes, and with root the reason of each RST."""

import encodings.idna  # noqa: F401 - for http.client, before nobody may read Python's own files
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from lastack.cli.watch import watch
from lastack.live import (
    REASONS,
    Ended,
    EndKind,
    FilterError,
    Metrics,
    Reset,
    ResetTrace,
    Watch,
    kill,
    parse_reset,
    serve,
    sockets,
)

from .lab import (
    Stage,
    child,
    enter_new_namespace,
    eventually,
    fill,
    private,
    private_as_nobody,
    reset,
)

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schema" / "watch.json").read_text())
SECOND = 1_000_000_000

ALONE = 8471
"""A port of no other test: a kernel traces the resets of every namespace."""


def endings(watching: Watch, number: int) -> list[Ended]:
    """The next endings, however many reads they take."""
    found: list[Ended] = []
    while len(found) < number:
        events = watching.read(5 * SECOND)
        assert events, f"only {found}"
        found += [event for event in events if isinstance(event, Ended)]
    return found


def of_port(found: list[Ended], port: int) -> Ended:
    """The ending on the side of this local port."""
    (one,) = [ended for ended in found if ended.local[1] == port]
    return one


# kinds


@private_as_nobody
def test_both_close(stage: Stage) -> None:
    client, server = stage.pair(stage.listener(8000))
    with Watch() as watching:
        client.send(bytes(500))
        server.send(bytes(700))
        eventually(lambda: len(client.recv(1000, socket.MSG_PEEK)) == 700)
        client.recv(1000)
        client.close()
        server.recv(1000)
        server.close()
        found = endings(watching, 2)
    second = of_port(found, 8000)
    (first,) = [ended for ended in found if ended is not second]
    assert (first.kind, second.kind) == (EndKind.CLOSED_FIRST, EndKind.CLOSED_SECOND)
    assert (first.acknowledged, first.lost) == (500, 0)
    assert (second.acknowledged, second.received, second.lost) == (700, 500, 0)
    assert (first.accepted, second.accepted) == (False, True)


@private_as_nobody
def test_a_close_with_unread_bytes_tells_both_queues(stage: Stage) -> None:
    client, server = stage.pair(stage.listener(8000))
    client.send(b"request")
    eventually(lambda: server.recv(7, socket.MSG_PEEK) == b"request")
    with Watch("sport = :8000") as watching:
        written = fill(server)
        server.close()
        (ended,) = endings(watching, 1)
    assert ended.kind is EndKind.CUT
    assert ended.unread == 7
    assert ended.unacknowledged is not None
    assert ended.acknowledged is not None
    assert ended.unacknowledged + ended.acknowledged == written
    assert ended.unsent is not None
    assert 0 < ended.unsent <= ended.unacknowledged


@private_as_nobody
def test_the_bytes_of_an_abort_are_unknown(stage: Stage) -> None:
    client, server = stage.pair(stage.listener(8000))
    with Watch("sport = :8000") as watching:
        fill(server)
        reset(server)
        (ended,) = endings(watching, 1)
    assert ended.kind is EndKind.ABORTED
    assert (ended.unacknowledged, ended.unread, ended.received, ended.lost) == (None,) * 4
    assert ended.remote[1] == 0
    assert client.fileno() > 0


@private_as_nobody
def test_an_rst_that_came_is_told_at_close(stage: Stage) -> None:
    client, server = stage.pair(stage.listener(8000))
    with Watch("sport = :8000") as watching:
        written = fill(server)
        reset(client)
        eventually(lambda: not sockets("sport = :8000 dport != :0"))
        assert watching.read(0) == []
        server.close()
        (ended,) = endings(watching, 1)
    assert ended.kind is EndKind.CUT
    assert ended.acknowledged is not None
    assert ended.unacknowledged == written - ended.acknowledged


@private
def test_a_kill_is_told(stage: Stage) -> None:
    _, server = stage.pair(stage.listener(8000))
    with Watch("sport = :8000") as watching:
        written = fill(server)
        (row,) = sockets("state connected sport = :8000")
        kill(row)
        server.close()
        (ended,) = endings(watching, 1)
    assert ended.kind is EndKind.CUT
    assert ended.acknowledged is not None
    assert ended.unacknowledged == written - ended.acknowledged


@private_as_nobody
def test_a_refused_connect_lost_nothing(stage: Stage) -> None:
    with Watch() as watching:
        sock = socket.socket()
        assert sock.connect_ex(("127.0.0.1", 1)) != 0
        sock.close()
        (ended,) = endings(watching, 1)
    assert (ended.kind, ended.lost) == (EndKind.NEVER_CONNECTED, 0)


@private_as_nobody
def test_a_listener_and_a_bound_socket_are_no_endings(stage: Stage) -> None:
    with Watch() as watching:
        stage.listener(8000).close()
        stage.bound(8001).close()
        assert watching.read(SECOND // 5) == []


@private
def test_a_give_up_leaves_its_tries(stage: Stage) -> None:
    """The peer's answers are dropped: LAST-ACK and FIN-WAIT-1 alike end by the kernel's count."""
    Path("/proc/sys/net/ipv4/tcp_orphan_retries").write_text("1")
    _, server = stage.pair(stage.listener(ALONE))
    with Watch(f"sport = :{ALONE}", resets=True) as watching:
        # no address, no loopback: nothing arrives any more
        subprocess.run(["ip", "link", "set", "lo", "down"], check=True)
        server.send(bytes(1000))
        server.close()
        (ended,) = endings(watching, 1)
    assert ended.kind is EndKind.CUT
    assert ended.unacknowledged == 1001
    assert ended.why == "no RST was seen: the kernel gave up"


@private_as_nobody
def test_a_filter_sees_its_own_only(stage: Stage) -> None:
    one, other = stage.listener(8000), stage.listener(8001)
    with Watch("dport = :8001") as watching:
        for listener in (one, other):
            client, server = stage.pair(listener)
            client.close()
            server.close()
        (ended,) = endings(watching, 1)
        assert ended.remote[1] == 8001
        assert watching.read(SECOND // 10) == []


def test_a_filter_by_state_is_refused() -> None:
    with pytest.raises(FilterError, match="an end has no state"):
        Watch("state time-wait")


# why


@private
@pytest.mark.parametrize(
    ("make", "code"),
    [
        ("unread", "TCP_ABORT_ON_CLOSE"), ("abort", "TCP_STATE"),
        ("late", "TCP_TIMEWAIT_SOCKET"), ("listener", "TCP_STATE"),
    ],
)  # fmt: skip
def test_each_rst_has_its_reason(stage: Stage, make: str, code: str) -> None:
    listener = stage.listener(ALONE)
    client, server = stage.pair(listener)
    with Watch(f"sport = :{ALONE}", resets=True) as watching:
        if make == "unread":
            client.send(b"x")
            eventually(lambda: server.recv(1, socket.MSG_PEEK))
            server.close()
        elif make == "abort":
            reset(server)
        elif make == "late":
            server.close()
            eventually(lambda: sockets(f"state fin-wait-2 sport = :{ALONE}"))
            client.send(b"late")
        else:
            stage.client(listener)
            listener.close()
        sent = eventually(
            lambda: [
                event
                for event in watching.read(SECOND)
                if isinstance(event, Reset) and event.sent and event.local[1] == ALONE
            ]
        )
    assert (sent[0].code, sent[0].why) == (code, REASONS[code])


@private
def test_an_ending_knows_its_rst(stage: Stage) -> None:
    client, server = stage.pair(stage.listener(ALONE))
    port = client.getsockname()[1]
    with Watch(f"sport = :{ALONE}", resets=True) as watching:
        reset(server)
        (ended,) = endings(watching, 1)
    assert ended.kind is EndKind.ABORTED
    # the kernel erased the peer's port, the trace has it
    assert ended.remote[1] == port
    assert ended.why.startswith("sent an RST: this side aborted")


@private_as_nobody
def test_the_reasons_need_root() -> None:
    with pytest.raises(PermissionError, match="root only"):
        Watch(resets=True)
    error = run("--why-rst").exception
    assert isinstance(error, click.ClickException)
    assert "root only" in error.format_message()


def instances() -> list[str]:
    """lastack's instances in tracefs, mounted for a moment where nobody else sees it."""
    command = "mount -t tracefs none /sys/kernel/tracing && ls /sys/kernel/tracing/instances"
    result = subprocess.run(
        ["unshare", "-m", "sh", "-c", command], check=True, capture_output=True, text=True
    )
    return [name for name in result.stdout.split() if name.startswith("lastack-")]


@private
def test_the_instance_is_removed() -> None:
    mine = f"lastack-{os.getpid()}-"
    with ResetTrace():
        assert [name for name in instances() if name.startswith(mine)]
    assert not [name for name in instances() if name.startswith(mine)]


@private
def test_what_a_killed_watch_left_is_removed_by_the_next() -> None:
    def traced() -> int:
        trace = ResetTrace()
        kept.append(trace)
        return 1

    kept: list[ResetTrace] = []
    with child(traced) as (pid, _):
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert [name for name in instances() if name.startswith(f"lastack-{pid}-")]
    with ResetTrace():
        assert not [name for name in instances() if name.startswith(f"lastack-{pid}-")]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "  nc-1 [000] ..s1. 9.1: tcp_send_reset: skbaddr=0 skaddr=0 src=127.0.0.1:1 "
            "dest=127.0.0.1:4242 state=UNKNOWN reason=NO_SOCKET",
            (True, 1, 4242, "NO_SOCKET", REASONS["NO_SOCKET"]),
        ),
        (
            "  nc-1 [000] ..s1. 9.1: tcp_send_reset: src=[::1]:1 dest=[::1]:4242 "
            "state=TCP_CLOSE reason=SOMETHING_NEW",
            (True, 1, 4242, "SOMETHING_NEW", "SOMETHING_NEW"),
        ),
        (
            "  nc-1 [000] ..s1. 9.1: tcp_send_reset: skbaddr=0 skaddr=0 src=127.0.0.1:1 "
            "dest=127.0.0.1:4242 state=TCP_CLOSE",
            (True, 1, 4242, "", "the kernel does not tell (it does since Linux 6.10)"),
        ),
        (
            "  nc-1 [000] ..s2. 9.1: tcp_receive_reset: family=AF_INET sport=4242 dport=1 "
            "saddr=127.0.0.1 daddr=127.0.0.1 saddrv6=::ffff:127.0.0.1 "
            "daddrv6=::ffff:127.0.0.1 sock_cookie=5",
            (False, 4242, 1, "", "the peer sent an RST"),
        ),
    ],
)
def test_lines_of_the_trace(line: str, told: tuple[bool, int, int, str, str]) -> None:
    found = parse_reset(line)
    assert found is not None
    assert (found.sent, found.local[1], found.remote[1], found.code, found.why) == told


@pytest.mark.parametrize("line", ["", "CPU:1 [LOST 12 EVENTS]", "x: tcp_send_reset: src=a dest=b"])
def test_other_lines_are_passed_over(line: str) -> None:
    assert parse_reset(line) is None


# metrics

_SAMPLE = re.compile(
    r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\n"])*",?)*)\})? (\+Inf|[0-9.e+-]+)'
)


def exposition(text: str) -> dict[str, float]:
    """Read OpenMetrics strictly: {name with labels: value}."""
    *lines, end = text.removesuffix("\n").split("\n")
    assert end == "# EOF"
    values: dict[str, float] = {}
    kinds: dict[str, str] = {}
    for line in lines:
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in kinds
            kinds[name] = kind
        elif not line.startswith("# HELP "):
            found = _SAMPLE.fullmatch(line)
            assert found is not None, line
            family = list(kinds)[-1]
            suffix = "_total" if kinds[family] == "counter" else ""
            assert found[1] == family + suffix
            key = line.rsplit(" ", 1)[0]
            assert key not in values
            values[key] = float(found[3])
    return values


@contextmanager
def served(metrics: Metrics) -> Generator[Callable[[str], tuple[int, str]], None, None]:
    server = serve(0, metrics.text)

    def get(path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read().decode()
        connection.close()
        return response.status, body

    try:
        yield get
    finally:
        server.shutdown()
        server.server_close()


@private_as_nobody
def test_metrics_count_what_was_seen(stage: Stage) -> None:
    listener = stage.listener(8000)
    metrics = Metrics()
    with Watch() as watching:
        client, server = stage.pair(listener)
        client.send(b"request")
        eventually(lambda: server.recv(7, socket.MSG_PEEK) == b"request")
        server.close()
        client.close()
        for ended in endings(watching, 2):
            metrics.add(ended)
    client, server = stage.pair(listener)
    client.close()
    server.close()
    eventually(lambda: sockets("state time-wait"))
    with served(metrics) as get:
        status, text = get("/metrics")
        assert status == 200
        assert get("/")[0] == 404
    values = exposition(text)
    assert values['lastack_endings_total{kind="cut",side="server",port="8000"}'] == 1
    assert values['lastack_lost_bytes_total{queue="receive",side="server",port="8000"}'] == 7
    assert values["lastack_time_waits"] >= 1
    to = 'source="127.0.0.1",destination="127.0.0.1:8000"'
    assert values[f"lastack_ports_used{{{to}}}"] == 1
    assert values[f"lastack_ports_exhausted_seconds{{{to}}}"] == float("inf")


# the command


def run(*words: str) -> Result:
    return CliRunner().invoke(watch, words, standalone_mode=False)


@contextmanager
def traffic(stage: Stage, listener: socket.socket) -> Generator[None, None, None]:
    """Connections that end one after the other, as long as the block lasts."""
    over = threading.Event()

    def make() -> None:
        while not over.is_set():
            client, server = stage.pair(listener)
            client.close()
            server.close()

    thread = threading.Thread(target=make)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@private_as_nobody
def test_the_command_ends_after_as_many(stage: Stage) -> None:
    with traffic(stage, stage.listener(8000)):
        result = run("--count", "4")
    assert result.exception is None, result.exception
    first, *told, last = result.stdout.splitlines()
    assert first == "Watching ends of TCP connections; Ctrl-C ends."
    assert len(told) == 4
    assert all(line.startswith("closed-") for line in told)
    assert max(map(len, told)) <= 80
    assert last.startswith("4 endings: ")
    assert last.endswith("; 0 bytes died")


@private
def test_the_command_in_json(stage: Stage) -> None:
    listener = stage.listener(8000)
    with traffic(stage, listener):
        result = run("--count", "4", "--why-rst", "--metrics", "0", "--json")
    assert result.exception is None, result.exception
    rows: list[dict[str, Any]] = [json.loads(line) for line in result.stdout.splitlines()]
    for row in rows:
        Draft202012Validator(SCHEMA).validate(row)
    assert rows[0]["event"] == "watching"
    assert rows[0]["metrics"] > 0
    assert rows[-1]["event"] == "summary"
    assert sum(rows[-1]["endings"].values()) == 4
    assert [row["event"] for row in rows].count("ending") == 4


@private_as_nobody
def test_the_command_ends_after_a_time() -> None:
    result = run("--seconds", "0.1")
    assert result.stdout.splitlines()[-1] == "0 endings; 0 bytes died"


@private
def test_a_port_that_is_taken_is_one_line(stage: Stage) -> None:
    stage.listener(9100)
    error = run("--metrics", "9100").exception
    assert isinstance(error, click.ClickException)
    assert "in use" in error.format_message()


@private
def test_another_namespace(stage: Stage) -> None:
    listener = stage.listener(8000)
    with child(lambda: 0) as (pid, _), traffic(stage, listener):
        results: list[Result] = []

        def elsewhere() -> None:
            enter_new_namespace()
            results.append(run("--count", "1", "--pid", str(pid)))

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert "1 ending: " in results[0].stdout
