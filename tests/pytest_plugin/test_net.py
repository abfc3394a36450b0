"""The fixture `net`, in test runs of their own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .suite import run, summary, write


def test_it_runs_programs_and_the_test_on_hosts(tmp_path: Path) -> None:
    suite = """
def test_ask(net):
    net.host("web", serve)
    client = net.host("client")
    begun = time.monotonic()
    with net.on(client):
        assert ask(b"you") == b"hello you"
        time.sleep(3600 - 10)
        assert socket.gethostname() == str(client)
    assert time.monotonic() - begun < 60
    outcome = net.run()
    (connection,) = net.connections
    assert (connection.ending, connection.closed_first) == ("fin", "server")
    assert (connection.sent.accepted, connection.sent.read) == (3, 3)
    assert (connection.received.accepted, connection.lost_bytes) == (9, 0)
    assert connection.server == "web:80"
    assert connection.client_states[-1] == "CLOSED"
    assert connection.server_states[-2:] == ["TIME-WAIT", "CLOSED"]
    assert connection.why.startswith("FIN at ")
    assert connection.reason is None
    assert net.now == outcome.ended_at / 1e9
    assert client.sockets() == []
    assert [row.state.value for row in net.hosts["web"].sockets()] == []

def test_what_the_programs_wrote(net):
    net.host("a", lambda: print("written"))
    net.run()
    assert net.output("a") == "written\\n"

def test_async_programs(net):
    async def answer(reader, writer):
        writer.write(await reader.read(100))
        writer.close()

    async def main():
        server = await asyncio.start_server(answer, "0.0.0.0", 80)
        async with server:
            await server.serve_forever()

    async def talk():
        reader, writer = await asyncio.open_connection("web", 80)
        writer.write(b"ping")
        data = await reader.read()
        writer.close()
        return data

    net.host("web", main)
    with net.on(net.host("client")):
        assert asyncio.run(talk()) == b"ping"

def test_files_and_modules(net, tmp_path):
    (tmp_path / "get.py").write_text(
        "import sys, urllib.request\\nprint(urllib.request.urlopen(sys.argv[1]).status)\\n"
    )
    net.host("web", ["-m", "http.server", "--directory", str(tmp_path), "8000"])
    net.host("get", [str(tmp_path / "get.py"), "http://web:8000/"])
    net.run()
    assert net.output("get") == "200\\n"

def test_links(net):
    from lastack.net import DROP, PASS

    net.host("web", serve)
    client = net.host("client")
    net.link("web", client, delay=0.5, mtu=576)
    with net.on(client):
        assert ask(b"slow") == b"hello slow"
        assert time.monotonic() == pytest.approx(2)
    net.link("web", client, delay=0)
    seen = []

    def first(packet, now):
        seen.append(packet)
        return DROP if len(seen) == 1 else PASS

    guard = net.link("web", client, rule=first)
    begun = net.now
    with net.on(client):
        assert ask(b"again") == b"hello again"
    assert net.now - begun == pytest.approx(1)  # the SYN was lost
    count = len(seen)
    guard.remove()
    with net.on(client):
        ask(b"x")
    assert len(seen) == count

@pytest.mark.lastack(delay=0.25, profile="rfc9293")
def test_the_marker(net):
    net.host("web", serve)
    with net.on(net.host("client")):
        ask(b"x")
        assert time.monotonic() == pytest.approx(1)
    assert net.world.profile.name == "rfc9293"

def test_several_networks(new_net):
    for seed in (1, 2):
        with new_net(seed=seed, delay=0.1) as net:
            net.host("web", serve)
            with net.on(net.host("client")):
                assert ask(b"you") == b"hello you"
        assert net.connections[0].ending == "fin"
"""
    write(tmp_path, suite)
    done = run(tmp_path, "--strict-markers")
    assert summary(done) == "7 passed", done.stdout + done.stderr


FAILING = """
def hasty():
    listener = socket.create_server(("0.0.0.0", 80))
    connection, _ = listener.accept()
    connection.recv(3)
    connection.sendall(b"answer")
    connection.close()
    listener.accept()

@pytest.mark.parametrize("size", [7])
@pytest.mark.lastack(seeds=[4])
def test_answer(net, size):
    net.host("web", hasty)
    with net.on(net.host("client")):
        sock = socket.create_connection(("web", 80))
        sock.sendall(b"x" * size)
        time.sleep(1)
        assert sock.recv(100) == b"other answer"
"""


def test_a_failure_shows_the_network_and_how_to_play_it_again(tmp_path: Path) -> None:
    write(tmp_path, FAILING)
    done = run(tmp_path)
    assert summary(done) == "1 failed", done.stdout
    _, _, told = done.stdout.partition("- lastack -")
    lines = told.splitlines()
    assert lines[1] == "PYTHONHASHSEED=0 pytest 'test_suite.py::test_answer[7]' --lastack-seed 4"
    assert lines[2] == "seed 4, 1.002 s of virtual time"
    assert "recv up to 3 = 3 bytes" in told
    assert "RST: close() found unread data" in told
    assert "Ending    RST, the server (web) closed first" in told
    assert "close() on web found 4 unread bytes" in told
    assert "sockets of web at 1.002 s" in told
    assert not [line for line in lines if len(line) > 100]
    again = run(tmp_path, "test_suite.py::test_answer[7]", "--lastack-seed", "4")
    assert (
        again.stdout.partition("- lastack -")[2].split("short test")[0]
        == (told.split("short test")[0])
    )


def test_seeds_are_cases(tmp_path: Path) -> None:
    suite = """
SEEN = []

@pytest.mark.parametrize("letter", ["a", "b"])
@pytest.mark.lastack(seeds=3, loss=0.2)
def test_cases(net, letter, lastack_seed):
    SEEN.append((letter, net.seed))
    assert net.seed == lastack_seed

def test_one(net):
    assert net.seed == 0

@pytest.mark.lastack(seed=9)
def test_nine(new_net):
    with new_net() as net:
        assert net.seed == 9

def test_seen():
    print(sorted(SEEN))
"""
    write(tmp_path, suite)
    done = run(tmp_path, "-s")
    assert summary(done) == "9 passed", done.stdout
    assert str([(letter, seed) for letter in "ab" for seed in range(3)]) in done.stdout
    listed = run(tmp_path, "--collect-only", "-q").stdout
    assert "test_suite.py::test_cases[a-seed=2]" in listed or "[seed=2-a]" in listed
    done = run(tmp_path, "--lastack-seeds", "5-6", "--collect-only", "-q")
    assert len(re.findall(r"seed=[56]", done.stdout)) == 8, done.stdout
    done = run(tmp_path, "--lastack-seed", "9", "-k", "nine or cases")
    assert summary(done) == "3 passed, 2 deselected", done.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--lastack-seeds", "many"],
            "--lastack-seeds: 'many' names no seeds; write a number, or FIRST-LAST",
        ),
        (["--lastack-seeds", "0"], "--lastack-seeds: there must be at least one seed"),
    ],
)
def test_mistakes_of_the_command_line(tmp_path: Path, options: list[str], said: str) -> None:
    write(tmp_path, "\ndef test_one(net):\n    pass\n")
    done = run(tmp_path, *options)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: {said}" in (done.stdout + done.stderr).splitlines()


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ('delay="5"', "'5' is no number of seconds"),
        ("delay=-1", "-1 is no number of seconds"),
        ('loss="x"', "loss is a probability from 0 to 1, not 'x'"),
        ("loss=2", "loss is a probability from 0 to 1, not 2"),
        ('profile="nosuch"', "no profile 'nosuch'; there are textbook"),
        ("seed=1.5", "seed=1.5 is no integer"),
        ("seeds=0", "there must be at least one seed"),
        ('seeds=["a"]', "seeds=['a'] is no integer"),
    ],
)
def test_mistakes_of_the_marker_are_one_line(tmp_path: Path, mark: str, said: str) -> None:
    write(tmp_path, f"\n@pytest.mark.lastack({mark})\ndef test_marker(net):\n    pass\n")
    done = run(tmp_path)
    assert done.returncode != 0
    assert f"@pytest.mark.lastack: {said}" in done.stdout
    assert not re.search(r"\.py:\d", done.stdout), done.stdout  # no traceback


def test_mistakes_in_the_test(tmp_path: Path) -> None:
    write(tmp_path, "\n@pytest.mark.lastack(sead=3)\ndef test_marker(net):\n    pass\n")
    done = run(tmp_path)
    assert "lastack takes seed, seeds, delay, loss, profile, not sead" in done.stdout
    assert summary(done) == "1 error"
    suite = """
def test_names(net):
    net.host("web")
    with pytest.raises(ValueError, match="no host is named 'wbe'; there are: web"):
        net.on("wbe")
    with pytest.raises(ValueError, match="two hosts named web"):
        net.host("web")
    with pytest.raises(ValueError, match="no profile 'atari'; there are textbook, linux"):
        net.host("old", profile="atari")
    with pytest.raises(ValueError, match="no such file"):
        net.host("none", ["none.py"])
"""
    write(tmp_path, suite)
    done = run(tmp_path)
    assert summary(done) == "1 passed", done.stdout


def test_what_fails_besides_the_test(tmp_path: Path) -> None:
    suite = """
def test_program(net):
    def broken():
        time.sleep(3)
        raise LookupError("in vain")
    net.host("web", broken)

def test_run_raises(net):
    from lastack.pytest_plugin import ProgramFailed
    net.host("web", lambda: 1 / 0)
    with pytest.raises(ProgramFailed, match="ZeroDivisionError"):
        net.run()

def test_allowed(net):
    net.host("web", lambda: 1 / 0)
    assert net.run(check=False).programs[0].exit == 1

def test_hangs(net):
    net.host("web", serve)
    with net.on(net.host("client")):
        socket.create_connection(("web", 80)).recv(1)

def test_hung_is_an_exception(net):
    from lastack.pytest_plugin import Hung
    net.host("web", serve)
    with net.on(net.host("client")):
        with pytest.raises(Hung, match="client, MainThread: recv"):
            socket.create_connection(("web", 80)).recv(1)
"""
    write(tmp_path, suite)
    done = run(tmp_path)
    assert summary(done) == "2 failed, 3 passed", done.stdout
    program, _, hangs = done.stdout.partition("test_hangs")
    assert "web: exit status 1" in program
    assert "LookupError: in vain" in program
    assert "    3.000 s web LookupError: in vain" in program
    assert "no event is pending, and these wait" in hangs
    assert "run/baton.py" not in hangs.replace("lastack.run.baton.Hung", "")
    assert "lastack/run" not in done.stdout


def test_a_warning_says_that_hashes_are_random(tmp_path: Path) -> None:
    write(tmp_path, "\ndef test_one(net):\n    pass\n")
    said = "start pytest with PYTHONHASHSEED=0"
    loose, fixed = run(tmp_path, hashes=None), run(tmp_path)
    assert (said in loose.stdout, said in fixed.stdout) == (True, False)
    assert summary(loose) == "1 passed, 1 warning"
    write(tmp_path, FAILING)
    assert "\npytest 'test_suite.py" in run(tmp_path, hashes=None).stdout


def test_a_project_may_have_a_net_of_its_own(tmp_path: Path) -> None:
    suite = """
@pytest.fixture
def net():
    return "mine"

def test_mine(net):
    assert net == "mine"
"""
    write(tmp_path, suite)
    done = run(tmp_path, "--lastack-seeds", "3", hashes=None)
    assert summary(done) == "1 passed", done.stdout


def test_a_plain_run_imports_no_room(tmp_path: Path) -> None:
    def rooms(suite: str) -> set[str]:
        write(tmp_path, suite)
        done = run(tmp_path, "-s", python=("-X", "importtime"))
        assert summary(done) == "1 passed"
        return set(re.findall(r"\| +lastack\.(\w+)$", done.stderr, re.M))

    assert rooms("\ndef test_plain():\n    pass\n") == set()
    assert {"run", "tcp", "report"} < rooms("\ndef test_net(net):\n    pass\n")


def test_neighbours(tmp_path: Path) -> None:
    """pytest-asyncio, anyio and hypothesis in one run, then the same under pytest-xdist."""
    suite = """
from hypothesis import given, settings, strategies

@pytest.fixture
def anyio_backend():
    return "asyncio"

@given(strategies.binary(min_size=1, max_size=50))
@settings(max_examples=5, deadline=None)
def test_hypothesis(new_net, data):
    with new_net() as net:
        net.host("web", serve)
        with net.on(net.host("client")):
            assert ask(data) == b"hello " + data

async def talk():
    reader, writer = await asyncio.open_connection("web", 80)
    writer.write(b"you")
    data = await reader.read()
    writer.close()
    await asyncio.sleep(1000)
    return data

@pytest.mark.asyncio
async def test_pytest_asyncio(net):
    net.host("web", serve)
    await asyncio.sleep(0.001)
    with net.on(net.host("client")):
        assert asyncio.run(talk()) == b"hello you"
        assert ask(b"me") == b"hello me"
    await asyncio.sleep(0.001)
    net.run()
    await asyncio.sleep(0.001)

@pytest.mark.anyio
async def test_anyio(net):
    net.host("web", serve)
    with net.on(net.host("client")):
        assert asyncio.run(talk()) == b"hello you"
    await asyncio.sleep(0.001)

@pytest.mark.asyncio
async def test_real_sockets_still_work(net):
    async def answer(reader, writer):
        writer.write(b"real")
        writer.close()
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    net.host("web", serve)
    with net.on(net.host("client")):
        assert ask(b"you") == b"hello you"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await reader.read() == b"real"
    writer.close()
    server.close()

@pytest.mark.lastack(seeds=4, loss=0.1)
def test_seeds(net):
    net.host("web", serve)
    with net.on(net.host("client")):
        assert ask(b"you") == b"hello you"

def test_fails(net):
    net.host("web", serve)
    with net.on(net.host("client")):
        assert ask(b"you") == b"other"
"""
    write(tmp_path, suite, "asyncio_default_fixture_loop_scope = function\n")
    for options in ((), ("-n", "2")):
        done = run(tmp_path, *options, neighbours=True)
        assert summary(done) == "1 failed, 8 passed", done.stdout + done.stderr
        assert "PYTHONHASHSEED=0 pytest test_suite.py::test_fails --lastack-seed 0" in done.stdout
        assert "Ending    still open, the server (web) closed first" in done.stdout
