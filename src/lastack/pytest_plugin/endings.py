"""An audit of the test run's own process, told test by test in the terminal summary."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

import pytest

from lastack.live import (
    Audit,
    AuditReport,
    Unsupported,
    audit_lines,
    audit_summary,
    audit_total,
    need_linux,
)
from lastack.verdict import count

Record = tuple[Any, ...]
_KEY: Final = "lastack_endings"
_SHOWN: Final = 5
_AFTER: Final = "after the last test"
_EVERY: Final = 1 << 62
_MARKUP: Final = {
    "bad": {"red": True}, "again": {"yellow": True}, "good": {"green": True},
    "remedy": {"green": True}, "call": {"cyan": True}, "title": {"bold": True},
}  # fmt: skip


class Endings:
    """A pytest plugin; looks at every close from pytest_sessionstart to pytest_unconfigure.

    What happened since the last test ended counts for the test that ends now, its fixtures and
    imports included. The records travel as an attribute of the report of its teardown, which
    pytest-xdist carries from its workers to the one process that tells.
    """

    def __init__(self) -> None:
        try:
            need_linux("--lastack-endings")
        except Unsupported as error:
            raise pytest.UsageError(str(error)) from None
        self._records: list[Record] = []
        self._audit = Audit(self._records.append, each=_EVERY)
        self._report = AuditReport()
        self._tests: list[tuple[str, list[Record]]] = []

    def pytest_sessionstart(self) -> None:
        """Begin, before test modules are imported."""
        self._audit.begin()

    def pytest_unconfigure(self) -> None:
        """Leave everything as it was."""
        self._audit.end()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Give the report of a test's teardown what was recorded."""
        report = yield
        if call.when == "teardown":
            vars(report)[_KEY] = self._taken()
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the records of a test, from this process or another one."""
        records: list[Record] = [tuple(record) for record in vars(report).get(_KEY, ())]
        self._keep(report.nodeid, records)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell each test's endings, then all of them by place."""
        self._keep(_AFTER, self._taken())
        terminal = terminalreporter
        terminal.write_sep("=", "endings of TCP sockets")
        for title, records in self._tests:
            terminal.write_line(title, bold=True)
            for record in records[:_SHOWN]:
                ending = AuditReport().take(record)
                if ending is not None:
                    _write(terminal, audit_lines(ending))
            if len(records) > _SHOWN:
                terminal.write_line(f"  and {count(len(records) - _SHOWN, 'ending')} more")
        _write(terminal, audit_summary(self._report))
        terminal.write_line(audit_total(self._report))

    def _taken(self) -> list[Record]:
        self._audit.flush()
        taken = self._records[:]
        del self._records[: len(taken)]
        return taken

    def _keep(self, title: str, records: list[Record]) -> None:
        told = [record for record in records if self._report.take(record) is not None]
        if told:
            self._tests.append((title, told))


def _write(terminal: pytest.TerminalReporter, lines: list[tuple[tuple[str, str], ...]]) -> None:
    for line in lines:
        for text, style in line:
            terminal.write(text, **_MARKUP.get(style, {}))
        terminal.write("\n")
