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
print(lifecycles(*map(int, sys.argv[1:]))())
"""


def lifecycles(together: int) -> Prepare:
    """Return what prepares lifecycles a processor second."""

    def prepare(quick: bool) -> Measure:
        if not (COMPILED / "lastack").is_dir():
            raise Skip("not compiled (make compiled)")
        words = [sys.executable, "-c", _CHILD, str(500 if quick else 2000), str(together)]
        paths = os.pathsep.join([str(COMPILED), str(ROOT)])
        environment = {**os.environ, "PYTHONPATH": paths}

        def measured() -> float:
            run = subprocess.run(
                words, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=600,
                check=True,
            )  # fmt: skip
            return float(run.stdout)

        return measured

    return prepare
