"""`lastack matrix` and `lastack claims`: JSON as documented, text that fits 80 columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
from click.testing import CliRunner, Result

from lastack.cli.main import lastack

SCHEMAS = Path(__file__).parents[2] / "docs" / "schema"


def call(*words: str) -> Result:
    return CliRunner().invoke(lastack, words, standalone_mode=False, catch_exceptions=False)


def data(verb: str, *words: str) -> Any:
    told = json.loads(call(verb, *words, "--json").output)
    jsonschema.validate(told, json.loads((SCHEMAS / f"{verb}.json").read_text()))
    return told


def test_matrix_has_84_rows_a_profile() -> None:
    rows = data("matrix")["rows"]
    assert [sum(row["profile"] == name for row in rows) for name in ("linux", "textbook")] == [
        84, 84,
    ]  # fmt: skip


def test_one_profile_of_the_matrix() -> None:
    assert {row["profile"] for row in data("matrix", "--profile", "linux")["rows"]} == {"linux"}


def test_every_claim_holds_in_the_textbook() -> None:
    claims = data("claims", "--profile", "textbook")["claims"]
    assert [claim["id"] for claim in claims] == [f"S{n}" for n in range(1, 28)]
    assert all(claim["holds"] for claim in claims)


def test_a_profile_that_nobody_ran_is_named() -> None:
    for verb, id in (("matrix", ()), ("claims", ("S5",)), ("claims", ("S5", "S7"))):
        assert data(verb, *id, "--profile", "bsd44")["from_documents"] == ["bsd44"]
        assert data(verb, *id, "--profile", "linux")["from_documents"] == []
        assert "from documents" in call(verb, *id, "--profile", "bsd44").output.lower()


def test_one_claim_shows_program_and_ladder() -> None:
    text = call("claims", "S5").output
    assert "s.sendall(bytes(300_000))" in text
    assert "RST: SO_LINGER ran out" in text
    assert "differs: close() = 0 after 1 s" in text


def test_profiles_show_every_grade() -> None:
    text = call("claims", "--profiles").output
    for word in ("measured", "manual", "chosen", "SACK", "fin_wait_2_orphan_ns"):
        assert word in text


@pytest.mark.parametrize("words", [("matrix",), ("claims",), ("claims", "S12"),
                                   ("claims", "--profiles")])  # fmt: skip
def test_text_fits_80_columns(words: tuple[str, ...]) -> None:
    long = [line for line in call(*words).output.splitlines() if len(line) > 80]
    assert not long


@pytest.mark.parametrize(("words", "says"), [
    (("matrix", "--profile", "minix"), "no profile 'minix'; there are textbook, linux, freebsd"),
    (("claims", "S28"), "no claim 'S28'; there are S1 to S27"),
    (("claims", "--profiles", "--json"), "--profiles goes with --profile, not with --json"),
    (("claims", "--markdown", "S5"), "--markdown goes with --profile, not with"),
])  # fmt: skip
def test_a_wrong_name_is_one_line(words: tuple[str, ...], says: str) -> None:
    with pytest.raises(Exception, match=says):
        call(*words)


def test_no_atlas_where_no_directory_is(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(click.UsageError, match="there is no directory"):
        call("matrix", "--profile", "linux", "--atlas", str(missing / "x"))
    assert not missing.exists()
    result = call("matrix", "--profile", "linux", "--atlas", str(missing))
    assert result.exit_code == 0
    assert (missing / "atlas" / "established.md").exists()


def test_the_atlas_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    result = call("matrix", "--profile", "linux", "--atlas", str(tmp_path))
    assert result.exit_code == 0
    assert "All profiles" in (tmp_path / "atlas" / "established.md").read_text("utf-8")
    assert (tmp_path / "atlas.md").read_text("utf-8").startswith("# The atlas")
