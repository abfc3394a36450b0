"""Values on the command line: durations, rates, shares, profiles, programs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from lastack.profile import PROFILES, Profile

from .paint import Painter

_UNITS: Final = {
    "ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000,
    "min": 60_000_000_000, "h": 3_600_000_000_000, "": 1_000_000_000,
}  # fmt: skip
_FACTORS: Final = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}


class Duration(click.ParamType[int, Any]):
    """A time such as 40ms, 1.5s, 2m; ns as int."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse the text."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ns|us|ms|s|min|m|h|)", str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no time; write 40ms, 1.5s, 2m or 1h", param, ctx)
        return round(float(found[1]) * _UNITS[found[2]])


class Rate(click.ParamType[int, Any]):
    """A rate in bit/s with k, M or G."""

    name = "RATE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse the text."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?)", str(value).strip().lower())
        if found is None:
            self.fail(f"{value!r} is no rate; write 500k, 10M or 1G bit/s", param, ctx)
        return round(float(found[1]) * _FACTORS[found[2]])


class Share(click.ParamType[float, Any]):
    """A probability: 2% or 0.02."""

    name = "SHARE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Parse the text."""
        text = str(value).strip()
        try:
            share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
        except ValueError:
            self.fail(f"{value!r} is no share; write 2% or 0.02", param, ctx)
        if not 0 <= share <= 1:
            self.fail(f"{value!r} is not between 0% and 100%", param, ctx)
        return share


def given_options() -> dict[str, str]:
    """Return the options that the command line has, as they are written, by parameter."""
    context = click.get_current_context()
    return {
        str(parameter.name): parameter.opts[0]
        for parameter in context.command.params
        if context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
    }


def find_profile(name: str) -> Profile:
    """Return a profile by name; UsageError that lists them."""
    if name not in PROFILES:
        raise click.UsageError(f"no profile {name!r}; there are {', '.join(PROFILES)}")
    return PROFILES[name]


def chosen_profiles(names: tuple[str, ...]) -> list[Profile]:
    """Return the profiles that were asked for, all of them when none was."""
    return [find_profile(name) for name in names] if names else list(PROFILES.values())


@dataclass(frozen=True)
class ProgramSpec:
    """NAME[+][@TIME]='PROGRAM ARGS' of the command line."""

    host: str
    command: list[str]
    start_at: int | None
    background: bool

    @property
    def text(self) -> str:
        """The command as it would be typed."""
        return shlex.join(self.command)


FAULTS: Final = ("kill", "restart", "power-cut", "power-on", "reboot", "restart-network")
"""What `--at` can do to a host or to its programs."""


@dataclass(frozen=True)
class FaultSpec:
    """TIME=FAULT:HOST of the command line; at in ns."""

    at: int
    fault: str
    host: str


def parse_fault(text: str) -> FaultSpec:
    """Parse one `--at`; UsageError for what cannot be done."""
    when, equals, rest = text.partition("=")
    fault, colon, host = rest.partition(":")
    if not (equals and colon and host):
        raise click.UsageError(f"--at {text!r}: write TIME=FAULT:HOST, as in 2s=kill:web")
    if fault not in FAULTS:
        raise click.UsageError(f"--at {text!r}: no fault {fault!r}; there are {', '.join(FAULTS)}")
    return FaultSpec(Duration().convert(when, None, None), fault, host)


_SPEC: Final = re.compile(
    r"(?P<name>[A-Za-z](?:[\w.-]*\w)?)(?P<mark>[+@][^=]*)?=(?P<command>.*)", re.S
)


def parse_program(text: str) -> ProgramSpec:
    """Parse one program of `lastack run`; UsageError for what cannot be run."""
    found = _SPEC.fullmatch(text)
    if found is None:
        raise click.UsageError(f"{text!r} is no program; write NAME='PROGRAM ARGS'")
    mark = found["mark"] or ""
    background = mark.startswith("+")
    when = mark.removeprefix("+")
    if when and not when.startswith("@"):
        raise click.UsageError(f"{text!r}: after the name comes + or @TIME")
    start_at = Duration().convert(when[1:], None, None) if when else None
    try:
        command = shlex.split(found["command"])
    except ValueError as error:
        raise click.UsageError(f"{text!r}: {error}") from None
    if not command:
        raise click.UsageError(f"{found['name']}: no program; write a .py file or -m MODULE")
    if command[0] == "-m":
        if len(command) < 2:
            raise click.UsageError(f"{found['name']}: -m wants a module")
    elif not Path(command[0]).is_file():
        raise click.UsageError(f"{found['name']}: no such file: {command[0]}")
    return ProgramSpec(found["name"], command, start_at, background)


def from_documents(profiles: Iterable[Profile]) -> list[str]:
    """Return the names of those profiles that are TCPs which nobody has run for lastack."""
    return sorted({profile.name for profile in profiles if profile.unproven})


def show_from_documents(painter: Painter, names: list[str]) -> None:
    """Say below a table which of its profiles nobody has run."""
    if names:
        painter.line(f"From documents, nobody ran it here: {', '.join(names)}.")
