"""The script in docs/drill.md holds; docs/suites.md has the numbers of expected.toml."""

import re
import tomllib
from pathlib import Path

from lastack.drill import Result

from .helper import play

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "drill.md").read_text()
SUITES = (ROOT / "docs" / "suites.md").read_text()


def test_the_script_holds() -> None:
    (script,) = re.findall(r"```pkt\n(.*?)```", TEXT, re.DOTALL)
    assert play(script).result is Result.PASS
    assert play(script.replace("+61 ", "+50 ")).result is Result.FAIL


def test_the_table_has_the_expected_numbers() -> None:
    expected = tomllib.loads((ROOT / "tests" / "suites" / "expected.toml").read_text())
    known = {
        (row.get("profile", "linux"), row["scripts"], row["pass"]) for row in expected["played"]
    }
    row = r"^\|[^|]*\| (linux|rfc9293|freebsd) \| (\d+) \| (\d+) \|"
    rows = re.findall(row, SUITES, re.MULTILINE)
    assert len(rows) == len(expected["played"])
    assert {(profile, int(scripts), int(passed)) for profile, scripts, passed in rows} <= known
