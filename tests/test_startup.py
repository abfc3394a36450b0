"""What begins in a program before its first line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lastack.startup import led_by, prepare

PROGRAM = "import sys; print(sys.argv[1:], __name__, sys.path[0], 'sitecustomize' in sys.modules)"


def run(
    tmp_path: Path, start: str, *, forgiving: bool = False, behind: str = ""
) -> tuple[str, str]:
    room, directory, own = (tmp_path / name for name in ("room", "directory", "own"))
    for each in (room, directory, own):
        each.mkdir()
    (room / "start.py").write_text(start)
    (room / "beside.py").write_text("def word(): return 'beside'\n")
    if behind:
        (own / "sitecustomize.py").write_text(behind)
    prepare(directory, room / "start.py", forgiving=forgiving)
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, "a"], capture_output=True, text=True, check=True,
        env=led_by(directory, {**os.environ, "PYTHONPATH": str(own)}), timeout=30,
    )  # fmt: skip
    return ran.stdout, ran.stderr


BEGINS = "from .beside import word\ndef begin_process(here): print(word(), here[-9:])\n"


def test_it_begins_first_and_the_program_is_as_it_was(tmp_path: Path) -> None:
    said, complaint = run(tmp_path, BEGINS)
    assert said == "beside directory\n['a'] __main__  True\n"
    assert complaint == ""


def test_the_sitecustomize_behind_it_has_its_turn(tmp_path: Path) -> None:
    said, _ = run(tmp_path, BEGINS, behind="print('mine')\n")
    assert said.splitlines()[:2] == ["beside directory", "mine"]


def test_a_failure_is_told_or_forgiven_and_the_program_runs(tmp_path: Path) -> None:
    fails = "def begin_process(here): raise RuntimeError('no')\n"
    said, complaint = run(tmp_path, fails)
    assert "RuntimeError: no" in complaint
    assert said.startswith("['a'] __main__")
    (tmp_path / "second").mkdir()
    assert run(tmp_path / "second", fails, forgiving=True)[1] == ""
