"""RFC 9293 section 3.10.7.1: a segment for which there is no connection."""

import pytest

from lastack.state import CLOSED
from tests.truth.peer import HandPeer, World

from .reach import Row, send

ROWS = [
    Row(CLOSED, "SYN", "SYN", answer="RST|ACK"),
    Row(CLOSED, "SYN with text", "SYN", text=b"abc", answer="RST|ACK"),
    Row(CLOSED, "SYN|FIN", "FIN|SYN", answer="RST|ACK"),
    Row(CLOSED, "FIN", "FIN", answer="RST|ACK"),
    Row(CLOSED, "URG|PSH|FIN", "FIN|PSH|URG", answer="RST|ACK"),
    Row(CLOSED, "no flags", "", answer="RST|ACK"),
    Row(CLOSED, "text without flags", "", text=b"abc", answer="RST|ACK"),
    Row(CLOSED, "ACK", "ACK", ack=7000, answer="RST"),
    Row(CLOSED, "ACK with text", "PSH|ACK", ack=7000, text=b"abc", answer="RST"),
    Row(CLOSED, "FIN|ACK", "FIN|ACK", ack=7000, answer="RST"),
    Row(CLOSED, "SYN|ACK", "SYN|ACK", ack=7000, answer="RST"),
    Row(CLOSED, "RST", "RST"),
    Row(CLOSED, "RST|ACK", "RST|ACK", ack=7000),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_no_connection(row: Row) -> None:
    peer = HandPeer(World())
    send(row, peer)
    for _, seg in peer.arrived:
        assert (seg.mss, seg.wscale, seg.tsval) == (0, -1, -1), "a RST has no options"
