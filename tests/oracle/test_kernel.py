"""Programs in namespaces of the kernel: the same story as in a simulated world."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from lastack.cli.on_kernel import OnBoth, OnKernel
from lastack.cli.scene import Played, Setting
from lastack.cli.values import ProgramSpec
from lastack.net import LinkRules
from lastack.oracle import Difference, Namespace, Program, Stage, play_on
from lastack.profile import S
from lastack.trace import Reason, Returned
from lastack.verdict import Kind, ending, ledger

from ..cli.conftest import ROOT, valid
from ..live.lab import eventually
from ..programs.both import SCRIPTS as DIRECTORY
from ..programs.both import Script, that_stays
from ..programs.test_both import SCRIPTS

LIMIT = 20 * S
LOOPBACK_LIKE = LinkRules(mtu=65535)


def setting(script: Script) -> Setting:
    peers = [script.roles[0], *script.roles[:-1]]
    specs = [
        ProgramSpec(role, [str(DIRECTORY / script.file), role, peer, "8000"], None, False)
        for role, peer in zip(script.roles, peers, strict=True)
    ]
    return Setting(specs, link=LOOPBACK_LIKE, until=300 * S)


@pytest.fixture(scope="module")
def on_kernel() -> Iterator[dict[str, Future[OnKernel]]]:
    """Every script on the kernel, a few at a time: mostly they sleep."""
    with ThreadPoolExecutor(3) as pool:
        yield {one.file: pool.submit(OnKernel, setting(one), LIMIT) for one in SCRIPTS}


def differences(script: Script, kernel: OnKernel) -> list[Difference]:
    both = OnBoth.__new__(OnBoth)
    both.kernel, both.simulated = kernel, Played(OnBoth.beside(setting(script)))
    return [one for one in both.differences if not one.explained]


@pytest.mark.root
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.file)
def test_the_kernel_does_the_same(script: Script, on_kernel: dict[str, Future[OnKernel]]) -> None:
    found = differences(script, on_kernel[script.file].result())
    assert not that_stays(found, lambda: differences(script, OnKernel(setting(script), LIMIT)))


# -- one program pair in detail ---------------------------------------------------------------

SERVER = """
import socket
with socket.create_server(("", 80)) as listener:
    connection, _ = listener.accept()
    print(connection.recv(2))
    connection.sendall(bytes(100))
    connection.close()
"""
CLIENT = """
import socket, sys, time
sock = socket.create_connection(("server", 80))
sock.sendall(bytes(1000))
time.sleep(0.3)
try:
    while sock.recv(10): pass
except OSError as error:
    print(type(error).__name__)
sys.exit(7)
"""


HOLDS = """
import socket, time
while True:
    try:
        sock = socket.create_connection(("server", 80))
        break
    except ConnectionRefusedError:  # the server's interpreter was slower
        time.sleep(0.05)
sock.recv(10)
"""
"""A client that waits for ever, and for its server."""


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


@pytest.fixture
def pair(tmp_path: Path) -> list[Program]:
    return [
        Program("server", [written(tmp_path / "server.py", SERVER)]),
        Program("client", [written(tmp_path / "client.py", CLIENT)]),
    ]


@pytest.mark.root
def test_calls_and_packets_make_one_story(pair: list[Program]) -> None:
    with Stage(["server", "client"]) as stage:
        played = play_on(stage, pair, 20)
    server, client = played.programs
    assert (server.exit, client.exit) == (0, 7)
    assert [text for _, name, text in server.output if name == "stdout"] == [f"{bytes(2)!r}"]
    assert [text for _, _, text in client.output] == ["ConnectionResetError"]
    (story,) = played.book.stories
    end, accounts = ending(story, played.book), ledger(story)
    assert (end.kind, end.reason, end.by) == (Kind.RST, Reason.UNREAD_AT_CLOSE, "server")
    assert (accounts.client_to_server.read, accounts.client_to_server.unread) == (2, 998)
    told = [one.text for one in played.events if isinstance(one, Returned) and one.errno]
    assert told == ["ECONNRESET"]
    assert played.missed == 0
    assert len(played.infos) == 1  # the client never called close()


@pytest.mark.root
def test_the_kernels_own_sockets_are_told(tmp_path: Path) -> None:
    server = written(tmp_path / "server.py", SERVER.replace("recv(2)", "recv(2000)"))
    client = written(tmp_path / "client.py", CLIENT)
    with Stage(["server", "client"]) as stage:
        played = play_on(stage, [Program("server", [server]), Program("client", [client])], 20)
    (row,) = played.rows["server"]
    assert (row.state.value, row.timer, row.local) == ("TIME-WAIT", "time-wait", "10.0.0.1:80")
    (wait,) = played.book.time_waits()
    assert wait.host == "server"
    assert 55 * S < wait.expires_at < 65 * S


@pytest.mark.root
def test_what_still_runs_at_the_limit_hangs_and_its_end_is_no_part_of_the_story(
    tmp_path: Path,
) -> None:
    waits = written(tmp_path / "waits.py", SERVER.replace("recv(2)", "recv(2000)"))
    holds = written(tmp_path / "holds.py", HOLDS)
    with Stage(["server", "client"]) as stage:
        played = play_on(stage, [Program("server", [waits]), Program("client", [holds])], 4)
    assert [one.hung for one in played.programs] == [True, True]
    *_, story = played.book.stories  # those before it, if any, were refused
    assert ending(story, played.book).kind is Kind.OPEN


@pytest.mark.root
def test_a_server_for_ever_is_interrupted_when_the_others_are_done(tmp_path: Path) -> None:
    text = "import socket\nwith socket.create_server(('', 80)) as l:\n  while True: l.accept()\n"
    server = written(tmp_path / "server.py", text)
    client = written(tmp_path / "client.py", "import socket\nsocket.create_connection(('s', 80))\n")
    with Stage(["s", "c"]) as stage:
        played = play_on(stage, [Program("s", [server]), Program("c", [client])], 20)
    assert [(one.exit, one.stopped, one.hung) for one in played.programs] == [
        (None, True, False), (0, False, False),
    ]  # fmt: skip


@pytest.mark.root
def test_a_program_that_computes_is_waited_for(tmp_path: Path) -> None:
    text = "import time\nwhile time.process_time() < 1.8: pass\n" + SERVER
    slow = written(tmp_path / "slow.py", text.replace("recv(2)", "recv(2000)"))
    client = written(tmp_path / "client.py", CLIENT)
    with Stage(["server", "client"]) as stage:
        played = play_on(stage, [Program("server", [slow]), Program("client", [client])], 30)
    (story,) = played.book.stories
    assert ending(story, played.book).kind is Kind.FIN


@pytest.mark.root
def test_a_server_that_sleeps_over_an_open_connection_is_not_interrupted(tmp_path: Path) -> None:
    text = SERVER.replace("connection.recv(2)", "__import__('time').sleep(2)")
    server = written(tmp_path / "server.py", text + "    print('woke')\n")
    client = written(tmp_path / "client.py", HOLDS)
    with Stage(["server", "client"]) as stage:
        programs = [Program("server", [server]), Program("client", [client], background=True)]
        played = play_on(stage, programs, 20)
    assert [(one.exit, one.stopped) for one in played.programs] == [(0, False), (0, False)]


@pytest.mark.root
def test_a_namespace_has_its_own_names_and_nothing_of_the_machine(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("10.1.2.3 somewhere\n")
    ask = ["getent", "hosts", "somewhere"]
    with Namespace({"/etc/hosts": hosts}) as space:
        said = space.call(lambda: subprocess.run(ask, capture_output=True, text=True, check=True))
        links = space.call(lambda: os.listdir("/proc/self/task") and _links())
    assert said.stdout.split() == ["10.1.2.3", "somewhere"]
    assert links == ["lo"]
    assert subprocess.run(ask, capture_output=True, check=False).returncode != 0


@pytest.mark.root
def test_a_program_knows_its_host_by_name_and_may_rename_it(tmp_path: Path) -> None:
    renames = "import socket; print(socket.gethostname()); socket.sethostname('other')"
    ask, machine = [sys.executable, "-c", renames], socket.gethostname()
    with Namespace(name="web") as space:
        said = space.call(lambda: subprocess.run(ask, capture_output=True, text=True, check=True))
    assert said.stdout == "web\n"
    assert socket.gethostname() == machine


def _links() -> list[str]:
    lines = Path("/proc/thread-self/net/dev").read_text().splitlines()[2:]
    return [line.split(":")[0].strip() for line in lines]


@pytest.mark.root
@pytest.mark.parametrize(
    ("sent", "status", "says"),
    [(signal.SIGINT, 130, "lastack: interrupted"), (signal.SIGTERM, 143, "")],
)
def test_a_run_that_is_ended_leaves_nothing(
    tmp_path: Path, sent: int, status: int, says: str
) -> None:
    server = written(tmp_path / "server.py", SERVER)
    running = subprocess.Popen(
        [sys.executable, "-m", "lastack", "run", "--on", "kernel", f"server={server}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    inside = eventually(lambda: _namespace_of_child(running.pid))
    running.send_signal(sent)
    _, said = running.communicate(timeout=20)
    assert said.strip() == says
    assert running.returncode == status
    eventually(lambda: not _processes(inside))


def _namespace_of_child(pid: int) -> str:
    """Return the network namespace of a child of a process, "" if it is the machine's."""
    own = os.readlink("/proc/self/ns/net")
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for task in os.listdir(f"/proc/{pid}/task"):
            children += Path(f"/proc/{pid}/task/{task}/children").read_text().split()
        found = [os.readlink(f"/proc/{child}/ns/net") for child in children]
    except OSError:
        return ""
    return next((one for one in found if one != own), "")


def _processes(namespace: str) -> list[int]:
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{name}/ns/net") == namespace:
                found.append(int(name))
        except OSError:
            continue
    return found


# -- the command ------------------------------------------------------------------------------


def lastack(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lastack", *words], capture_output=True, text=True, check=False,
        timeout=60, stdin=subprocess.DEVNULL, cwd=ROOT,
    )  # fmt: skip


@pytest.mark.root
def test_json_of_the_kernel_and_of_both_obey_their_schemas(
    pair: list[Program], tmp_path: Path
) -> None:
    words = [f"{one.host}={one.arguments[0]}" for one in pair]
    path = str(tmp_path / "kernel.pcapng")
    ran = lastack("run", "--on", "kernel", "--json", "--pcap", path, *words)
    told = valid(ran.stdout, "run")
    assert (ran.returncode, told["on"], told["virtual_seconds"]) == (1, "kernel", None)
    assert [f"{one['host']}={one['command']}" for one in told["programs"]] == words
    (connection,) = told["connections"]
    assert connection["ending"]["reason"] == "UNREAD_AT_CLOSE"
    (seen,) = valid(lastack("read", "--json", path).stdout, "read")["connections"]
    assert seen["ending"]["kind"] == connection["ending"]["kind"] == "rst"
    assert seen["client_states"] == connection["client_states"]
    both = valid(lastack("run", "--on", "both", "--json", *words).stdout, "both")
    valid(json.dumps(both["lastack"]), "run")
    valid(json.dumps(both["kernel"]), "run")
    assert [one for one in both["differences"] if not one["explained"]] == []


@pytest.mark.root
def test_the_report_tells_what_only_a_kernel_can(pair: list[Program]) -> None:
    words = [f"{one.host}={one.arguments[0]}" for one in pair]
    ran = lastack("run", "--on", "both", *words)
    assert "close() on server found 998 unread bytes" in " ".join(ran.stdout.split())
    assert "TCP_INFO" in ran.stdout
    assert "The simulated run did the same" in ran.stdout
    assert max(map(len, ran.stdout.splitlines())) <= 80


@pytest.mark.parametrize(("where", "option", "why"), [
    ("kernel", ("--seed", "1"), "only --loss and --jitter are chance there"),
    ("kernel", ("--delay", "9ms", "--seed", "1"), "only --loss and --jitter are chance there"),
    ("both", ("--profile", "linux"), "its TCP is this machine's own"),
    ("kernel", ("--wire",), "every packet there is bytes already"),
    ("both", ("--check-determinism",), "no two runs there are the same"),
    ("kernel", ("--at", "1s=kill:a"), "nothing cuts its power"),
    ("kernel", ("--patience", "1s"), "until --until"),
    ("kernel", ("--rate", "1G"), "above 100M: the cable that keeps it is a program"),
    ("both", ("--mtu", "65536"), "above 65535: no device there has"),
])  # fmt: skip
def test_what_a_kernel_cannot_do_is_refused_in_one_line(
    where: str, option: tuple[str, ...], why: str
) -> None:
    ran = lastack("run", "--on", where, *option, "a=-m this")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert f"--on {where} has no {option[-2] if len(option) > 1 else option[0]}" in ran.stderr
    assert why in ran.stderr
    assert ran.stderr.count("\n") == 1


@pytest.mark.root
def test_a_cable_delays_loses_and_says_how_late_it_was(pair: list[Program], tmp_path: Path) -> None:
    words = [f"{one.host}={one.arguments[0]}" for one in pair]
    path = str(tmp_path / "kernel.pcapng")
    more = ("--delay", "80ms", "--loss", "20%", "--seed", "7", "--pcap", path)
    told = valid(lastack("run", "--on", "both", *more, "--json", *words).stdout, "both")
    assert [one for one in told["differences"] if not one["explained"]] == []
    for run in (told["lastack"], told["kernel"]):
        (connection,) = run["connections"]
        assert connection["ending"]["reason"] == "UNREAD_AT_CLOSE"
    assert told["kernel"]["kernel"]["at_close"][0]["rtt"] >= 0.16
    assert told["kernel"]["kernel"]["late"] >= 0
    shown = lastack("read", path).stdout
    assert "SYN seq 0 again" in shown
    ran = lastack("run", "--on", "kernel", "--delay", "1ms", *words)
    assert re.search(r"packets captured, at most \d+\.\d ms late", ran.stdout)


@pytest.mark.root
def test_without_root_one_line_says_so() -> None:
    bare = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]
    ran = subprocess.run(
        [*bare, sys.executable, "-m", "lastack", "run", "--on", "kernel", "a=-m this"],
        capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert ran.returncode == 2
    assert ran.stderr == (
        "lastack: --on kernel: a network namespace needs root: Operation not permitted\n"
    )
