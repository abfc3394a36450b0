"""Programs run under `lastack audit` for real, and what it says of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Final, NamedTuple

import jsonschema

SCHEMA: Final = Path(__file__).parents[2] / "docs" / "schema" / "audit.json"
LASTACK: Final = [sys.executable, "-m", "lastack"]

PAIR: Final = """\
import os, socket, struct, sys

def pair(**options):
    listener = socket.create_server(("127.0.0.1", 0), **options)
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    listener.close()
    return client, server

def linger(sock, seconds):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, seconds))
"""


class Audited(NamedTuple):
    """What a program wrote, its status, and the report about it."""

    stdout: str
    stderr: str
    status: int
    report: Any
    lines: dict[str, int]

    @property
    def endings(self) -> list[Any]:
        found: list[Any] = self.report["endings"]
        return found

    @property
    def ending(self) -> Any:
        """The only one."""
        assert len(self.endings) == 1, self.endings
        return self.endings[0]


def lastack(
    *words: str, cwd: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would."""
    return subprocess.run(
        [*LASTACK, *words], cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True,
        text=True, check=False, timeout=60,
    )  # fmt: skip


def audited(
    tmp_path: Path, source: str, *options: str, env: dict[str, str] | None = None
) -> Audited:
    """Audit a program that may use pair() and linger(); `# name` marks a line to be found again."""
    text = PAIR + textwrap.dedent(source)
    program = tmp_path / "program.py"
    program.write_text(text, encoding="utf-8")
    told = tmp_path / "report.json"
    words = ("audit", "--json", "-o", str(told), *options, "--", sys.executable, "program.py")
    done = lastack(*words, cwd=tmp_path, env=env)
    assert told.exists(), done.stderr
    report = json.loads(told.read_text())
    jsonschema.validate(report, json.loads(SCHEMA.read_text()))
    assert report["status"] == done.returncode
    marks = {
        line.rpartition("# ")[2]: number
        for number, line in enumerate(text.splitlines(), 1)
        if "# " in line
    }
    return Audited(done.stdout, done.stderr, done.returncode, report, marks)
