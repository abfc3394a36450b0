"""Every claim of the sources: judged by a run, and the same in every run."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from lastack.matrix import (
    CLAIMS,
    SOURCES,
    Claim,
    Judged,
    claim_in_full,
    claim_lines,
    claims_json,
    claims_markdown,
    judge,
    judge_all,
    profile_lines,
)
from lastack.profile import LINUX, MINUTE, MS, PROFILES, RFC9293, TEXTBOOK, Unread
from lastack.report import WIDTH, texts

from .mutations import MUTATIONS, Mutation

DOCUMENT = Path(__file__).parents[2] / "docs" / "claims.md"
BY_ID = {claim.id: claim for claim in CLAIMS}
NO_LINGER = {"S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S18", "S21", "S22", "S27"}

LINUX_DIFFERS = {
    "S5": ["close() = 0 after 1 s", "all 300,000 bytes read", "FIN, then TIME-WAIT"],
    "S7": ["close() = 0 after 0.964 s", "all 300,000 bytes read by the peer"],
    "S9": ["row 1 as in the table", "row 2 as in the table", "row 3 differs: close() = 0 after"],
    "S13": ["TIME-WAIT for 60 s", "after 61 s it gave 0"],
    "S14": ["EADDRINUSE after it", "0 after the TIME-WAIT was destroyed"],
    "S15": ["has the option: bind() = EADDRINUSE", "both have it: bind() = 0"],
    "S22": ["time up with", "bytes unacknowledged: close() = 0 after 1 s"],
}
LINUX_HOLDS = {
    "S1": ["get (0, 0); set (1, 30), get (1, 30); set (0, 7), get (0, 30)"],
    "S2": ["close() = 0 at once", "the same with (0, 30)", "with an unread reply RST"],
    "S3": ["RST|ACK", "no TIME-WAIT", "ECONNRESET"],
    "S4": ["close() = 0 after 1.004 s", "the FIN", "with nothing queued close() = 0 after 0.006 s"],
    "S6": ["close() = 0", "the server's program had read 0"],
    "S8": ["the unit is seconds"],
    "S12": ["sent its FIN 10 times"],
    "S17": ["killed by the administrator", "dropped: timestamp older"],
    "S18": ["lingering: close() = 0 after 1 s"],
    "S20": ["FIN-WAIT-1; all 300,000 bytes read by the peer; FIN, then TIME-WAIT"],
    "S21": ["l_linger = 5: close() = 0 after 0.002 s, FIN, then TIME-WAIT"],
    "S26": ["whose 60 s began again"],
}


@pytest.fixture(scope="module")
def judged() -> list[Judged]:
    return judge_all(CLAIMS, PROFILES.values())


def under(judged: list[Judged], profile: str) -> dict[str, Judged]:
    return {row.claim.id: row for row in judged if row.profile == profile}


def test_there_are_27() -> None:
    assert [claim.id for claim in CLAIMS] == [f"S{n}" for n in range(1, 28)]
    assert {source for claim in CLAIMS for source in claim.sources} == set(SOURCES)


def test_all_hold_in_textbook(judged: list[Judged]) -> None:
    rows = under(judged, "textbook")
    assert len(rows) == 27
    assert not {row.claim.id: row.observed for row in rows.values() if not row.holds}


def test_linux_differs_where_it_was_measured_to(judged: list[Judged]) -> None:
    rows = under(judged, "linux")
    assert {row.claim.id for row in rows.values() if not row.holds} == set(LINUX_DIFFERS)


@pytest.mark.parametrize("name", [*LINUX_DIFFERS, *LINUX_HOLDS])
def test_what_linux_does_instead(judged: list[Judged], name: str) -> None:
    observed = under(judged, "linux")[name].observed
    for part in {**LINUX_DIFFERS, **LINUX_HOLDS}[name]:
        assert part in observed


def test_rfc9293_has_no_so_linger(judged: list[Judged]) -> None:
    rows = under(judged, "rfc9293")
    differs = {row.claim.id: row.observed for row in rows.values() if not row.holds}
    assert {name for name, text in differs.items() if text == "ENOPROTOOPT"} == NO_LINGER
    assert set(differs) == NO_LINGER | {"S14", "S15"}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_program_is_short_and_uses_the_standard_library(claim: Claim) -> None:
    text = judge(claim, RFC9293).program_text
    assert len(text.splitlines()) <= 25
    imported: set[str | None] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            imported.add(node.module)
        elif isinstance(node, ast.Import):
            imported.update(one.name for one in node.names)
    assert imported <= set(sys.stdlib_module_names)


def test_the_same_run_gives_the_same_text(judged: list[Judged]) -> None:
    again = judge_all(CLAIMS, PROFILES.values())
    assert [row.verdict for row in again] == [row.verdict for row in judged]
    assert [[repr(e) for e in row.events] for row in again[:30]] == [
        [repr(e) for e in row.events] for row in judged[:30]
    ]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_wrong_engine_changes_a_claim(judged: list[Judged], mutation: Mutation) -> None:
    right = under(judged, "linux")
    with mutation.applied():
        for claim in CLAIMS:
            if judge(claim, LINUX).verdict != right[claim.id].verdict:
                return
    pytest.fail("no claim noticed")


def test_what_happens_decides_and_not_the_name_of_the_profile() -> None:
    assert judge(BY_ID["S13"], LINUX.with_field("length_ns", 4 * MINUTE)).holds
    assert judge(BY_ID["S14"], LINUX.with_field("cleared_by_restart", True)).holds
    assert not judge(BY_ID["S5"], TEXTBOOK.with_field("expiry_aborts", False)).holds
    assert not judge(BY_ID["S22"], TEXTBOOK.with_field("expiry_errno", 0)).holds
    assert not judge(BY_ID["S26"], LINUX.with_field("length_ns", 100 * MS)).holds


def test_a_tick_is_a_unit_and_a_minute_is_none() -> None:
    tick = judge(BY_ID["S8"], LINUX.with_field("unit_ns", 10 * MS))
    assert tick.holds
    assert "ticks of 1/100 s" in tick.observed
    assert not judge(BY_ID["S8"], LINUX.with_field("unit_ns", 500 * MS)).holds


def test_unread_data_is_told_where_it_counts() -> None:
    row = judge(BY_ID["S2"], LINUX.with_field("unread", Unread.FIN))
    assert row.holds
    assert "with an unread reply FIN" in row.observed


def test_what_did_not_happen_is_no_proof() -> None:
    row = judge(BY_ID["S11"], LINUX.with_field("somaxconn", -1))
    assert row.verdict == "differs: 0 of 2 connections came about"


def test_a_program_that_waits_for_ever_is_no_proof() -> None:
    (no_fin,) = (one for one in MUTATIONS if one.name == "CLOSE queues no FIN")
    with no_fin.applied():
        assert judge(BY_ID["S6"], LINUX).verdict == "differs: server waited for ever"


def test_json() -> None:
    row = judge(BY_ID["S5"], LINUX)
    assert claims_json([row]) == {
        "schema": 1,
        "claims": [
            {
                "id": "S5",
                "source": "UNP digest, closesocket table, setsockopt notes",
                "claim": BY_ID["S5"].text,
                "profile": "linux",
                "holds": False,
                "observed": row.observed,
            }
        ],
    }


def test_lines_for_people(judged: list[Judged]) -> None:
    text = texts(claim_lines(judged))
    assert "S5   If the time is up" in text
    assert "     linux     differs: close() = 0 after 1 s; all 300,000 bytes" in text
    assert "     textbook  27 of 27 hold (its rules are from documents)" in text
    assert "     linux     20 of 27 hold (its rules were measured on a kernel)" in text
    assert max(len(line) for line in text.splitlines()) <= WIDTH


def test_one_claim_in_full() -> None:
    rows = judge_all([BY_ID["S3"]], [TEXTBOOK, LINUX])
    text = texts(claim_in_full(rows))
    assert 'struct.pack("ii", 1, 0)' in text
    assert text.count("RST|ACK seq") == 4  # in two verdicts and on two ladders
    assert text.count("client:") == 2
    assert "Refused" not in text
    assert max(len(line) for line in text.splitlines()) <= WIDTH


def test_refused_calls_are_shown_once_for_each_kind() -> None:
    text = texts(claim_in_full([judge(BY_ID["S13"], LINUX)]))
    assert text.count("Refused") == 2  # by a connection, later by a TIME-WAIT
    assert "TIME-WAIT" in text


def test_profiles_are_shown_field_by_field() -> None:
    text = texts(profile_lines(PROFILES.values()))
    for profile in PROFILES.values():
        for cell in profile.cells():
            assert f"    {cell.name} = " in text
    assert "expiry_errno = EWOULDBLOCK" in text
    assert "length_ns = 240 s" in text
    assert "fin_wait_2_orphan_ns = never" in text
    assert "[measured: docs/kernel-notes/linger.md]" in text
    assert "tail loss probes (RFC 8985) are not" in " ".join(text.split())
    assert max(len(line) for line in text.splitlines()) <= WIDTH


def test_the_document_is_fresh() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == claims_markdown(), (
        "write it anew: python -c 'from lastack.matrix import claims_markdown as m; "
        'print(m(), end="")\' > docs/claims.md'
    )
