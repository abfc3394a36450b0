"""What the programs of a world have of their own though they share the modules of libraries."""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib
import os
import random
import sys
import types
from pathlib import Path

import pytest

from lastack.run import World
from lastack.run.fences import Fenced

from .conftest import Play
from .in_world import alone

PACKAGE = "waitress"  # one of those of which each program gets a copy


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory on sys.path with a package that keeps a list, and one that is built on it."""
    (tmp_path / f"{PACKAGE}.py").write_text("kept = []\n")
    (tmp_path / "built_on_it.py").write_text(f"import {PACKAGE}\nkept = []\n")
    (tmp_path / "of_no_matter.py").write_text("kept = []\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in (PACKAGE, "built_on_it", "of_no_matter"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def keep(*names: str) -> None:
    for name in names:
        kept = importlib.import_module(name).kept
        kept.append(os.getpid())
        print(name, kept)


@pytest.mark.usefixtures("elsewhere")
def test_programs_share_a_library_but_for_the_known_ones(play: Play) -> None:
    def program() -> None:
        keep(PACKAGE, "built_on_it", "of_no_matter")

    outcome = play(program, program)
    assert [line.text for line in outcome.programs[1].output] == [
        f"{PACKAGE} [1002]", "built_on_it [1002]", "of_no_matter [1001, 1002]",
    ]  # fmt: skip
    sys.modules.pop("of_no_matter")


@pytest.mark.usefixtures("elsewhere")
def test_a_copy_of_the_real_world_is_out_of_sight_and_stays_what_it_was() -> None:
    outside = importlib.import_module(PACKAGE)
    outside.kept.append("outside")
    assert alone(lambda: keep(PACKAGE)) == [f"{PACKAGE} [1001]"]
    assert sys.modules[PACKAGE] is outside
    assert outside.kept == ["outside"]


def test_a_loop_in_c_is_hidden_although_it_was_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    outside = types.ModuleType("uvloop")
    monkeypatch.setitem(sys.modules, "uvloop", outside)

    def program() -> None:
        try:
            importlib.import_module("uvloop")
        except ImportError as error:
            print(error)

    (line,) = alone(program)
    assert "asyncio's own loop runs here" in line
    assert sys.modules["uvloop"] is outside


def test_tasks_and_futures_hash_by_a_number_and_are_named_by_the_program() -> None:
    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        futures = [asyncio.get_running_loop().create_future() for _ in range(3)]
        print(task.get_name(), [hash(future) - hash(task) for future in futures])
        assert type(task).__module__ == "_asyncio"
        assert isinstance(task, asyncio.Task)

    def program() -> None:
        asyncio.run(main())
        first, second = concurrent.futures.Future[int](), concurrent.futures.Future[int]()
        print(hash(second) - hash(first), len({first, second}))

    assert alone(program) == alone(program) == ["Task-1 [1, 2, 3]", "1 2"]
    real = concurrent.futures.Future[int]()
    assert hash(real) == object.__hash__(real)


@pytest.mark.parametrize("name", ["cherrypy", "sanic", "bottle", "distributed"])
def test_two_servers_of_one_kind_have_an_engine_or_an_application_each(
    name: str, play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{name}.py").write_text("kept = []\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    outcome = play(lambda: keep(name), lambda: keep(name))
    assert [one.output[0].text for one in outcome.programs] == [f"{name} [1001]", f"{name} [1002]"]


def test_as_completed_takes_coroutines_in_their_order() -> None:
    async def number(value: int) -> int:
        return value

    async def main() -> None:
        jobs = asyncio.as_completed([number(value) for value in range(100)])
        print([await job for job in jobs] == list(range(100)))

    assert alone(lambda: asyncio.run(main())) == ["True"]


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="no generator from 3.13 on")
def test_as_completed_makes_no_task_before_it_is_asked() -> None:
    async def nothing() -> None:
        pass

    def program() -> None:
        asyncio.set_event_loop(None)
        job = nothing()
        jobs = asyncio.as_completed([job])
        with pytest.raises(RuntimeError, match="no current event loop"):
            list(jobs)
        job.close()

    assert alone(program) == []


def test_worker_threads_of_trio_stay_with_their_program(play: Play) -> None:
    trio = pytest.importorskip("trio")

    async def main() -> None:
        for _ in range(2):
            print(await trio.to_thread.run_sync(os.getpid))
            await trio.sleep(1)

    outcome = play(lambda: trio.run(main), lambda: trio.run(main))
    said = [[line.text for line in program.output] for program in outcome.programs]
    assert said == [["1001", "1001"], ["1002", "1002"]]


def test_the_chance_that_trio_took_before_the_world_began_is_the_seed_s() -> None:
    trio = pytest.importorskip("trio")

    def order(seed: int) -> list[str]:
        async def main() -> None:
            async def member(number: int) -> None:
                await trio.lowlevel.checkpoint()
                print(number)

            async with trio.open_nursery() as nursery:
                for number in range(2):
                    for _ in range(20):
                        nursery.start_soon(member, number)

        world = World(seed)
        world.program(world.host("a"), lambda: trio.run(main))
        (ended,) = world.run().programs
        return [line.text for line in ended.output]

    state = random.getstate()
    assert order(1) == order(1)
    assert {tuple(order(seed)) for seed in range(8)} != {tuple(order(1))}
    assert random.getstate() == state


def test_processors_are_the_host_s_not_the_machine_s() -> None:
    assert alone(lambda: print(os.cpu_count(), len(os.sched_getaffinity(0)))) == ["4 4"]
    assert os.cpu_count() != 4 or len(os.sched_getaffinity(0)) <= 4


def test_a_group_of_interrupts_is_how_a_server_of_trio_is_stopped(play: Play) -> None:
    trio = pytest.importorskip("trio")

    async def nothing(stream: object) -> None: ...

    outcome = play(lambda: trio.run(trio.serve_tcp, nothing, 80), lambda: None)
    assert outcome.programs[0].stopped
    assert not outcome.failed


def test_psutil_finds_a_program_under_its_own_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As much of psutil as asks for a process: it reads /proc/PID of the real machine."""
    (tmp_path / "psutil.py").write_text(
        "import os\n"
        "class Process:\n"
        "    def __init__(self, pid=None):\n"
        "        self._init(pid)\n"
        "    def told(self):\n"
        "        return self._pid, self._ident, self.read\n"
        "    def _init(self, pid, _ignore_nsp=False):\n"
        "        self._pid = os.getpid() if pid is None else pid\n"
        "        self.read = self._pid\n"
        "        self._ident = (self._pid, 17.5)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "psutil", raising=False)

    def program() -> None:
        made = importlib.import_module("psutil").Process
        for pid in (None, os.getpid(), 4_000_000):
            print(*made(pid).told())

    own = f"1001 (1001, 17.5) {os.getpid()}"
    assert alone(program) == [own, own, "4000000 (4000000, 17.5) 4000000"]
    sys.modules.pop("psutil")


def test_eventlet_does_not_change_what_programs_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "eventlet").mkdir()
    (tmp_path / "eventlet" / "__init__.py").write_text("from .patcher import monkey_patch\n")
    (tmp_path / "eventlet" / "patcher.py").write_text("def monkey_patch():\n    print('did')\n")
    monkeypatch.syspath_prepend(tmp_path)

    def program() -> None:
        with pytest.raises(Fenced, match=r"from eventlet\.green"):
            importlib.import_module("eventlet").monkey_patch()

    assert alone(program) == []
    for name in ("eventlet", "eventlet.patcher"):
        sys.modules.pop(name)
