"""Whatever stands in a script, there is a verdict: mutations of our own scripts."""

import random
import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lastack.drill import Result, Setup, play_text
from lastack.profile import FREEBSD, LINUX

SCRIPTS = [
    path.read_text() for path in sorted((Path(__file__).parents[1] / "scripts").glob("*.pkt"))
]
WORDS = ["0", "-1", "4294967295", "...", "ack", "(", "<mss 0>", "99999999999999999999", '"x"',
         "NULL", "[1]", "S.", "{a=1}", "htons()", ""]  # fmt: skip
NUMBERS = [0, 1, 2, 255, 65535, 65536, 2**31, 2**32 - 1, 2**32, 10**12]
OURS = ("AssertionError", "RuntimeError", "IndexError", "KeyError", "TypeError", "ZeroDivision")


def mutate(lines: list[str], dice: random.Random) -> None:
    """Change one line: drop, double, another word, character or number."""
    at = dice.randrange(len(lines))
    kind = dice.randrange(5)
    if kind == 0:
        lines[at] = ""
    elif kind == 1:
        lines.insert(at, dice.choice(lines))
    elif kind == 2:
        words = lines[at].split(" ")
        words[dice.randrange(len(words))] = dice.choice(WORDS)
        lines[at] = " ".join(words)
    elif kind == 3 and lines[at]:
        place = dice.randrange(len(lines[at]))
        mark = dice.choice("0123456789<>().,[]{}=+-~*SFRP `%#")
        lines[at] = lines[at][:place] + mark + lines[at][place + 1 :]
    else:
        numbers = list(re.finditer(r"\d+", lines[at]))
        if numbers:
            one = dice.choice(numbers)
            number = str(dice.choice(NUMBERS))
            lines[at] = lines[at][: one.start()] + number + lines[at][one.end() :]


@settings(max_examples=400)
@given(st.integers(0, 2**32), st.booleans())
def test_a_mutated_script_has_a_verdict(seed: int, neutral: bool) -> None:
    dice = random.Random(seed)
    lines = dice.choice(SCRIPTS).splitlines()
    for _ in range(dice.randint(1, 3)):
        mutate(lines, dice)
    setup = Setup(dice.choice([LINUX, FREEBSD]), neutral)
    text = "\n".join(lines)
    verdict = play_text(text, "script.pkt", setup)
    assert not (verdict.result is Result.ERROR and verdict.actual.startswith(OURS)), verdict
    assert play_text(text, "script.pkt", setup) == verdict
