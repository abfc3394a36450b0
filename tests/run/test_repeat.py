"""Runs that repeat: hashes and addresses of a fresh interpreter."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

ADDRESSES = "class C: pass\nprint([hash(C()) for _ in range(3)], hash('text'))"


def again(program: str) -> str:
    """Return a program that starts the interpreter again, as it has to be, with `program`."""
    return f"""
import os, sys
from lastack.run import same_again
environment = same_again()
if environment is None:
    sys.exit("refused")
os.execve(sys.executable, [sys.executable, "-c", {program!r}], environment)
"""


def told(program: str, **environment: str) -> str:
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONHASHSEED"}
    done = subprocess.run(
        [sys.executable, "-c", program], env={**inherited, **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.stdout or done.stderr.strip()


def test_an_interpreter_that_starts_again_has_the_same_hashes_and_addresses() -> None:
    if told(again(ADDRESSES), PYTHONHASHSEED="0") == "refused":
        pytest.skip("personality(2) is not allowed here")
    assert len({told(again(ADDRESSES)) for _ in range(4)}) == 1


def test_once_is_enough() -> None:
    asked = again("from lastack.run import same_again; print(same_again())")
    assert told(asked) == "None\n"


def test_a_hash_seed_that_the_person_chose_is_kept() -> None:
    shown = again("import os; print(os.environ['PYTHONHASHSEED'])")
    assert told(shown, PYTHONHASHSEED="7") in ("7\n", "refused")
