"""The command: `python -m tests.cpython run|select`."""

from __future__ import annotations

import datetime
import platform
import subprocess
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase

import click

from .document import PAGE, Stamp, render
from .judge import Judged, Judgement, idle_entries, judge
from .records import (
    MODULES,
    Selected,
    merged,
    read_expected,
    read_selected,
    write_selected,
)  # fmt: skip
from .runner import LIMIT, CannotLoad, Result, run_module, version_of
from .worker import full_name

_TEXT_LINES = 12


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run CPython's own tests of sockets, each in a world of its own."""


python_option = click.option(
    "--python", "pythons", multiple=True, metavar="PATH", default=[sys.executable],
    help="Interpreter whose tests run; may be repeated.  [this one]",
)  # fmt: skip
limit_option = click.option(
    "--limit", default=LIMIT, show_default=True, help="Seconds of real time for one test."
)


@main.command()
@click.argument("modules", nargs=-1)
@python_option
@limit_option
@click.option("--test", "patterns", multiple=True, metavar="PATTERN", help="Class.method, with *.")
@click.option("--anew", is_flag=True, help="Find the tests on the kernel, not in selected.txt.")
@click.option(
    "--every", is_flag=True, help="Also tests that open no stream socket (implies --anew)."
)
@click.option("--reasons", is_flag=True, help="Show also the misses that are expected.")
@click.option("--document", is_flag=True, help="Write docs/cpython.md from the results.")
def run(
    modules: tuple[str, ...], pythons: tuple[str, ...], limit: float, patterns: tuple[str, ...],
    anew: bool, every: bool, reasons: bool, document: bool,
) -> None:  # fmt: skip
    """Run the selected tests of MODULES (all), and compare with expected.toml.

    A module that is not in selected.txt is run on the kernel first: its tests
    are those that open a stream socket there, and pass.
    """
    misses = read_expected()
    judged: list[Judged] = []
    if document:
        _check_complete([_version(python) for python in pythons], modules)
    for python in pythons:
        version = _version(python)
        known = [row for row in read_selected() if version in row.versions]
        for module in modules or [m for m in MODULES if any(r.module == m for r in known)]:
            if modules and not _has(python, module):
                raise click.UsageError(f"{version} has no {full_name(module)} to import")
            rows = [row for row in known if row.module == module]
            if anew or every or not rows:
                rows = _selection(python, module, version, limit, every)
            rows = [row for row in rows if _wanted(row.test, patterns)]
            if not rows:
                click.echo(f"{version} {module}: no such test opens a stream socket (--every: all)")
                continue
            results = _results(python, module, "world", [row.test for row in rows], limit)
            mine = judge(module, version, rows, results, misses)
            judged += mine
            click.echo(_line(mine))
            for one in mine:
                if one.judgement.wrong or (reasons and one.judgement is Judgement.MISSED):
                    _show(one)
    wrong = sum(one.judgement.wrong for one in judged)
    if len({(one.version, one.module) for one in judged}) > 1:
        click.echo(_line(judged, "all"))
    if not judged:
        click.echo("no test was run")
        raise SystemExit(1)
    if wrong:
        click.echo(f"{wrong} of {len(judged)} tests are not as tests/cpython/expected.toml says")
        raise SystemExit(1)
    if document:
        _write_page(judged, pythons)


def _check_complete(versions: Sequence[str], modules: Sequence[str]) -> None:
    """UsageError for a run that cannot give the whole page."""
    lacking = {v for row in read_selected() for v in row.versions} - set(versions)
    if lacking:
        raise click.UsageError(f"--document needs --python for {', '.join(sorted(lacking))}, too")
    if modules:
        raise click.UsageError("--document needs all modules: name none")


def _write_page(judged: Sequence[Judged], pythons: Sequence[str]) -> None:
    """Write docs/cpython.md after a run in which all was as expected. UsageError for less."""
    versions = [version_of(python) for python in pythons]
    rows, misses = read_selected(), read_expected()
    ran = {(one.module, one.version, one.result.test) for one in judged}
    due = {(r.module, v, r.test) for r in rows for v in r.versions if v in versions}
    if due - ran:
        raise click.UsageError("--document needs all modules and all tests of these versions")
    if idle := idle_entries(misses, rows, versions):
        raise click.UsageError("expected.toml lists what is not selected: " + ", ".join(idle))
    exact = tuple(version_of(python, parts=3) for python in pythons)
    system = f"{platform.system()} {platform.release().partition('-')[0]}"
    today = datetime.datetime.now(tz=datetime.UTC).date()
    PAGE.write_text(render(Stamp(exact, system, f"{today:%Y-%m-%d}"), rows, misses))


def _wanted(test: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(test, pattern) for pattern in patterns)


def _version(python: str) -> str:
    try:
        return version_of(python)
    except (OSError, subprocess.CalledProcessError) as error:
        raise click.UsageError(f"--python {python}: {error}") from None


def _results(
    python: str, module: str, where: str, tests: Sequence[str], limit: float
) -> list[Result]:
    try:
        return run_module(python, module, where, tests, limit)
    except CannotLoad as error:
        raise click.ClickException(f"{module} cannot be imported ({where})\n{error}") from None


def _selection(
    python: str, module: str, version: str, limit: float, every: bool = False
) -> list[Selected]:
    """Return the tests of a module that count, by running it on the kernel."""
    results = _results(python, module, "kernel", (), limit)
    chosen = [r for r in results if r.status == "passed" and (r.streams or every)]
    hung = [r for r in results if r.status not in ("passed", "skipped")]
    click.echo(f"{version} {module} on the kernel: {len(results)} tests, {len(chosen)} count, "
               f"{len(hung)} do not pass")  # fmt: skip
    for result in hung:
        click.echo(f"    {result.status} {result.test}: {_last(result)}")
    return [Selected(module, r.test, (version,), r.tls) for r in chosen]


@main.command()
@click.argument("modules", nargs=-1)
@python_option
@limit_option
def select(modules: tuple[str, ...], pythons: tuple[str, ...], limit: float) -> None:
    """Make selected.txt anew, by running MODULES (all) on this kernel."""
    for python in pythons:
        version = _version(python)
        for module in modules or MODULES:
            if not modules and not _has(python, module):
                click.echo(f"{version} {module}: this Python has none")
                continue
            found = {r.test: r.tls for r in _selection(python, module, version, limit)}
            write_selected(merged(read_selected(), module, version, found))


def _has(python: str, module: str) -> bool:
    code = f"import importlib.util as u, sys; sys.exit(u.find_spec('{full_name(module)}') is None)"
    asked = subprocess.run([python, "-c", code], check=False, stderr=subprocess.DEVNULL)
    return asked.returncode == 0


def _line(judged: Sequence[Judged], name: str = "") -> str:
    first = judged[0]
    counts = {what: sum(one.judgement is what for one in judged) for what in Judgement}
    passed = counts[Judgement.PASSED] + counts[Judgement.STALE]
    name = name or f"{first.version} {first.module}"
    text = f"{name:38} {len(judged):4} selected {passed:4} passed"
    for what in (Judgement.MISSED, Judgement.UNEXPECTED, Judgement.STALE):
        if counts[what]:
            text += f", {counts[what]} {what.name.lower()}"
    return text


def _last(result: Result) -> str:
    lines = [line for line in result.text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def _show(one: Judged) -> None:
    """Print a failure: what was raised, what the test printed, how its connections ended."""
    result = one.result
    click.echo(
        f"--- {one.version} {one.module}.{result.test}: {result.status}, {one.judgement.value}"
    )
    if one.miss is not None:
        click.echo(f"    reason: {one.miss.reason}")
    for title, lines in (
        ("", result.text.splitlines()[-_TEXT_LINES:]),
        ("output", result.output[-_TEXT_LINES:]),
        ("connections", result.verdict),
    ):
        if title and lines:
            click.echo(f"    {title}:")
        for line in lines:
            click.echo(f"    {'  ' * bool(title)}{line}".rstrip())


if __name__ == "__main__":
    main()
