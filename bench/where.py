"""Where the time of the simulation goes: the stack is looked at every millisecond of CPU time.

    python -m bench.where [SECONDS]

A share belongs to the function at the top of the stack, what it calls in C included; builtins such
as min() are C. Below the rooms stand the twelve functions with the largest shares.
"""

from __future__ import annotations

import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from . import simulated

_TICK = 0.001


def sampled(measured: Callable[[], float], seconds: float) -> Counter[tuple[str, str]]:
    """Return how often each (file, function) was at the top of the stack."""
    seen: Counter[tuple[str, str]] = Counter()

    def look(number: int, frame: FrameType | None) -> None:
        if frame is not None:
            seen[frame.f_code.co_filename, frame.f_code.co_qualname] += 1

    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, _TICK, _TICK)
    try:
        end = time.process_time() + seconds
        while time.process_time() < end:
            measured()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return seen


def room(path: str) -> str:
    """Return "tcp" for a file of that room, "the driver" for bench, "Python" for the rest."""
    parts = Path(path).parts
    if "lastack" in parts:
        return parts[len(parts) - 1 - parts[::-1].index("lastack") + 1].removesuffix(".py")
    return "the driver" if "bench" in parts[-2:] else "Python"


def report(title: str, seen: Counter[tuple[str, str]]) -> None:
    """Print the shares."""
    total = seen.total()
    rooms: Counter[str] = Counter()
    for (path, _), count in seen.items():
        rooms[room(path)] += count
    print(f"{title} ({total} samples)")
    print("  " + ", ".join(f"{name} {count / total:.0%}" for name, count in rooms.most_common()))
    for (path, function), count in seen.most_common(12):
        print(f"  {count / total:6.1%}  {room(path)}/{Path(path).name}  {function}")


def main() -> None:
    """Sample lifecycles and bulk transfers."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    report("lifecycles, alone", sampled(simulated.lifecycles(200, 1), seconds))
    report("bulk bytes", sampled(simulated.bulk(2_000_000, 0.0), seconds))


if __name__ == "__main__":
    main()
