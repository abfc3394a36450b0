"""Our own scripts, tests/scripts: those at the top hold in the profile `linux`, those in a
directory in the profile of its name."""

from collections import Counter
from pathlib import Path

import pytest

from lastack.drill import Result, Setup, parse, play_file
from lastack.profile import LINUX, PROFILES

SCRIPTS = Path(__file__).parents[1] / "scripts"
FILES = sorted(SCRIPTS.rglob("*.pkt"))


def name_of(path: Path) -> str:
    return str(path.relative_to(SCRIPTS))


def setup_of(path: Path, *, exact: bool = False) -> Setup:
    profile = LINUX if path.parent == SCRIPTS else PROFILES[path.parent.name]
    return Setup(profile, exact=exact)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_it_holds(path: Path) -> None:
    for exact in (False, True):
        verdict = play_file(path, setup_of(path, exact=exact))
        assert verdict.result is Result.PASS, verdict


def test_there_are_enough() -> None:
    assert len(FILES) >= 150


def test_each_begins_with_what_it_shows_and_says_it_once() -> None:
    heads = [path.read_text().split("\n\n")[0] for path in FILES]
    assert all(head.startswith("// ") and head.endswith((".", ")", ":")) for head in heads)
    assert [head for head, count in Counter(heads).items() if count > 1] == []


def test_each_expects_something() -> None:
    for path in FILES:
        kinds = {
            line.split()[1]
            for line in path.read_text().splitlines()
            if line.strip() and line[0] in "+* "
        }
        assert ">" in kinds, path
        assert parse(path.read_text()).events
