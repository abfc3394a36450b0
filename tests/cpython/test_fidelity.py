"""A part of CPython's own tests, each in a world of its own; `make cpython` runs them all."""

import sys
from importlib.util import find_spec

import pytest

from tests.cpython.judge import judge
from tests.cpython.records import read_expected, read_selected
from tests.cpython.runner import run_module

VERSION = ".".join(map(str, sys.version_info[:2]))
PART = (
    "test_socket", "test_timeout", "test_socketserver", "test_urllib2_localnet",
    "test_asyncio.test_sock_lowlevel", "test_asyncio.test_streams", "test_asyncio.test_server",
)  # fmt: skip


@pytest.mark.parametrize("module", PART)
def test_cpythons_tests_pass_or_have_their_reason(module: str) -> None:
    if find_spec("test") is None or find_spec(f"test.{module}") is None:
        pytest.skip("this Python was installed without its tests (Debian: libpython3-testsuite)")
    rows = [r for r in read_selected() if r.module == module and VERSION in r.versions]
    if not rows:
        pytest.skip(f"selected.txt was not made with Python {VERSION}: make cpython")
    results = run_module(sys.executable, module, "world", [row.test for row in rows])
    wrong = [
        f"{one.result.test} {one.result.status}, {one.judgement.value}\n{one.result.text}"
        for one in judge(module, VERSION, rows, results, read_expected())
        if one.judgement.wrong
    ]
    assert not wrong, "\n".join(wrong)
