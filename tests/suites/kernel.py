"""How many scripts of the public suites pass on the Linux kernel in our runner: kernel.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).parent / "kernel.toml"
COMMAND = "LASTACK_SUITES=DIRECTORY python -m tests.suites"
LIMIT = 30.0
"""Seconds that a script may take there; a longer one is skipped."""
_HEAD = f"""\
# How many scripts of the public packetdrill suites pass on the Linux kernel, in our runner:
# the rows of expected.toml that have the profile linux, by their names. Written (as root) by
#   {COMMAND}
# `skipped` take longer than {LIMIT:g} s.
"""


class Count(NamedTuple):
    """Of one row; `date` is that of the run, `kernel` its release."""

    passed: int
    skipped: int
    kernel: str
    date: str


def counts() -> dict[str, Count]:
    """Return the counts by the name of their row, nothing where there is no file."""
    if not FILE.exists():
        return {}
    told = tomllib.loads(FILE.read_text("utf-8"))
    return {
        one["name"]: Count(one["pass"], one["skipped"], one["kernel"], one["date"])
        for one in told["counted"]
    }


def text(found: Mapping[str, Count]) -> str:
    """Return the file."""
    rows = [
        f'\n[[counted]]\nname = "{name}"\npass = {one.passed}\nskipped = {one.skipped}\n'
        f'kernel = "{one.kernel}"\ndate = "{one.date}"\n'
        for name, one in found.items()
    ]
    return _HEAD + "".join(rows)
