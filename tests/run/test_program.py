"""A program's life: files, modules, output, exit status, its own things."""

import os
import random
import secrets
import signal
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest

from lastack.run import Ended, Outcome, World

from .conftest import Play


def run_file(tmp_path: Path, source: str, *args: str) -> Ended:
    path = tmp_path / "main.py"
    path.write_text(source, encoding="utf-8")
    world = World()
    world.program(world.host("a"), [str(path), *args])
    return world.run().programs[0]


def texts(ended: Ended, stream: str = "stdout") -> list[str]:
    return [line.text for line in ended.output if line.stream == stream]


def test_a_file_finds_what_python_gives_it(tmp_path: Path) -> None:
    (tmp_path / "friend.py").write_text("NAME = 'friend'", encoding="utf-8")
    ended = run_file(
        tmp_path,
        "import sys, friend\n"
        "print(__name__, sys.argv[1:], __file__ == sys.argv[0], sys.path[0])\n"
        "print(sys.modules['__main__'].__dict__ is globals(), friend.NAME)\n"
        "print(sys.stdin.read() == '', sys.stdout.isatty())\n",
        "x", "--y=1",
    )  # fmt: skip
    assert ended.exit == 0
    assert texts(ended) == [
        f"__main__ ['x', '--y=1'] True {tmp_path}", "True friend", "True False",
    ]  # fmt: skip


def test_a_module_is_run_like_python_m(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "tool"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "__main__.py").write_text(
        "import sys\nprint(__name__, __package__, sys.argv[1:])", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    world = World()
    world.program(world.host("a"), ["-m", "tool", "x"])
    ended = world.run().programs[0]
    assert (ended.exit, texts(ended)) == (0, ["__main__ tool ['x']"])


@pytest.mark.parametrize(
    "argv", [[], ["-m"], ["/no/such/file.py"], ["-m", "no_such_module"], ["-m", "no.such.module"]]
)
def test_what_is_no_program_is_refused_before_the_run(argv: list[str]) -> None:
    world = World()
    with pytest.raises(ValueError):
        world.program(world.host("a"), argv)


@pytest.mark.parametrize(
    ("source", "status", "last"),
    [
        ("pass", 0, None),
        ("import sys; sys.exit()", 0, None),
        ("import sys; sys.exit(3)", 3, None),
        ("import sys; sys.exit(256)", 0, None),
        ("import sys; sys.exit('no luck')", 1, "no luck"),
        ("1 / 0", 1, "ZeroDivisionError: division by zero"),
        ("raise KeyboardInterrupt", 130, "KeyboardInterrupt"),
        ("def f(:", 1, "SyntaxError: invalid syntax"),
    ],
)
def test_exit_status(tmp_path: Path, source: str, status: int, last: str | None) -> None:
    ended = run_file(tmp_path, source)
    assert (ended.exit, ended.stopped, ended.hung) == (status, False, "")
    assert texts(ended, "stderr")[-1:] == ([] if last is None else [last])


def test_a_traceback_begins_in_the_program(tmp_path: Path) -> None:
    ended = run_file(tmp_path, "def f():\n    raise LookupError(1)\nf()\n")
    assert [line for line in texts(ended, "stderr") if "File" in line] == [
        f'  File "{tmp_path}/main.py", line 3, in <module>',
        f'  File "{tmp_path}/main.py", line 2, in f',
    ]


def test_output_has_its_time_and_stream(tmp_path: Path) -> None:
    ended = run_file(
        tmp_path,
        "import sys, time\n"
        "print('one', end='')\ntime.sleep(2)\nprint(' line')\n"
        "print('wrong', file=sys.stderr)\nsys.stdout.buffer.write(b'\\xff raw\\n')\n"
        "sys.stdout.write('unfinished')\n",
    )
    assert [(line.at, line.stream, line.text) for line in ended.output] == [
        (2_000_000_000, "stdout", "one line"),
        (2_000_000_000, "stderr", "wrong"),
        (2_000_000_000, "stdout", "\\xff raw"),
        (2_000_000_000, "stdout", "unfinished"),
    ]


def test_exit_waits_for_threads_then_runs_atexit_in_reverse(play: Play) -> None:
    def main() -> None:
        import atexit

        def late() -> None:
            time.sleep(3)
            print("thread")

        atexit.register(print, "first registered")
        atexit.register(print, "second registered")
        threading.Thread(target=late).start()
        raise SystemExit(4)

    ended = play(main).programs[0]
    assert ended.exit == 4
    assert texts(ended) == ["thread", "second registered", "first registered"]


def test_daemon_threads_die_silently_with_their_program(play: Play) -> None:
    def main() -> None:
        def tick() -> None:
            try:
                while True:
                    time.sleep(1)
                    print("tick")
            finally:
                print("a dead thread runs no finally")

        threading.Thread(target=tick, daemon=True).start()
        time.sleep(2.5)

    assert texts(play(main).programs[0]) == ["tick", "tick"]


def test_each_program_has_its_own_surroundings(tmp_path: Path) -> None:
    world = World()
    for name in ("a", "b"):
        directory = tmp_path / name
        directory.mkdir()
        (directory / "mine.py").write_text(f"WHO = {name!r}", encoding="utf-8")
        (directory / "main.py").write_text(
            "import os, sys, time, mine\n"
            f"os.environ['LASTACK_WHO'] = {name!r}; os.chdir({str(directory)!r})\n"
            f"sys.argv.append({name!r})\ntime.sleep(1)\nimport mine as again\n"
            "print(again is mine, mine.WHO, os.environ['LASTACK_WHO'], sys.argv[-1],"
            " os.path.basename(os.getcwd()))\n",
            encoding="utf-8",
        )
        world.program(world.host(name), [str(directory / "main.py")])
    before = (os.getcwd(), list(sys.argv), list(sys.path), sys.stdout, sys.modules["__main__"])
    outcome = world.run()
    assert [texts(ended) for ended in outcome.programs] == [
        ["True a a a a"], ["True b b b b"],
    ]  # fmt: skip
    assert before == (
        os.getcwd(), list(sys.argv), list(sys.path), sys.stdout, sys.modules["__main__"],
    )  # fmt: skip
    assert "LASTACK_WHO" not in os.environ
    assert "mine" not in sys.modules


def test_randomness_comes_from_the_seed_and_the_process_keeps_its_own(play: Play) -> None:
    def main() -> None:
        print(random.random(), random.Random().random(), secrets.token_hex(4))
        print(uuid.uuid4(), os.urandom(4).hex(), random.SystemRandom().random())

    def told(seed: int) -> list[str]:
        return texts(play(main, seed=seed).programs[0])

    random.seed(7)
    state, own = random.getstate(), random.Random(7)
    assert told(1) == told(1) != told(2)
    assert random.getstate() == state
    assert [random.random() for _ in range(3)] == [own.random() for _ in range(3)]
    assert len({os.urandom(16) for _ in range(3)} | {uuid.uuid4().bytes for _ in range(3)}) == 6
    assert random.Random().random() != random.Random().random()


def test_signals_stay_in_the_program(play: Play) -> None:
    def main() -> None:
        def handler(number: int, frame: object) -> None:
            print(signal.Signals(number).name, time.monotonic())

        signal.signal(signal.SIGALRM, handler)
        signal.signal(signal.SIGTERM, handler)
        signal.setitimer(signal.ITIMER_REAL, 2, 3)
        time.sleep(6)
        os.kill(os.getpid(), signal.SIGTERM)
        print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGTERM)
    ended = play(main).programs[0]
    assert ended.exit == 128 + signal.SIGTERM
    assert texts(ended) == ["SIGALRM 2.0", "SIGALRM 5.0", "SIGTERM 6.0", "True"]
    assert before == (signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGTERM))


def test_a_handler_that_raises_interrupts_the_wait(play: Play) -> None:
    def main() -> None:
        def handler(number: int, frame: object) -> None:
            raise TimeoutError

        signal.signal(signal.SIGALRM, handler)
        signal.alarm(5)
        try:
            threading.Event().wait()
        except TimeoutError:
            print(time.monotonic())

    assert texts(play(main).programs[0]) == ["5.0"]


def test_signals_are_for_the_main_thread(play: Play) -> None:
    def main() -> None:
        def worker() -> None:
            with pytest.raises(ValueError, match="main thread"):
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            print("refused")

        threading.Thread(target=worker).start()

    assert texts(play(main).programs[0]) == ["refused"]


def test_exceptions_of_threads_go_to_the_program(play: Play) -> None:
    def main() -> None:
        threading.Thread(target=lambda: [].pop(), name="popper").start()

    outcome: Outcome = play(main)
    lines = texts(outcome.programs[0], "stderr")
    assert lines[0] == "Exception in thread popper:"
    assert lines[-1] == "IndexError: pop from empty list"
    assert outcome.programs[0].exit == 0
