"""The rule of tests/conftest.py: in CI a root test that skips has failed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import PROJECT

SUITE = """\
import pytest

@pytest.mark.root
def test_of_root():
    pytest.skip("no nftables here")

def test_of_anybody():
    pytest.skip("not today")
"""


@pytest.mark.parametrize(
    ("ci", "outcome"), [("1", "1 failed, 1 skipped"), ("", "2 skipped")], ids=["in CI", "at home"]
)
def test_skips_of_root_tests(tmp_path: Path, ci: str, outcome: str) -> None:
    shutil.copy(PROJECT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = root: needs root\n", encoding="utf-8")
    (tmp_path / "test_suite.py").write_text(SUITE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path, env={**os.environ, "LASTACK_CI": ci}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert outcome in done.stdout, done.stdout
