"""Run the tests of a module in another process, and let no test stop the rest.

A test that takes longer than its limit of real time is recorded as `hung`, one that takes its
process with it as `crashed`; the tests after it run in a new process.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LIMIT = 60.0
"""Seconds of real time for one test, or for the import of a module."""
_WITHOUT_INTERNET = ("unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"]))
"""unshare(1): a network namespace with nothing but loopback, for what runs on the kernel."""
_GLANCE = 0.05
_TAIL = 2000


@dataclass(frozen=True)
class Result:
    """What came of one test.

    status: passed, skipped, failed, error (as unittest has them); hung, died (the program was
    stopped, as it listened and nobody came, or ended with a status other than 0), engine (an error
    of lastack), crashed, missing (the module has no such test). streams, tls: whether it opened a
    stream socket of the Internet, and whether it spoke TLS; only known on the kernel.
    """

    test: str
    status: str
    text: str = ""
    virtual: float = 0.0
    streams: bool = False
    tls: bool = False
    output: list[str] = field(default_factory=list)
    verdict: list[str] = field(default_factory=list)


class CannotLoad(Exception):
    """A module of tests cannot be imported; the text says why."""


def version_of(python: str, parts: int = 2) -> str:
    """Return "3.12" for an interpreter. OSError or CalledProcessError when it is none."""
    code = "import platform; print(platform.python_version())"
    answer = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    return ".".join(answer.stdout.strip().split(".")[:parts])


def run_module(
    python: str, module: str, where: str, tests: Sequence[str] = (), limit: float = LIMIT
) -> list[Result]:
    """Run tests of a module, all without `tests`, on the `kernel` or each in a `world`."""
    results: list[Result] = []
    todo: list[str] | None = list(tests) or None
    while todo is None or todo:
        with tempfile.TemporaryDirectory(prefix="lastack-cpython-") as directory:
            worker = _Worker(python, module, where, todo or [], Path(directory))
            found, listed = worker.wait(limit)
        if listed is None:
            raise CannotLoad(found[0].text)
        results += found
        done = {result.test for result in results}
        todo = [test for test in (todo or listed) if test not in done]
    return results


class _Worker:
    """One process, and what it has told so far."""

    def __init__(
        self, python: str, module: str, where: str, tests: list[str], directory: Path
    ) -> None:
        self._results, self._errors = directory / "results", directory / "errors"
        self._results.touch()
        wanted = directory / "wanted"
        wanted.write_text("\n".join(tests))
        work = directory / "work"
        work.mkdir()
        environment = {
            **os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
            "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(work),
        }  # fmt: skip
        command = [python, "-m", "tests.cpython.worker", module, where,
                   str(self._results), str(wanted)]  # fmt: skip
        if where == "kernel":
            command = [*_WITHOUT_INTERNET, *command]
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                command, cwd=work, env=environment, stdin=subprocess.DEVNULL, stdout=errors,
                stderr=errors, start_new_session=True,
            )  # fmt: skip

    def wait(self, limit: float) -> tuple[list[Result], list[str] | None]:
        """Return the results of this process and the tests of the module, None if it has none."""
        size, since = -1, time.monotonic()
        hung = False
        while self._process.poll() is None:
            now, grown = time.monotonic(), self._results.stat().st_size
            if grown != size:
                size, since = grown, now
            if now - since > limit:
                hung = True
                os.killpg(self._process.pid, 9)
                self._process.wait()
            time.sleep(_GLANCE)
        return self._told(hung, limit)

    def _told(self, hung: bool, limit: float) -> tuple[list[Result], list[str] | None]:
        listed: list[str] | None = None
        found: list[Result] = []
        running = ""
        for line in self._results.read_text().splitlines():
            row: dict[str, Any] = json.loads(line)
            if "tests" in row:
                listed = row["tests"]
            elif "begins" in row:
                running = row["begins"]
            else:
                running = ""
                found.append(Result(**row))
        errors = self._errors.read_text(errors="replace")[-_TAIL:]
        if hung and (running or listed is None):
            found.append(Result(running, "hung", f"no end within {limit:g} s\n{errors}"))
        elif running or listed is None:
            status = f"exit status {self._process.returncode}\n{errors}"
            found.append(Result(running, "crashed", status))
        return found, listed
