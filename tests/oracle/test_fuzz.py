"""Random scripts: the same seed the same script, and what differs from the kernel is seen."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lastack.oracle import (
    Fuzz,
    FuzzError,
    Recorded,
    compare_recorded,
    explore,
    generate,
    in_namespace,
    read_fuzz,
    recorded_from_json,
    recorded_to_json,
)
from lastack.profile import LINUX, AbortAfterFin, Unread

UNREAD_CLOSE = """
peer mss 1460 wscale 7 sack 1 stamps 0 iss 4294967000
+0 socket 1
+0 listen 1
+0 < S seq iss+0 len 0 ack iss+0 win 65535
+0 < A seq nxt+0 len 0 ack max+0 win 1000
+0 accept
+0 < PA seq nxt+0 len 500 ack max+0 win 1000
+0 read 200
+60 close
+0 < A seq nxt+0 len 0 ack max+0 win 1000
+20 end
"""


def on_kernel(script: Fuzz) -> Recorded:
    return in_namespace(lambda player: player.play(script))


def test_a_seed_is_a_script() -> None:
    scripts = {seed: generate(seed) for seed in range(200)}
    assert scripts == {seed: generate(seed) for seed in range(200)}
    assert len({str(one) for one in scripts.values()}) == 200


def test_a_script_is_read_as_it_is_written() -> None:
    for seed in range(200):
        script = generate(seed)
        assert read_fuzz(str(script)) == script


@pytest.mark.parametrize(
    "line", ["+0", "+x write 1", "+0 < A", "+0 < Q seq iss+0 ack iss+0 win 1", "peer mss many",
             "+0 icmp 3 about nowhere+0", "+0 icmp 3/4 about una+0 size 9", "+0 sleep 1",
             "+0 listen", "+0 write 1 2 3", "+0 < A seq nxt+0 ack max+0 win 1 stamp late",
             "+0 < A seq nxt+0 ack max+0 win 1 urgnt 5"],
)  # fmt: skip
def test_a_line_that_is_no_step(line: str) -> None:
    with pytest.raises(FuzzError, match="line 2"):
        read_fuzz(f"# one\n{line}\n")


@pytest.mark.root
def test_the_kernel_and_lastack_do_the_same() -> None:
    recorded = on_kernel(read_fuzz(UNREAD_CLOSE))
    assert compare_recorded(recorded, LINUX).difference is None
    sent = [str(packet) for look in recorded.looks for _, packet in look.packets]
    assert [one.split()[0] for one in sent] == ["SA", "A", "RA", "R"]
    told = json.loads(json.dumps(recorded_to_json(recorded)))
    assert recorded_from_json(told) == recorded


@pytest.mark.root
def test_a_wrong_field_is_seen() -> None:
    recorded = on_kernel(read_fuzz(UNREAD_CLOSE))
    wrong = replace(LINUX, closing=replace(LINUX.closing, unread=Unread.FIN))
    found = compare_recorded(recorded, wrong).difference
    assert found is not None
    assert (found.act, found.field) == ("close", "flags")
    other = replace(LINUX, closing=replace(LINUX.closing, abort_after_fin_sent=AbortAfterFin.RESET))
    assert compare_recorded(recorded, other).difference is None


@pytest.mark.root
def test_what_began_in_time_is_told_and_no_more_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 0.0, 0.0, 9.0, 9.0])
    monkeypatch.setattr("lastack.oracle.fuzz_run.monotonic", lambda: next(times))
    batches = list(explore(range(1, 51), LINUX, jobs=1, until=5.0))
    assert [batch.played for batch in batches] == [2, 0]


@pytest.mark.root
def test_random_scripts_on_the_kernel() -> None:
    """A short run; `make fuzz` is a long one."""
    batches = list(explore(range(1, 101), LINUX, jobs=6))
    assert sum(batch.played for batch in batches) == 100
    found = [(name, one.difference) for batch in batches for name, one in batch.found]
    assert found == []
