"""A wrong engine shows in the matrix."""

from __future__ import annotations

import pytest

from lastack.matrix import rows
from lastack.profile import LINUX, TEXTBOOK

from .mutations import MUTATIONS, Mutation

PROFILES = [LINUX, TEXTBOOK]
RIGHT = rows(PROFILES)


def test_there_are_at_least_ten() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 10


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_mutation_changes_a_row_of_linux(mutation: Mutation) -> None:
    with mutation.applied():
        wrong = rows([LINUX])
    assert wrong != RIGHT[:84]


def test_nothing_stays_behind() -> None:
    for mutation in MUTATIONS:
        with mutation.applied():
            pass
    assert rows(PROFILES) == RIGHT
