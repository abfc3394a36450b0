"""What the fuzzer found once: each script of docs/kernel-notes/scripts/found, on both sides."""

from __future__ import annotations

from pathlib import Path

import pytest

from lastack.oracle import Compared, KernelPlayer, compare_recorded, in_namespace, read_fuzz
from lastack.profile import LINUX

FOUND = Path(__file__).parents[2] / "docs" / "kernel-notes" / "scripts" / "found"


def all_of_them(player: KernelPlayer) -> dict[str, Compared]:
    """Play each script, and again if it differs: a busy machine is late now and then."""
    compared = {}
    for path in sorted(FOUND.glob("*.fuzz")):
        script = read_fuzz(path.read_text(encoding="ascii"))
        for _ in range(6):
            compared[path.stem] = compare_recorded(player.play(script), LINUX)
            if compared[path.stem].difference is None:
                break
    return compared


@pytest.mark.root
def test_lastack_does_as_the_kernel() -> None:
    compared = in_namespace(all_of_them)
    assert len(compared) >= 8
    assert {name: one.difference for name, one in compared.items() if one.difference} == {}
