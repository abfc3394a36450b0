"""Every reason can be said."""

import re

import pytest

from lastack.trace import Reason
from lastack.verdict import SENTENCES, Figures, cause, count, seconds
from lastack.verdict.rows_calls import CALLS
from lastack.verdict.rows_ends import ENDS
from lastack.verdict.rows_packets import PACKETS
from lastack.verdict.rows_states import STATES


def test_every_reason_has_exactly_one_row() -> None:
    assert set(SENTENCES) == set(Reason)
    assert len(SENTENCES) == sum(len(rows) for rows in (CALLS, ENDS, PACKETS, STATES))


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_row(reason: Reason) -> None:
    row = SENTENCES[reason]
    said = cause(reason, Figures(host="web", peer="get"))
    assert said
    assert not said.endswith(".")
    assert "{" not in said
    remedy = row.remedy.format(host="web", peer="get")
    assert remedy.endswith(".")
    assert row.source
    assert row.measured == "" or re.fullmatch(r"docs/kernel-notes/[a-z-]+\.md", row.measured)


def test_no_remedy_names_what_this_release_has_not() -> None:
    assert not [row for row in SENTENCES.values() if "lastack." in row.remedy + row.cause]


def test_figures() -> None:
    assert count(1, "byte") == "1 byte"
    assert count(127_972, "unread byte") == "127,972 unread bytes"
    assert seconds(41_000_000) == "0.041 s"
    assert seconds(60_000_000_000) == "60 s"
    assert seconds(0) == "0 s"
    assert seconds(1_999_999_600) == "2 s"
