"""The lifecycle of `bench.world` in ns-3, from the Debian packages libns3-dev and g++.

The driver is `ns3_lifecycle.cc`, compiled into a temporary directory. Nothing of ns-3 is part of
lastack.
"""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from .table import Measure, Skip

_SOURCE = Path(__file__).with_name("ns3_lifecycle.cc")
_LIBRARIES = ("core", "network", "internet", "point-to-point")


@cache
def _directory() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="lastack-ns3-")


@cache
def _driver() -> Path:
    compiler = shutil.which("g++")
    if compiler is None:
        raise Skip("no g++ (apt install g++ libns3-dev)")
    driver = Path(_directory().name, "ns3_lifecycle")
    libraries = [f"-lns3-{name}" for name in _LIBRARIES]
    made = subprocess.run(
        [compiler, "-O2", "-std=c++17", "-o", str(driver), str(_SOURCE), *libraries],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    if made.returncode:
        lines = [line for line in made.stderr.splitlines() if "error" in line or "cannot" in line]
        raise Skip(f"no ns-3 (apt install libns3-dev): {lines[0] if lines else made.stderr}")
    return driver


def lifecycles(count: int, together: int) -> Measure:
    """Return what measures lifecycles a processor second of ns-3; Skip where it is not there."""
    driver = _driver()

    def measured() -> float:
        run = subprocess.run(
            [str(driver), str(count), str(together)], capture_output=True, text=True, timeout=600,
            check=True,
        )  # fmt: skip
        return count / float(run.stdout)

    return measured
