"""The rows of the table, in its order."""

from __future__ import annotations

from collections.abc import Callable

from . import compiled, kernel, memory, ns3, simulated, whole
from .table import Aim, Measure, Prepare, Row


def _sized(make: Callable[..., Measure], size: int, *rest: float) -> Prepare:
    """Return what prepares `make(size, ...)`, with a quarter of the size when it is quick."""
    return lambda quick: make(size // 4 if quick else size, *rest)


def _calls(function: Callable[[int, int], float], count: int, together: int) -> Prepare:
    def prepare(quick: bool) -> Measure:
        number = count // 4 if quick else count
        return lambda: function(number, together)

    return prepare


def _many(quick: bool) -> Measure:
    number = 2_500 if quick else 10_000
    return simulated.lifecycles(number, number)


def _memory(what: str, number: int) -> Prepare:
    def prepare(quick: bool) -> Measure:
        return lambda: memory.measured(what, number)

    return prepare


_LIFE = "lifecycles per CPU second"
_KERNEL = "the kernel's loopback from one thread"
_ALONE = _sized(simulated.lifecycles, 2000, 1)
_HUNDRED = _sized(simulated.lifecycles, 2000, 100)

ROWS = (
    Row("kernel-1", "lifecycles, alone", _LIFE, _ALONE, _KERNEL, _calls(kernel.lifecycles, 8000, 1),
        Aim(0.5, True)),
    Row("kernel-100", "lifecycles, 100 at a time", _LIFE, _HUNDRED, _KERNEL,
        _calls(kernel.lifecycles, 8000, 100), Aim(0.5, True)),
    Row("ns3-1", "lifecycles, alone", _LIFE, _ALONE, "ns-3", _sized(ns3.lifecycles, 2000, 1),
        Aim(5, True)),
    Row("ns3-100", "lifecycles, 100 at a time", _LIFE, _HUNDRED, "ns-3",
        _sized(ns3.lifecycles, 2000, 100), Aim(5, True)),
    Row("many", "lifecycles, 10,000 at a time", _LIFE, _many, "itself alone", _ALONE,
        Aim(0.5, True), rounds=5),
    Row("compiled-1", "lifecycles, alone, compiled", _LIFE, compiled.lifecycles(1), "interpreted",
        _ALONE),
    Row("compiled-100", "lifecycles, 100 at a time, compiled", _LIFE, compiled.lifecycles(100),
        "interpreted", _HUNDRED),
    Row("compiled-kernel", "lifecycles, 100 at a time, compiled", _LIFE, compiled.lifecycles(100),
        _KERNEL, _calls(kernel.lifecycles, 8000, 100)),
    Row("compiled-ns3", "lifecycles, 100 at a time, compiled", _LIFE, compiled.lifecycles(100),
        "ns-3", _sized(ns3.lifecycles, 2000, 100)),
    Row("bulk", "bulk bytes, no loss", "MB per CPU second", _sized(simulated.bulk, 40_000_000, 0.0),
        rounds=5),
    Row("bulk-loss", "bulk bytes, 1 % loss", "MB per CPU second",
        _sized(simulated.bulk, 10_000_000, 0.01), rounds=5),
    Row("time-wait", "a TIME_WAIT among 1,000,000", "bytes",
        _memory("time-waits", 1_000_000), aim=Aim(64, False, "ours"), rounds=1),
    Row("cliff", "open+close among 1,000,000 TIME_WAITs", "CPU us",
        _sized(simulated.among_time_waits, 1000, 1_000_000), "1,000 of them",
        _sized(simulated.among_time_waits, 1000, 1000), Aim(2, False)),
    Row("endpoint", "an idle established endpoint", "bytes", _memory("endpoints", 20_000),
        aim=Aim(1500, False, "ours"), rounds=1),
    Row("virtual", "a 4-tuple reopened after each 2 MSL", "virtual s per CPU s",
        _sized(simulated.reopened, 10_000), aim=Aim(100_000, True, "ours"), rounds=3),
    *(Row(name, what, "seconds", whole.world(index), "kernel loopback", whole.kernel(index),
          Aim(aim, False), rounds=5)
      for index, (name, what, aim) in enumerate(whole.PROGRAMS)),
)  # fmt: skip
