"""Negative controls for the rule that each field of a Profile is read in one module."""

import pytest

from . import fields
from .conftest import House

PROFILE = {
    "profile/closing.py": (
        "from dataclasses import dataclass\n"
        "@dataclass(frozen=True)\n"
        "class ClosingRules:\n"
        "    unread: int = 1\n"
        "    orphan_retries: int = 8\n"
    ),
    "profile/linger.py": (
        "from dataclasses import dataclass\n"
        "@dataclass(frozen=True)\n"
        "class LingerRules:\n"
        "    unit_ns: int = 1\n"
    ),
    "profile/profile.py": (
        "from dataclasses import dataclass\n"
        "from .closing import ClosingRules\n"
        "from .linger import LingerRules\n"
        "@dataclass(frozen=True)\n"
        "class Cell:\n"
        "    meaning: str\n"
        "@dataclass(frozen=True)\n"
        "class Profile:\n"
        "    name: str\n"
        "    closing: ClosingRules = ClosingRules()\n"
        "    linger: LingerRules = LingerRules()\n"
        "LINUX = Profile('linux')\n"
        "PROFILES: dict[str, Profile] = {'linux': LINUX}\n"
    ),
}
READ_ONCE = {
    "tcp/calls.py": "def close(rules: ClosingRules): return rules.unread",
    "host/host.py": "class Host:\n    def f(self): return self.profile.closing.orphan_retries",
    "sockets/linger.py": "def plan_close(linger_rules: 'LingerRules'): return linger_rules.unit_ns",
}
OTHER_UNREAD = {"tcp/connection.py": "class Connection:\n    @property\n    def unread(self): ..."}


def test_groups(house: House) -> None:
    found = fields.groups(house(PROFILE))
    assert found.members == {"closing": "ClosingRules", "linger": "LingerRules"}
    assert found.owner == {
        "unread": "ClosingRules",
        "orphan_retries": "ClosingRules",
        "unit_ns": "LingerRules",
    }


def test_one_reader_lets_pass(house: House) -> None:
    files = {**PROFILE, **READ_ONCE, **OTHER_UNREAD, "run/w.py": "def f(c): return c.unread"}
    assert not fields.one_reader(house(files))


def test_a_field_that_nobody_reads(house: House) -> None:
    files = {**PROFILE, **READ_ONCE, "sockets/linger.py": "", "run/w.py": ""}
    assert fields.one_reader(house(files)) == ["LingerRules.unit_ns: read nowhere"]


def test_rooms_that_are_not_built_yet_read_nothing(house: House) -> None:
    assert not fields.one_reader(house(PROFILE))


@pytest.mark.parametrize(
    "source",
    [
        "def f(rules: ClosingRules): return rules.unread",
        "def f(rules: 'ClosingRules | None'): return rules.unread",
        "def f(tcb): return tcb.profile.closing.unread",
        "def f(tcb):\n    rules = tcb.profile.closing\n    return rules.unread",
        "class A:\n"
        "    def __init__(self, r: ClosingRules): self._r = r\n"
        "    def f(self): return self._r.unread",
        "class A:\n    r: ClosingRules\n    def f(self): return self.r.unread",
        "def rules() -> ClosingRules: ...\ndef f(): return rules().unread",
        "def f(p): return replace(p.closing, orphan_retries=1).unread",
        "def f(x):\n    match x:\n        case ClosingRules(unread=1): pass",
    ],
)
def test_a_second_reader(house: House, source: str) -> None:
    """`unread` is also a property of connections, so only the receiver tells them apart."""
    tree = house({**PROFILE, **READ_ONCE, **OTHER_UNREAD, "tcp/emit.py": source})
    assert fields.one_reader(tree) == ["ClosingRules.unread: read in tcp.calls, tcp.emit"]


def test_a_second_reader_whose_receiver_says_nothing(house: House) -> None:
    tree = house({**PROFILE, **READ_ONCE, "tcp/emit.py": "def f(x): return x.y().orphan_retries"})
    assert fields.one_reader(tree) == ["ClosingRules.orphan_retries: read in host.host, tcp.emit"]


def test_two_groups_with_one_field(house: House) -> None:
    twice = PROFILE["profile/linger.py"] + "    unread: int = 1\n"
    found = fields.one_reader(house({**PROFILE, "profile/linger.py": twice}))
    assert "unread: in ClosingRules, LingerRules" in found


@pytest.mark.parametrize(
    "source",
    [
        "def rows(p: Profile): return p.closing",
        "def rows(rules: ClosingRules): return rules.unread",
        "def rows(x): return x.orphan_retries",
        "from lastack.profile import PROFILES\ndef rows(): return PROFILES['linux'].closing",
        "def rows(): return [p.linger for p in PROFILES.values()]",
        "def rows():\n    for name, p in PROFILES.items(): yield p.linger",
    ],
)
def test_matrix_is_blind(house: House, source: str) -> None:
    assert fields.matrix_is_blind(house({**PROFILE, **OTHER_UNREAD, "matrix/rows.py": source}))


def test_matrix_has_axes_of_the_same_name(house: House) -> None:
    source = (
        "class Case:\n    unread: bool\n    linger: int\n"
        "def rows(case: Case, profile: Profile):\n    return case.unread, case.linger, profile.name"
    )
    assert not fields.matrix_is_blind(house({**PROFILE, "matrix/rows.py": source}))
