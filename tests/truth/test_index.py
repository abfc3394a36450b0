"""Every measured fact has its test, or says which feature it waits for."""

from __future__ import annotations

import ast
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FACTS: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "index.toml").read_text())[
    "fact"
]


@cache
def functions_of(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: str(fact["id"]))
def test_a_fact_has_a_test_or_a_reason(fact: dict[str, Any]) -> None:
    test, later = fact.get("test", ""), fact.get("later", "")
    assert bool(test) != bool(later), "one of the two: a test, or what it waits for"
    for one in test.split():
        path, _, name = one.partition("::")
        assert name.partition("[")[0] in functions_of(path)


def test_ids_are_unique() -> None:
    ids = [fact["id"] for fact in FACTS]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("note", sorted({fact["note"] for fact in FACTS if fact.get("note")}))
def test_the_note_is_there(note: str) -> None:
    assert (ROOT / note).is_file()
