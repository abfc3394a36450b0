"""The claims on this machine's kernel, each judged as the simulated ones are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from lastack.matrix import (
    PROGRAMS,
    Claim,
    Judged,
    Played,
    judge,
    judge_played,
    program_text,
)
from lastack.oracle import KNOWN_IN_CLAIMS, Surroundings, explanation, perform_on_kernel
from lastack.profile import LINUX, S
from lastack.trace import Waiting

from .judged import need_namespaces

AT_A_TIME: Final = 6
"""Claims that are played side by side: they mostly wait."""
_SHARE: Final = 1.15
_GRACE: Final = 10.0
"""A program on the kernel gets this many times the seconds that the simulated one took, as its
timers are late by up to an eighth, and so many more."""


@dataclass(frozen=True)
class OnBoth:
    """A claim in simulation and, if it does not take longer than the limit, on the kernel."""

    simulated: Judged
    takes: int
    kernel: Judged | None

    @property
    def differs(self) -> bool:
        """Whether it holds on one and not on the other."""
        return self.kernel is not None and self.kernel.holds != self.simulated.holds

    @property
    def explained(self) -> str:
        """Why it differs, "" if nobody knows or it does not."""
        return explanation(KNOWN_IN_CLAIMS, self.simulated.id, "holds") if self.differs else ""


def claims_on_kernel(claims: Sequence[Claim], limit: int) -> list[OnBoth]:
    """Judge claims on the kernel whose programs take no longer than `limit` ns (0: all)."""
    need_namespaces()
    simulated = [judge(claim, LINUX) for claim in claims]
    times = [last_at(one) for one in simulated]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        waiting = [
            pool.submit(_on_kernel, claim, took) if not limit or took <= limit else None
            for claim, took in zip(claims, times, strict=True)
        ]
        return [
            OnBoth(one, took, future.result() if future is not None else None)
            for one, took, future in zip(simulated, times, waiting, strict=True)
        ]


def last_at(one: Judged) -> int:
    """Return when the last thing happened in a run, ns; a TIME-WAIT is not waited for."""
    return max((event.at for event in one.events if not isinstance(event, Waiting)), default=0)


def _on_kernel(claim: Claim, took: int) -> Judged:
    text = program_text(claim.id)
    scope: dict[str, Any] = {"__name__": claim.id}
    exec(compile(text, f"{claim.id}.py", "exec"), scope)  # a file of this package
    functions = [name for name in scope if name in PROGRAMS]
    around = Surroundings(scope.get("LOST"), scope.get("LATE"), scope.get("ADMIN", ()))
    done = perform_on_kernel(text, functions, around, took / S * _SHARE + _GRACE)
    played = Played(
        LINUX, text, done.played.events, done.played.book, done.results, done.unended,
        done.played.names,
    )  # fmt: skip
    return judge_played(claim, played, "kernel")


def claims_on_kernel_json(told: Iterable[OnBoth]) -> dict[str, Any]:
    """Return the documented shape."""
    rows = list(told)
    return {
        "schema": 1,
        "on": "kernel",
        "claims": [
            {
                "id": one.simulated.id, "source": one.simulated.claim.source,
                "claim": one.simulated.claim.text, "profile": judged.profile,
                "holds": judged.holds, "observed": judged.observed,
            }
            for one in rows for judged in (one.simulated, one.kernel) if judged is not None
        ],
        "skipped": [
            {"id": one.simulated.id, "seconds": one.takes / S}
            for one in rows if one.kernel is None
        ],
        "differences": [
            {"id": one.simulated.id, "explained": one.explained or None}
            for one in rows if one.differs
        ],
    }  # fmt: skip
