"""What the README shows is what the command prints."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from lastack.cli.main import lastack

README = Path(__file__).parents[2] / "README.md"


def test_the_lost_answer_is_shown_as_it_is_printed() -> None:
    shown = README.read_text().split("```\n")[1].rstrip().splitlines()
    result = CliRunner().invoke(
        lastack, ["demo", "--act", "4", "--no-kernel"], standalone_mode=False,
        catch_exceptions=False,
    )  # fmt: skip
    printed = result.output.splitlines()
    first = printed.index(shown[0])
    assert printed[first : first + len(shown)] == shown
