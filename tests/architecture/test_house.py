"""The laws hold in src/; the negative controls are in the other files of this directory."""

from collections.abc import Callable

import pytest

from . import fields, plan, rules
from .conftest import PROJECT
from .tree import Tree

LAWS = [
    rules.floors, rules.sans_io, rules.cycles, rules.sizes, rules.edges, rules.exports,
    rules.os_errors, rules.state_doors, rules.terminal, fields.one_reader, fields.matrix_is_blind,
]  # fmt: skip


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(lastack: Tree, law: Callable[[Tree], list[str]]) -> None:
    assert not law(lastack), "\n".join(["", *law(lastack)])


def test_the_source_was_found(lastack: Tree) -> None:
    assert ("state",) in lastack.modules
    assert lastack.rooms() & set(plan.FLOOR)


def test_edges_are_reported(lastack: Tree, record_property: Callable[[str, object], None]) -> None:
    value = rules.edges_per_file(lastack)
    record_property("import edges per file", round(value, 2))
    print(f"{value:.2f} import edges per file over {len(lastack.modules)} files")  # noqa: T201 - shown by pytest -s
    assert 0 < value <= plan.EDGES_PER_FILE


def test_the_groups_of_the_profile_were_found(lastack: Tree) -> None:
    found = fields.groups(lastack)
    assert {"linger", "closing", "time_wait", "buffers"} <= set(found.members)
    assert all(found.fields[group] for group in found.members.values())


def test_import_loads_no_terminal_library() -> None:
    assert rules.loaded_by_import(PROJECT / "src", "lastack") == set()


def test_text() -> None:
    assert not rules.text(PROJECT), "\n".join(["", *rules.text(PROJECT)])


def test_the_plan_for_people_shows_every_room(lastack: Tree) -> None:
    drawn = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for room in [*plan.FLOOR, *plan.BESIDE]:
        assert f"`{room}" in drawn, f"docs/architecture.md does not name {room}"
    for room in lastack.rooms() & {*plan.FLOOR, *plan.BESIDE}:
        is_file = (PROJECT / "src" / "lastack" / f"{room}.py").exists()
        link = f"(../src/lastack/{room}{'.py' if is_file else ''})"
        assert link in drawn, f"docs/architecture.md does not link {room}"
