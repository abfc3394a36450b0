"""The matrix and the claims on the kernel: no difference from profile linux but the known ones."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lastack.cli.judged import case_text
from lastack.cli.judged_claims import last_at
from lastack.matrix import CLAIMS, RECORD_FILE, cases, cells_seen, judge, read_record
from lastack.oracle import KNOWN_IN_CLAIMS, KNOWN_IN_MATRIX, Namespace, Tun
from lastack.profile import LINUX, PROFILES, S
from lastack.wire import ACK, RST, SYN, Flow, Segment, pack_address

from ..cli.conftest import ROOT, valid


def lastack(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lastack", *words], capture_output=True, text=True, check=False,
        timeout=240, stdin=subprocess.DEVNULL, cwd=ROOT,
    )  # fmt: skip


def unexplained(told: dict[str, Any]) -> list[Any]:
    return [one for one in told["differences"] if not one["explained"]]


@pytest.mark.root
def test_the_matrix_on_the_kernel() -> None:
    known = {(one.subject, field) for one in KNOWN_IN_MATRIX for field in one.fields}
    found: list[set[tuple[str, str]]] = []
    for _ in range(3):
        # A busy machine wakes threads late; what differs for a reason differs again.
        ran = lastack("matrix", "--on", "kernel", "--limit", "10s", "--json")
        told = valid(ran.stdout, "matrix")
        assert len(told["rows"]) + len(told["skipped"]) == 84
        assert len(told["rows"]) == 68
        assert {row["profile"] for row in told["rows"]} == {"kernel"}
        found.append({(one["case"], one["what"]) for one in told["differences"]})
        assert ran.returncode == bool(unexplained(told))
        if found[-1] == known:
            break
    assert set.intersection(*found) <= known
    # an explanation that explains nothing any more has to go
    assert known <= set.union(*found)


@pytest.mark.root
def test_the_cells_of_the_atlas_on_the_kernel(tmp_path: Path) -> None:
    """All of them, for two seconds; docs/atlas-kernel.json has a run to the end."""
    ran = lastack("matrix", "--atlas", str(tmp_path), "--on", "kernel", "--limit", "2s", "--json")
    told = valid(ran.stdout, "atlas")
    assert told["cells"] == 327
    assert len(told["cut"]) > 100
    assert unexplained(told) == []
    assert ran.returncode == 0
    assert " that we looked (Linux" in (tmp_path / "atlas" / "time-wait.md").read_text("utf-8")
    assert read_record((tmp_path / RECORD_FILE).read_text("utf-8")).date == told["date"]


@pytest.mark.root
def test_the_claims_on_the_kernel() -> None:
    told = valid(lastack("claims", "--on", "kernel", "--limit", "20s", "--json").stdout, "claims")
    if unexplained(told):
        late = [one["id"] for one in unexplained(told)]
        again = lastack("claims", *late, "--on", "kernel", "--limit", "20s", "--json")
        assert unexplained(json.loads(again.stdout)) == []
    assert {one["id"] for one in told["skipped"]} == {"S12", "S13"}
    assert sum(one["profile"] == "kernel" for one in told["claims"]) == 25
    found = {one["id"] for one in told["differences"] if one["explained"]}
    assert found == {one.subject for one in KNOWN_IN_CLAIMS}


def test_explanations_are_of_cases_and_claims_that_there_are() -> None:
    names = {case_text(case) for case in cases()}
    assert {one.subject for one in KNOWN_IN_MATRIX} <= names
    assert {one.subject for one in KNOWN_IN_CLAIMS} <= {claim.id for claim in CLAIMS}
    assert all(one.why and not one.why.endswith(".") for one in KNOWN_IN_MATRIX)


def test_the_manual_names_what_the_default_limit_leaves_out() -> None:
    manual = (ROOT / "docs" / "run.md").read_text("utf-8")
    long = {one.id for one in CLAIMS if last_at(judge(one, LINUX)) > 30 * S}
    told = set(re.findall(r"^\| (S\d+), .*\| [\d-]{10} \|$", manual, re.MULTILINE))
    assert told == long
    cells = sum(seen.ends > 30 * S for seen in cells_seen().values())
    assert f"| the atlas: {cells} cells that go on for more than 30 s |" in manual


@pytest.mark.root
def test_one_claim_with_the_kernels_ladder() -> None:
    ran = lastack("claims", "S19", "--on", "kernel")
    assert ran.returncode == 0
    assert "kernel    holds: the first close() = 0 at once" in ran.stdout
    assert ran.stdout.count("FIN-WAIT-1") == 2
    assert "1 claims on the kernel, 0 differ from profile linux." in ran.stdout


@pytest.mark.parametrize("verb", ["matrix", "claims"])
def test_the_kernel_is_no_profile(verb: str) -> None:
    ran = lastack(verb, "--on", "kernel", "--profile", next(iter(PROFILES)))
    assert ran.returncode == 2
    assert "--on kernel is beside profile linux" in ran.stderr


@pytest.mark.root
def test_a_tun_device_injects_and_captures() -> None:
    near, far = pack_address("10.0.0.1"), pack_address("10.0.0.2")
    syn = Segment(Flow(far, 4000, near, 80), 1000, 0, SYN, 500, mss=1460)
    with Namespace() as space, Tun(space, "tun0", "10.0.0.1", "10.0.0.2") as tun:
        tun.send_packets([syn])
        assert tun.wait(5)
        (answer,) = tun.receive_packets()
        assert tun.receive() is None
    assert isinstance(answer, Segment)
    assert (answer.flags, answer.ack, answer.flow) == (RST | ACK, 1001, syn.flow.reversed())
