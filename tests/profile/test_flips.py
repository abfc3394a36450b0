"""Every field of a profile matters: flip it, and an exchange comes out differently.

The list of fields is taken from the dataclasses, so a new field fails until somebody shows, in
`outcomes`, what it changes for a program or for the peer.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum

import pytest

from lastack.profile import LINUX

from .outcomes import CASES

FIELDS = {
    one.name: getattr(rules, one.name)
    for rules in (getattr(LINUX, group.name) for group in fields(LINUX))
    if is_dataclass(rules)
    for one in fields(rules)
}
"""Every field with its value on Linux."""

FLIPS = [
    pytest.param(name, value, expected, id=f"{name}={getattr(value, 'name', value)}")
    for name, case in CASES.items()
    for value, expected in case.outcomes.items()
]


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_has_a_case(name: str) -> None:
    assert name in CASES, f"nothing shows what {name} changes"
    outcomes = CASES[name].outcomes
    assert FIELDS[name] in outcomes, f"the case of {name} lacks the value on Linux"
    value = FIELDS[name]
    if isinstance(value, Enum):
        assert set(outcomes) == set(type(value)), f"the case of {name} lacks a member"
    assert all(list(outcomes.values()).count(one) == 1 for one in outcomes.values()), name


def test_every_case_has_a_field() -> None:
    assert set(CASES) <= set(FIELDS)


@pytest.mark.parametrize(("name", "value", "expected"), FLIPS)
def test_flip(name: str, value: object, expected: object) -> None:
    outcome = CASES[name].play(LINUX.with_field(name, value))
    assert outcome == expected
