"""`lastack demo` from outside; that the kernel does the same is what the demo itself checks."""

from __future__ import annotations

import pytest

from lastack.oracle import available

from .conftest import Run, valid


def test_the_acts_without_the_kernel(lastack: Run) -> None:
    ran = lastack("demo", "--json", "--no-kernel")
    assert (ran.returncode, ran.stderr) == (0, "")
    acts = valid(ran.stdout, "demo")["acts"]
    assert [act["act"] for act in acts] == [1, 2, 3, 4]
    for act in acts:
        assert all(scene["kernel"] is None and scene["same"] is None for scene in act["scenes"])
        assert all(scene["output"] and scene["connections"] for scene in act["scenes"])


@pytest.mark.skipif(not available(), reason="a Linux kernel is the judge")
def test_the_acts_beside_the_kernel(lastack: Run) -> None:
    acts = valid(lastack("demo", "--json").stdout, "demo")["acts"]
    told = [scene for act in acts for scene in act["scenes"] if scene["kernel"] is not None]
    assert len(told) >= 8
    for scene in told:
        assert scene["same"], (scene["label"], scene["output"], scene["kernel"])


def test_one_act_for_people(lastack: Run) -> None:
    ran = lastack("demo", "--act", "2", "--no-kernel", PYTHONIOENCODING="ascii")
    assert ran.returncode == 0
    assert ran.stdout.startswith("Act 2. SO_LINGER with l_linger 0\n")
    assert ran.stdout.isascii()
    assert "Ending    RST" in ran.stdout
    assert max(map(len, ran.stdout.splitlines())) <= 80
