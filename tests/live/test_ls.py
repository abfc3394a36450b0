"""lastack ls: what it prints, in 80 columns and as JSON, and how it says no."""

import ctypes
import json
import os
import socket
import subprocess
import threading
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from lastack.cli.ls import ls
from lastack.live import Namespace

from .lab import (
    NOBODY,
    Stage,
    become,
    child,
    enter_new_namespace,
    eventually,
    private,
    private_as_nobody,
    reset,
)
from .test_owners import listen

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schema" / "ls.json").read_text())


def run(*words: str) -> Result:
    return CliRunner().invoke(ls, words, standalone_mode=False)


def printed(*words: str) -> list[str]:
    result = run(*words)
    assert result.exception is None, result.exception
    lines = result.stdout.splitlines()
    assert max(map(len, lines), default=0) <= 80
    return lines


def as_json(*words: str) -> dict[str, Any]:
    result = run(*words, "--json")
    assert result.exception is None, result.exception
    found: dict[str, Any] = json.loads(result.stdout)
    Draft202012Validator(SCHEMA).validate(found)
    return found


def refusal(*words: str) -> str:
    error = run(*words).exception
    assert isinstance(error, click.ClickException), error
    told = error.format_message()
    assert "\n" not in told
    return told


def test_anybody_sees_and_may_ask_about_the_own_sockets(stage: Stage) -> None:
    listener = stage.listener()
    filter = f"state listening sport = :{listener.getsockname()[1]}"
    (row,) = as_json("--options", *filter.split())["sockets"]
    assert (row["owner"]["pid"], row["owner"]["fd"]) == (os.getpid(), listener.fileno())
    assert (row["reuseaddr"], row["linger"]) == (True, False)
    assert as_json("--count", filter)["total"] == 1


@private
def test_a_row_of_every_kind(stage: Stage) -> None:
    listener = stage.listener(8080)
    stage.client(listener)
    stage.server_side("time-wait", 8081)
    stage.server_side("fin-wait-2", 8082)
    stage.bound(8083)
    lines = printed()
    assert " ".join(lines[0].split()) == "State Recv-Q Send-Q Local Peer Timer, owner"
    told = {" ".join(line.split()[:4]): line for line in lines[1:]}
    here = f"[{os.getpid()}] fd"
    assert f"{here} {listener.fileno()}" in told["LISTEN 1 8 127.0.0.1:8080"]
    assert "not accepted" in told["ESTABLISHED 0 0 127.0.0.1:8080"]
    assert " s left" in told["TIME-WAIT 0 0 127.0.0.1:8081"]
    assert " s left, orphan" in told["FIN-WAIT-2 0 0 127.0.0.1:8082"]
    assert here in told["CLOSED 0 0 127.0.0.1:8083"]
    assert len(lines) == 1 + 7


@private
def test_the_json_has_the_documented_row(stage: Stage) -> None:
    listener = stage.listener(8080, reuse=True)
    stage.server_side("time-wait", 8081)
    found = as_json("--options", "state", "listening")
    assert found["hidden"] >= 0
    (row,) = found["sockets"]
    cookie, inode, name = row.pop("cookie"), row.pop("inode"), row["owner"].pop("name")
    assert cookie > 0
    assert inode > 0
    assert name
    assert row == {
        "state": "LISTEN", "local": "127.0.0.1:8080", "remote": "0.0.0.0:*", "timer": None,
        "expires_in": None, "recv_queue": 0, "send_queue": 8,
        "owner": {"pid": os.getpid(), "fd": listener.fileno()}, "reuseaddr": True, "linger": False,
    }  # fmt: skip
    (waiting,) = as_json("--options", "state", "time-wait")["sockets"]
    assert waiting["timer"] == "time-wait"
    assert 55 < waiting["expires_in"] <= 60
    assert (waiting["owner"], waiting["reuseaddr"], waiting["linger"]) == (None, None, None)
    assert as_json("sport = :1")["sockets"] == []


@private
def test_options_are_read_from_another_process(stage: Stage) -> None:
    with child(listen) as (pid, fd):
        (row,) = as_json("--options")["sockets"]
        assert (row["owner"]["pid"], row["owner"]["fd"]) == (pid, fd)
        assert (row["reuseaddr"], row["linger"]) == (False, 7)
        text = " ".join(" ".join(printed("--options")).split())
        assert "SO_REUSEADDR off, SO_LINGER 7 s" in text
        assert "SO_" not in " ".join(printed())


@private
def test_a_user_who_may_not_look_is_told_so(stage: Stage) -> None:
    with child(listen):
        become(NOBODY)
        result = run("--options")
        assert result.exception is None
        assert "of uid 0" in result.stdout
        assert "no owner found for 1 of 1 sockets" in result.stderr
        assert as_json()["sockets"][0]["owner"] is None


@private
def test_counting(stage: Stage) -> None:
    stage.server_side("time-wait", 8080)
    stage.pair(stage.listener(8081))
    assert printed("--count") == ["LISTEN       1", "ESTABLISHED  2", "TIME-WAIT    1"]
    assert as_json("--count") == {
        "schema": 1, "count": {"LISTEN": 1, "ESTABLISHED": 2, "TIME-WAIT": 1}, "total": 4,
    }  # fmt: skip
    assert as_json("--count", "state", "time-wait")["total"] == 1
    assert printed("--count", "sport = :1") == []


@private
def test_long_addresses_stay_in_80_columns(stage: Stage) -> None:
    address = "2001:db8:1111:2222:3333:4444:5555:6666"
    subprocess.run(["ip", "addr", "add", f"{address}/128", "dev", "lo", "nodad"], check=True)
    # the kernel makes the route to it later, in a thread of its own
    route = ["ip", "-6", "route", "get", address]
    eventually(lambda: subprocess.run(route, capture_output=True, check=False).returncode == 0)
    stage.pair(stage.listener(50000, host=address))
    lines = printed("--options", "state", "established")
    assert sum(f"[{address}]:50000" in line for line in lines) == 2
    assert sum("SO_LINGER off" in line for line in lines) == 2


@pytest.fixture
def elsewhere() -> Generator[int, None, None]:
    """A process that listens on port 8080 in a namespace of its own; its pid."""
    pids: list[int] = []
    ready, over = threading.Event(), threading.Event()

    def live() -> None:
        enter_new_namespace()
        with child(listen) as (pid, _):
            pids.append(pid)
            ready.set()
            over.wait()

    thread = threading.Thread(target=live)
    thread.start()
    ready.wait()
    yield pids[0]
    over.set()
    thread.join()


@private
def test_another_namespace_by_pid_and_by_name(elsewhere: int) -> None:
    assert as_json()["sockets"] == []
    (row,) = as_json("--pid", str(elsewhere))["sockets"]
    assert (row["local"], row["owner"]["pid"]) == ("127.0.0.1:8080", elsewhere)
    assert as_json("--netns", f"/proc/{elsewhere}/ns/net")["sockets"][0]["local"] == row["local"]
    assert as_json("--count", "--pid", str(elsewhere))["total"] == 1
    # and we have not moved
    assert as_json()["sockets"] == []
    assert refusal("--pid", "1", "--netns", "x") == "--netns and --pid: one of them"


@private
def test_a_namespace_that_may_not_be_entered(elsewhere: int) -> None:
    become(NOBODY)
    told = refusal("--pid", str(elsewhere))
    assert told == f"the network namespace of process {elsewhere} needs CAP_SYS_ADMIN there (root)"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("state", "waiting"), "no state is called 'waiting'"),
        (("sport", "=", ":99999"), "'99999' is no port"),
        (("--pid", "4194304"), "there is no process 4194304"),
        (("--netns", "nowhere"), "there is no network namespace /run/netns/nowhere"),
        (("--netns", "/nowhere"), "there is no network namespace /nowhere"),
        (("--netns", "/dev/null"), "this is not a network namespace"),
        (("--pid", "0"), "0 is not in the range"),
    ],
)
def test_a_mistake_is_one_line(words: tuple[str, ...], says: str) -> None:
    assert says in refusal(*words)


def test_another_system_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert "needs Linux" in refusal()
    assert "darwin" in refusal("--count")


@private
def test_a_namespace_is_a_place_to_make_sockets_in(elsewhere: int, stage: Stage) -> None:
    there = Namespace.of_pid(elsewhere)
    client = stage.keep(there.open_socket(2, 1))
    client.connect(("127.0.0.1", 8080))
    assert eventually(lambda: as_json("--count", "--pid", str(elsewhere))["total"] == 3)
    reset(client)
    name = there.run(lambda: os.readlink("/proc/thread-self/ns/net"))
    assert name == os.readlink(f"/proc/{elsewhere}/ns/net")
    assert name != os.readlink("/proc/thread-self/ns/net")
    with pytest.raises(ZeroDivisionError):
        there.run(lambda: 1 // 0)


def container() -> int:
    """Be a container that an ordinary user has made: a user namespace and a network in it."""
    if ctypes.CDLL(None).unshare(0x10000000 | 0x40000000):
        return 0
    listener = socket.socket()
    listener.bind(("0.0.0.0", 8080))
    listener.listen(1)
    return listener.detach()


@private_as_nobody
def test_the_container_of_an_ordinary_user() -> None:
    restricted = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
    if restricted.exists() and restricted.read_text().strip() != "0":
        pytest.skip("AppArmor keeps ordinary users from user namespaces")
    with child(container) as (pid, fd), warnings.catch_warnings():
        # the test has two threads, one that waits for the other
        warnings.simplefilter("ignore", DeprecationWarning)
        assert fd > 0
        (found,) = as_json("--pid", str(pid))["sockets"]
        assert found["local"] == "0.0.0.0:8080"
        assert found["owner"]["pid"] == pid
    assert as_json()["sockets"] == []
