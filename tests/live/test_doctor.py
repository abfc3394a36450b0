"""lastack doctor: ports and their forecast, stuck connections, counters, settings."""

import errno
import json
import os
import socket
import threading
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from lastack.cli.doctor import doctor
from lastack.live import MYTHS, check_up, counters, exhausted_in, port_use, settings, stuck
from lastack.state import State

from .lab import Stage, child, enter_new_namespace, eventually, fill, private, private_as_nobody

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schema" / "doctor.json").read_text())
SECOND = 1_000_000_000
SYSCTL = Path("/proc/sys/net/ipv4")


def run(*words: str) -> Result:
    return CliRunner().invoke(doctor, words, standalone_mode=False)


def printed(*words: str) -> list[str]:
    result = run(*words)
    assert result.exception is None, result.exception
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    return lines


def as_json(*words: str) -> dict[str, Any]:
    result = run(*words, "--json")
    assert result.exception is None, result.exception
    found: dict[str, Any] = json.loads(result.stdout)
    Draft202012Validator(SCHEMA).validate(found)
    return found


def few_ports(reuse: int = 0) -> None:
    (SYSCTL / "ip_local_port_range").write_text("20000 20019")
    (SYSCTL / "tcp_tw_reuse").write_text(str(reuse))


def connect_and_close(stage: Stage, listener: socket.socket, times: int) -> None:
    for _ in range(times):
        client, server = stage.pair(listener)
        client.close()
        server.close()


# forecast


def test_no_port_is_left() -> None:
    assert exhausted_in(20, [], 0, 20, 60 * SECOND) == 0
    assert exhausted_in(15, [1] * 5, 3, 20, 60 * SECOND) == 0


def test_nothing_is_taken() -> None:
    assert exhausted_in(19, [], 0, 20, 60 * SECOND) is None


def test_ports_run_out_before_one_comes_back() -> None:
    # one a second, eight left
    assert exhausted_in(0, [50 * SECOND] * 12, 10, 20, 60 * SECOND) == 8 * SECOND


def test_ports_that_come_back_put_it_off() -> None:
    # eight left, four come back after 5 s: twelve seconds
    ends = [5 * SECOND] * 4 + [50 * SECOND] * 8
    assert exhausted_in(0, ends, 10, 20, 60 * SECOND) == 12 * SECOND


def test_a_rate_that_levels_off() -> None:
    # 0.3 a second for 60 s hold 18 of 20
    assert exhausted_in(0, [10 * SECOND] * 3, 3, 20, 60 * SECOND) is None
    # with two more that stay it is just full
    assert exhausted_in(2, [], 3, 20, 60 * SECOND) == 60 * SECOND


def test_reused_ports_are_held_for_a_second_only() -> None:
    assert exhausted_in(0, [], 100, 20, SECOND) is None
    assert exhausted_in(0, [], 300, 20, SECOND) == 2 * SECOND // 3


# ports


@private
def test_a_destination_fills_up_and_the_forecast_comes_true(stage: Stage) -> None:
    few_ports()
    listener = stage.listener(9000)
    connect_and_close(stage, listener, 12)
    use = eventually(lambda: [use for use in port_use().pairs if use.time_waits == 12])[0]
    assert (use.used, use.total, use.rate, use.levels_off) == (12, 20, 1.2, 72)
    assert use.exhausted_in == 8 * 10 * SECOND // 12
    assert "problem" not in printed("ports")[1]
    connect_and_close(stage, listener, 8)
    with pytest.raises(OSError) as refused:
        stage.client(listener)
    assert refused.value.errno == errno.EADDRNOTAVAIL
    (full,) = port_use().pairs
    assert full.exhausted_in == 0
    lines = printed()
    assert lines[0].startswith("2 problems: ports towards 127.0.0.1:9000 run out now; no port left")
    assert any("keep connections open" in line for line in lines)


@private
def test_tw_reuse_takes_the_fear_away(stage: Stage) -> None:
    few_ports()
    connect_and_close(stage, stage.listener(9000), 20)
    # not before, or a connection of these takes the port of one before it
    few_ports(reuse=1)
    (SYSCTL / "tcp_tw_reuse_delay").write_text("1")
    (use,) = eventually(lambda: [use for use in port_use().pairs if use.reusable == 20])
    assert (use.used, use.time_waits, use.exhausted_in) == (20, 20, None)


@private
def test_accepted_connections_take_no_port(stage: Stage) -> None:
    few_ports()
    listener = stage.listener(20005)
    stage.pair(listener)
    uses = port_use().pairs
    assert [use.destination[1] for use in uses] == [20005]


# stuck


@private
def test_each_stuck_state_with_its_bytes(stage: Stage) -> None:
    client, _ = stage.server_side("close-wait", 8001)
    stage.server_side("fin-wait-2 owned", 8002)
    stage.server_side("fin-wait-1", 8003)
    stage.server_side("last-ack", 8004)
    # an orphan in FIN-WAIT-2 ends by its timer
    stage.server_side("fin-wait-2", 8005)
    found = {one.row.local[1]: one for one in stuck("sport < 9000")}
    assert {port: one.row.state for port, one in found.items()} == {
        8001: State.CLOSE_WAIT, 8002: State.FIN_WAIT_2, 8003: State.FIN_WAIT_1,
        8004: State.LAST_ACK,
    }  # fmt: skip
    assert (found[8001].unread, found[8001].unacknowledged) == (0, 0)
    assert found[8003].unacknowledged == found[8003].row.send_queue - 1 > 0
    assert found[8003].owner is None
    assert not found[8003].hidden
    assert found[8002].owner is not None
    assert found[8002].owner.pid == os.getpid()
    assert f"--pid {os.getpid()} --fd" in found[8001].advice
    assert client.fileno() > 0


@private
def test_unread_bytes_in_close_wait_do_not_count_the_fin(stage: Stage) -> None:
    client, _ = stage.pair(stage.listener(8000))
    client.send(b"abc")
    client.close()
    (one,) = eventually(lambda: stuck("state close-wait sport = :8000"))
    assert (one.row.recv_queue, one.unread) == (4, 3)


@private
def test_what_nobody_accepted_is_the_listeners_fault(stage: Stage) -> None:
    client = stage.client(stage.listener(8000))
    client.close()
    (one,) = eventually(lambda: stuck("sport = :8000"))
    assert "accept()" in one.advice


@private
def test_younger_ones_are_left_out(stage: Stage) -> None:
    stage.server_side("close-wait", 8001)
    assert [one.row.local[1] for one in stuck("sport = :8001")] == [8001]
    assert stuck("sport = :8001", older=3600 * SECOND) == []
    assert as_json("stuck", "--older", "1h")["stuck"] == []


@private
def test_a_window_that_stays_shut_ages(stage: Stage) -> None:
    stage.server_side("fin-wait-1", 8003)
    one = eventually(lambda: stuck("sport = :8003", older=SECOND // 2))[0]
    assert one.row.timer == "persist"
    assert "window is shut" in one.advice


# counters


@private
def test_a_close_that_found_unread_data_is_counted(stage: Stage) -> None:
    client, server = stage.pair(stage.listener(8000))
    client.send(b"request")
    eventually(lambda: server.recv(1, socket.MSG_PEEK))
    server.close()
    found = eventually(
        lambda: [one for one in counters() if one.name == "TcpExt.TCPAbortOnClose" and one.value]
    )
    assert found[0].value == 1
    assert found[0].meaning.bytes_lost
    lines = printed("counters")
    assert any("TCPAbortOnClose" in line and " 1 " in line for line in lines)
    assert any("Read until EOF before close()" in line for line in lines)


# settings


@private
def test_a_setting_that_harms_is_a_problem() -> None:
    assert check_up(("settings",)).problems == []
    (SYSCTL / "tcp_abort_on_overflow").write_text("1")
    lines = printed()
    assert lines[0] == "1 problem: net.ipv4.tcp_abort_on_overflow is 1."
    assert lines[-1].endswith("served them.")
    changed = [one.name for one in settings() if one.changed]
    assert "net.ipv4.tcp_abort_on_overflow" in changed


def test_fifteen_myths_each_with_its_evidence() -> None:
    assert len(MYTHS) == len({myth.said for myth in MYTHS}) == 15
    for myth in MYTHS:
        if myth.shown_by.startswith("docs/"):
            assert (Path(__file__).parents[2] / myth.shown_by).is_file(), myth.shown_by


@private
def test_all_myths_are_told() -> None:
    text = " ".join(" ".join(printed("settings")).split())
    for myth in MYTHS:
        assert myth.said in text
        assert myth.truth in text


# the command


@private
def test_nothing_wrong() -> None:
    assert printed()[0] == "Nothing wrong in sight (ports and stuck)."
    found = as_json()
    assert found["problems"] == found["advice"] == []
    assert set(found) >= {"ports", "stuck", "counters", "settings", "myths"}


@private
def test_json_of_every_kind(stage: Stage) -> None:
    stage.server_side("close-wait", 8001)
    stage.server_side("last-ack", 8004)
    found = as_json("stuck", "ports", "--older", "0")
    states = {row["state"]: row for row in found["stuck"]}
    assert states["LAST-ACK"]["owner"] is None
    assert states["CLOSE-WAIT"]["owner"]["pid"] == os.getpid()
    assert "in variable stage" in states["CLOSE-WAIT"]["holder"]
    assert states["LAST-ACK"]["holder"] is states["LAST-ACK"]["holder_unknown"] is None
    assert found["ports"]["pairs"][0]["used"] == 1
    assert "counters" not in found


@private_as_nobody
def test_an_ordinary_user_is_told_all_the_same(stage: Stage) -> None:
    _, server = stage.pair(stage.listener(8000))
    fill(server)
    server.close()
    lines = printed("--older", "0")
    assert "in FIN-WAIT-1" in " ".join(lines[:2])
    assert as_json()["refused"] == {}


@private
def test_a_crowd_takes_few_lines(stage: Stage) -> None:
    listener = stage.listener(8000)
    for _ in range(30):
        client, _ = stage.pair(listener)
        client.close()
    eventually(lambda: len(stuck("sport = :8000")) == 30)
    lines = printed("stuck", "--older", "0")
    assert lines[0].startswith("1 problem: 30 in CLOSE-WAIT")
    assert sum(line.startswith("- ") for line in lines) == 1
    assert len(lines) < 50
    assert any("and 20 more" in line for line in lines)


@private
def test_ipv6_fits_the_width(stage: Stage) -> None:
    listener = stage.listener(0, host="::1")
    client, _ = stage.pair(listener)
    client.close()
    eventually(lambda: stuck("state close-wait"))
    printed("--older", "0")


@private
def test_another_namespace(stage: Stage) -> None:
    stage.server_side("close-wait", 8001)
    with child(lambda: 0) as (pid, _):
        found: list[dict[str, Any]] = []

        def elsewhere() -> None:
            enter_new_namespace()
            assert not stuck()
            found.append(as_json("--pid", str(pid), "--older", "0"))

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert [row["local"] for row in found[0]["stuck"] if row["local"].endswith(":8001")]
    assert found[0]["ports"]["pairs"]


@private_as_nobody
def test_a_namespace_that_is_not_ours_is_one_line() -> None:
    error = run("--pid", "1").exception
    assert isinstance(error, click.ClickException)
    assert "\n" not in error.format_message()
    assert "root" in error.format_message()


def test_a_wrong_section_is_one_line() -> None:
    error = run("port").exception
    assert isinstance(error, click.UsageError)
    assert "'port'" in error.format_message()
