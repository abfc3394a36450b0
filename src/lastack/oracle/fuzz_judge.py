"""One script on both sides: whether they differ, and the least script that still does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from lastack.profile import Profile

from .fuzz_compare import Parted, parted, race
from .fuzz_explained import Known, Seen, explained
from .fuzz_play import Look
from .fuzz_record import Recorded
from .fuzz_script import Arrival, Fuzz, Icmp, Offer, Place, Step
from .fuzz_simulated import play_simulated

_PLAYS: Final = 3
_SHRINKING: Final = 150
"""Plays that shrinking may take."""
_DIGITS: Final = re.compile(r"-?\d+(\.\d+)?")

OnKernel = Callable[[Fuzz], Recorded]


@dataclass(frozen=True)
class Compared:
    """A script on both sides: what was seen, the first difference, and why it may be a race."""

    recorded: Recorded
    lastack: list[Look]
    difference: Parted | None
    race: str = ""
    known: Known | None = None

    @property
    def counts(self) -> bool:
        """Whether there is a difference that is neither known nor a race."""
        return self.difference is not None and not self.race and self.known is None

    @property
    def kind(self) -> str:
        """What kind of difference it is: the same for scripts that differ in numbers only."""
        found = self.difference
        if found is None:
            return ""
        before = self.recorded.looks[found.step - 1].state if found.step else ""
        verb = " ".join(found.act.split()[: 2 if found.act.startswith("<") else 1])
        sides = (_DIGITS.sub("n", side) for side in (found.kernel, found.lastack))
        return " | ".join((found.field, before, verb, *sides))


def compare_recorded(recorded: Recorded, profile: Profile) -> Compared:
    """Play on lastack what the kernel has played, at the same times, and compare."""
    clock = [look.at for look in recorded.looks]
    looks = play_simulated(recorded.script, recorded.flow, profile, clock)
    difference = parted(recorded.looks, looks)
    if difference is None:
        return Compared(recorded, looks, None)
    step = difference.step
    why = race(recorded.looks, step) or race(looks, step)
    known = explained(Seen(recorded.script, recorded.looks, looks, difference))
    return Compared(recorded, looks, difference, why, known)


def found_after(
    recordings: Iterable[Recorded], right: Profile, wrong: Profile
) -> tuple[int, Compared] | None:
    """Return how many recorded scripts it takes until `wrong` differs from the kernel where
    `right` does not, and the difference; None if all are not enough."""
    for number, recorded in enumerate(recordings, 1):
        compared = compare_recorded(recorded, wrong)
        if compared.counts and compare_recorded(recorded, right).difference is None:
            return number, compared
    return None


def judge(script: Fuzz, on_kernel: OnKernel, profile: Profile) -> Compared:
    """Play a script on both. A difference that does not stay when the script is played again is
    none: a machine has other work too, and is late now and then. What may be a race at one time
    may be none the next."""
    compared = compare_recorded(on_kernel(script), profile)
    for _ in range(_PLAYS - 1):
        if compared.difference is None:
            break
        compared = compare_recorded(on_kernel(script), profile)
    return compared


def shrink(script: Fuzz, kind: str, on_kernel: OnKernel, profile: Profile) -> Fuzz:
    """Return a smaller script with the same kind of difference."""
    plays = 0
    progress = True
    while progress:
        progress = False
        for smaller in _smaller(script):
            plays += 1
            if plays > _SHRINKING:
                return script
            compared = compare_recorded(on_kernel(smaller), profile)
            if compared.kind == kind and compared.counts:
                script, progress = smaller, True
                break
    return script


def _smaller(script: Fuzz) -> Iterator[Fuzz]:
    steps = script.steps
    size = len(steps) // 2
    while size:
        for at in range(len(steps) - size, -1, -1):
            yield script.with_steps(steps[:at] + steps[at + size :])
        size = size // 2 if size > 1 else 0
    if script.tail != 20:
        yield replace(script, tail=20)
    plain = Offer()
    for field in ("mss", "wscale", "sack", "stamps", "iss"):
        if getattr(script.offer, field) != getattr(plain, field):
            yield replace(script, offer=replace(script.offer, **{field: getattr(plain, field)}))
    for at, step in enumerate(steps):
        for simpler in _simpler(step):
            yield script.with_steps((*steps[:at], simpler, *steps[at + 1 :]))


def _simpler(step: Step) -> Iterator[Step]:
    if step.wait:
        yield replace(step, wait=0)
    if isinstance(step, Arrival):
        if step.length > 1:
            yield replace(step, length=1)
        if step.window != 65535:
            yield replace(step, window=65535)
        for name, plain in (("stamp", "due"), ("sack", None), ("urgent", 0)):
            if getattr(step, name) != plain:
                yield replace(step, **{name: plain})  # type: ignore[arg-type]  # fields by name
        if "P" in step.flags:
            yield replace(step, flags=step.flags.replace("P", ""))
        if step.ack != Place("max"):
            yield replace(step, ack=Place("max"))
        if abs(step.seq.offset) > 1:
            yield replace(step, seq=Place(step.seq.base, 1 if step.seq.offset > 0 else -1))
    elif not isinstance(step, Icmp) and step.arguments and step.name in ("read", "write"):
        if step.arguments[0] > 1:
            yield replace(step, arguments=(1, *step.arguments[1:]))
        if step.arguments[1:] not in ((), (0,)):
            yield replace(step, arguments=(step.arguments[0], 0))
