"""The two files of the harness: which tests count, and why some of them do not pass."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

HERE = Path(__file__).parent
SELECTED = HERE / "selected.txt"
EXPECTED = HERE / "expected.toml"
MODULES = (
    "test_socket", "test_timeout", "test_socketserver", "test_httpservers", "test_httplib",
    "test_urllib2_localnet", "test_xmlrpc", "test_docxmlrpc", "test_smtplib", "test_ftplib",
    "test_telnetlib", "test_asyncio.test_sock_lowlevel", "test_asyncio.test_streams",
    "test_asyncio.test_server", "test_asyncio.test_events", "test_asyncio.test_sendfile",
    "test_ssl", "test_asyncio.test_ssl", "test_asyncio.test_sslproto",
)  # fmt: skip
"""The modules of CPython that open stream sockets and run without the Internet."""

_HEAD = """\
# Tests of CPython that open a stream socket of the Internet (AF_INET, AF_INET6) and pass on the
# Linux kernel: module, class and method, versions of Python; tls: it speaks TLS.
# Made by `python -m tests.cpython select`; see docs/cpython.md.
"""


@dataclass(frozen=True, order=True)
class Selected:
    """One line of selected.txt."""

    module: str
    test: str
    versions: tuple[str, ...]
    tls: bool

    def __str__(self) -> str:
        return f"{self.module} {self.test} {','.join(self.versions)}{' tls' * self.tls}"


def read_selected(path: Path = SELECTED) -> list[Selected]:
    """Read the file; nothing when there is none yet."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else []:
        if line and not line.startswith("#"):
            module, test, versions, *rest = line.split()
            found.append(Selected(module, test, tuple(versions.split(",")), rest == ["tls"]))
    return found


def write_selected(rows: Iterable[Selected], path: Path = SELECTED) -> None:
    """Write the file, modules in the order of MODULES, tests by name."""

    def place(row: Selected) -> tuple[int, str, Selected]:
        known = row.module in MODULES
        return (MODULES.index(row.module) if known else len(MODULES), row.module, row)

    path.write_text(_HEAD + "".join(f"{row}\n" for row in sorted(rows, key=place)))


def merged(
    rows: Iterable[Selected], module: str, version: str, found: Mapping[str, bool]
) -> list[Selected]:
    """Return the rows with what was found of one module by one version: test and tls."""
    table = {(row.module, row.test): (set(row.versions), row.tls) for row in rows}
    for (its, _), (versions, _) in table.items():
        if its == module:
            versions.discard(version)
    for test, tls in found.items():
        versions, before = table.get((module, test), (set(), False))
        table[module, test] = (versions | {version}, before or tls)
    return [
        Selected(its, test, tuple(sorted(versions, key=_by_number)), tls)
        for (its, test), (versions, tls) in table.items()
        if versions
    ]


def _by_number(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


@dataclass(frozen=True)
class Miss:
    """Tests that are not expected to pass, and why. `waiting` names what has to be built first.

    tests: "module.Class.method", with * for any text. versions: all when empty.
    """

    reason: str
    tests: tuple[str, ...]
    versions: tuple[str, ...] = ()
    waiting: str = ""

    def covers(self, module: str, test: str, version: str) -> bool:
        """Tell whether the test of that version is meant."""
        if self.versions and version not in self.versions:
            return False
        return any(fnmatchcase(f"{module}.{test}", pattern) for pattern in self.tests)


def read_expected(path: Path = EXPECTED) -> list[Miss]:
    """Read expected.toml. TypeError for a key that does not exist or is missing."""
    return [
        Miss(**{key: tuple(v) if isinstance(v, list) else v for key, v in row.items()})
        for row in tomllib.loads(path.read_text()).get("miss", [])
    ]


def reason_for(misses: Iterable[Miss], module: str, test: str, version: str) -> Miss | None:
    """Return the first entry that covers a test."""
    return next((miss for miss in misses if miss.covers(module, test, version)), None)
