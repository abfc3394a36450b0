"""Many random scripts, in several processes: a script waits more than it works."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from time import monotonic
from typing import Final, TypeVar

from lastack.drill import in_processes
from lastack.profile import Profile

from .fuzz_generate import generate
from .fuzz_judge import Compared, judge, shrink
from .fuzz_kernel import KernelPlayer
from .fuzz_record import Recorded
from .fuzz_script import Fuzz
from .namespace import Namespace

_T = TypeVar("_T")
FUZZ_JOBS: Final = 8
"""Processes; more than processors, since a script mostly waits."""
_BATCH: Final = 25


@dataclass
class Batch:
    """What came of some scripts, by their names: how many were played, which differ, which differ
    as is known, and in which a timer may have come before or after a step."""

    played: int = 0
    found: list[tuple[str, Compared]] = field(default_factory=list)
    explained: list[tuple[str, str]] = field(default_factory=list)
    races: list[tuple[str, str]] = field(default_factory=list)

    def note(self, compared: Compared) -> None:
        """Note one script."""
        name = compared.recorded.script.name
        self.played += 1
        if compared.known is not None:
            self.explained.append((name, compared.known.name))
        elif compared.race:
            self.races.append((name, compared.race))
        elif compared.difference is not None:
            self.found.append((name, compared))

    def add(self, other: Batch) -> None:
        """Take in what came of others."""
        self.played += other.played
        self.found += other.found
        self.explained += other.explained
        self.races += other.races


def in_namespace(work: Callable[[KernelPlayer], _T]) -> _T:
    """Do some work with a player in a namespace of its own."""
    with Namespace() as space:

        def inside() -> _T:
            with KernelPlayer(space) as player:
                return work(player)

        return space.call(inside)


def explore(
    seeds: Sequence[int], profile: Profile, jobs: int = FUZZ_JOBS, until: float = math.inf
) -> Generator[Batch, None, None]:
    """Play the scripts of some seeds on both sides, and yield what comes of them, batch by batch.
    None begins after `until`, a time.monotonic()."""
    batches = [seeds[at : at + _BATCH] for at in range(0, len(seeds), _BATCH)]
    yield from in_processes(partial(_explore, profile=profile, until=until), batches, jobs)


def record(
    seeds: Sequence[int], jobs: int = FUZZ_JOBS, until: float = math.inf
) -> Generator[list[Recorded], None, None]:
    """Play the scripts of some seeds on the kernel alone; none begins after `until`."""
    batches = [seeds[at : at + _BATCH] for at in range(0, len(seeds), _BATCH)]
    yield from in_processes(partial(_record, until=until), batches, jobs)


def _record(seeds: Sequence[int], until: float) -> list[Recorded]:
    if monotonic() > until:
        return []
    return in_namespace(
        lambda player: [player.play(generate(seed)) for seed in _before(until, seeds)]
    )


def _explore(seeds: Sequence[int], profile: Profile, until: float) -> Batch:
    if monotonic() > until:
        return Batch()
    return in_namespace(lambda player: _with(player, _before(until, seeds), profile))


def _before(until: float, seeds: Sequence[int]) -> Iterator[int]:
    return takewhile(lambda _: monotonic() <= until, seeds)


def _with(player: KernelPlayer, seeds: Iterator[int], profile: Profile) -> Batch:
    batch = Batch()
    for seed in seeds:
        batch.note(judge(generate(seed), player.play, profile))
    return batch


def shrunk(
    found: Sequence[tuple[Fuzz, str]], profile: Profile, jobs: int = FUZZ_JOBS
) -> Iterator[tuple[str, Compared]]:
    """Yield for scripts and their kinds of difference the kind, and the least script that still
    has it on both sides."""
    yield from in_processes(partial(_shrunk, profile=profile), list(found), jobs)


def _shrunk(one: tuple[Fuzz, str], profile: Profile) -> tuple[str, Compared]:
    def work(player: KernelPlayer) -> tuple[str, Compared]:
        small = shrink(one[0], one[1], player.play, profile)
        return one[1], judge(small, player.play, profile)

    return in_namespace(work)
