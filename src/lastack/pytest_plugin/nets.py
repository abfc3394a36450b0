"""The hooks behind the fixtures `net` and `new_net`: seeds, reports, the end of a network."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from operator import index
from typing import Any, Final

import pytest

from lastack.run import fixed_hashes, without_ours

from .net import Net
from .report import network_text, replay

SEED: Final = "lastack_seed"
_NETS: Final = pytest.StashKey[list[Net]]()
_MARK: Final = "lastack"
_KNOWN: Final = ("seed", "seeds", "delay", "loss", "profile")


class LastackWarning(UserWarning):
    """A run of this process may not be repeated exactly."""


class Nets:
    """A pytest plugin, registered when a test asks for one of the fixtures."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._item: pytest.Item | None = None
        self._warn()

    def _warn(self) -> None:
        """Say once that sets of strings have another order in every process.

        Not by warnings.warn: where warnings are errors this would fail every test there is.
        """
        if fixed_hashes():
            return
        text = (
            "lastack: the order of sets of strings differs from process to process; "
            "start pytest with PYTHONHASHSEED=0, and a seed gives the same run every time"
        )
        message = warnings.WarningMessage(LastackWarning(text), LastackWarning, "pytest", 0)
        self._config.hook.pytest_warning_recorded.call_historic(
            kwargs={
                "warning_message": message, "when": "config", "nodeid": "", "location": None,
            }
        )  # fmt: skip

    # -- making networks

    def for_test(self, item: pytest.Item) -> Net:
        """Make the network of a test, by its marker and the options of the run."""
        options = marked(item)
        wrong = ""
        try:
            net = Net(self.seed_of(item), **_of_net(options))
        except ValueError as error:
            wrong = str(error)
        if wrong:  # out here, or pytest shows both
            pytest.fail(f"@pytest.mark.lastack: {wrong}", pytrace=False)
        item.stash.setdefault(_NETS, []).append(net)
        return net

    def maker(self) -> Callable[..., Any]:
        """Return what the fixture `new_net` gives."""

        @contextmanager
        def new_net(seed: int | None = None, **options: Any) -> Iterator[Net]:
            """Make a network for a `with` block, which runs it to its end."""
            item = self._item
            assert item is not None, "a network is made while a test runs"
            given = marked(item)
            chosen = self.seed_of(item) if seed is None else seed
            net = Net(chosen, **{**_of_net(given), **options})
            kept = item.stash.setdefault(_NETS, [])
            kept[:] = [net]  # of a hundred examples the last one is told
            try:
                yield net
                net.run()
            finally:
                net.close()

        return new_net

    def seed_of(self, item: pytest.Item) -> int:
        """Return the seed of one case of a test."""
        call = getattr(item, "callspec", None)
        if call is not None and SEED in call.params:
            return int(call.params[SEED])
        return self.seeds(item)[0]

    def seeds(self, item: pytest.Item) -> list[int]:
        """Return the seeds of a test: those of the command line, else its marker's, else 0."""
        options = marked(item)
        one = self._config.getoption("--lastack-seed")
        if one is not None:
            return [one]
        many = self._config.getoption("--lastack-seeds") or options.get("seeds")
        try:
            return [index(options.get("seed", 0))] if many is None else seeds_of(many)
        except TypeError:
            given = f"seed={options['seed']!r}" if many is None else f"seeds={many!r}"
            wrong = f"{given} is no integer"
        except pytest.UsageError as error:
            wrong = str(error)
        pytest.fail(f"@pytest.mark.lastack: {wrong}", pytrace=False)

    # -- hooks

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Know which test runs."""
        self._item = item
        try:
            return (yield)
        finally:
            self._item = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Run the networks of a test that passed to their end: a program that fails later fails
        the test."""
        try:
            result = yield
        except BaseException as error:
            error.__traceback__ = without_ours(error)
            raise
        for net in item.stash.get(_NETS, []):
            if not net.world.over and net.run(check=False).failed:
                pytest.fail(net.failures, pytrace=False)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Show the networks of a test that failed."""
        report = yield
        nets = item.stash.get(_NETS, [])
        if report.failed and call.when != "teardown":
            for net in nets:
                text = f"{replay(item.nodeid, net.seed)}\n{network_text(net)}"
                report.sections.append(("lastack", text))
        if call.when == "call":
            for net in nets:
                net.close()
            nets.clear()
        return report


def marked(item: pytest.Item) -> dict[str, Any]:
    """Return what the test's markers say; the nearest one wins, option by option."""
    found: dict[str, Any] = {}
    for mark in item.iter_markers(_MARK):
        unknown = [key for key in mark.kwargs if key not in _KNOWN]
        if mark.args or unknown:
            wrong = ", ".join([*map(repr, mark.args), *unknown])
            pytest.fail(f"@pytest.mark.lastack takes {', '.join(_KNOWN)}, not {wrong}", False)
        found = {**mark.kwargs, **found}
    return found


def _of_net(options: dict[str, Any]) -> dict[str, Any]:
    return {key: options[key] for key in ("delay", "loss", "profile") if key in options}


def seeds_of(many: str | int | Iterable[int]) -> list[int]:
    """Return the seeds that are meant: 20 or "20" for 0 to 19, "5-7", or the numbers themselves."""
    if isinstance(many, str):
        found = re.fullmatch(r"(\d+)(?:-(\d+))?", many)
        if found is None:
            raise pytest.UsageError(f"{many!r} names no seeds; write a number, or FIRST-LAST")
        first, last = (0, int(found[1]) - 1) if found[2] is None else map(int, found.groups())
        seeds = list(range(first, last + 1))
    else:
        seeds = list(range(many)) if isinstance(many, int) else [index(seed) for seed in many]
    if not seeds:
        raise pytest.UsageError("there must be at least one seed")
    return seeds
