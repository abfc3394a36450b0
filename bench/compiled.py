"""The lifecycles with the compiled rooms of `build/compiled`, in a child process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .table import Measure, Prepare, Skip

ROOT = Path(__file__).parents[1]
COMPILED = ROOT / "build" / "compiled"

_CHILD = """
import sys
import lastack.tcp.tcb
from bench.simulated import lifecycles
assert not lastack.tcp.tcb.__file__.endswith(".py"), lastack.tcp.tcb.__file__
measured = lifecycles(*map(int, sys.argv[1:]))
for line in sys.stdin:
    print(measured(), flush=True)
"""


def lifecycles(together: int) -> Prepare:
    """Return what prepares lifecycles a processor second, measured whenever it is asked."""

    def prepare(quick: bool) -> Measure:
        if not (COMPILED / "lastack").is_dir():
            raise Skip("not compiled (make compiled)")
        words = [sys.executable, "-c", _CHILD, str(500 if quick else 2000), str(together)]
        paths = os.pathsep.join([str(COMPILED), str(ROOT)])
        child = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env={**os.environ, "PYTHONPATH": paths},
        )  # fmt: skip

        def measured() -> float:
            assert child.stdin is not None
            assert child.stdout is not None
            print(file=child.stdin, flush=True)
            return float(child.stdout.readline())

        return measured

    return prepare
