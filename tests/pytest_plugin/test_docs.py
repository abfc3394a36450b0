"""The examples of docs/pytest.md, run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from .suite import run, summary, write

PAGE: Final = Path(__file__).parents[2] / "docs" / "pytest.md"
README: Final = PAGE.parents[1] / "README.md"


def examples(page: Path) -> dict[str, str]:
    """Return the Python blocks of a page by the file name in their first line."""
    blocks = re.findall(r"```python\n(# (test_\w+\.py)\n.*?)```", page.read_text("utf-8"), re.S)
    return {name: text for text, name in blocks}


def test_every_example_does_what_the_page_says(tmp_path: Path) -> None:
    files = examples(PAGE)
    assert len(files) >= 5
    write(tmp_path, "", "asyncio_default_fixture_loop_scope = function\n")
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = run(tmp_path, neighbours=True)
    cases = sum(text.count("\ndef test_") for text in files.values()) + 4  # five seeds of one
    assert summary(done) == f"1 failed, {cases - 1} passed", done.stdout + done.stderr
    told = done.stdout.partition("- lastack -")[2].partition("\n")[2]
    told = re.split(r"\n[=_]{10}", told)[0]
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    assert told.strip() == shown.strip()


def test_the_example_of_the_readme(tmp_path: Path) -> None:
    ((name, text),) = examples(README).items()
    write(tmp_path, "")
    (tmp_path / name).write_text(text, encoding="utf-8")
    done = run(tmp_path)
    assert summary(done) == "1 passed", done.stdout
