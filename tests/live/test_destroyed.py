"""The feed of destroyed sockets: what the kernel tells when a connection ends."""

from pathlib import Path

import pytest

from lastack.live import DestroyFeed, Row, kill, sockets
from lastack.state import State

from .lab import Stage, eventually, private, private_as_nobody, reset, row

SECOND = 1_000_000_000


def next_rows(feed: DestroyFeed, number: int) -> list[Row]:
    rows: list[Row] = []
    while len(rows) < number:
        more = feed.read(5 * SECOND)
        assert more, f"only {len(rows)} of {number} were told"
        rows += more
    return rows


def dropped() -> int:
    """How many messages to sock_diag sockets of this namespace the kernel has dropped."""
    rows = [line.split() for line in Path("/proc/thread-self/net/netlink").read_text().splitlines()]
    return sum(int(row[8]) for row in rows if row[1] == "4")


@private_as_nobody
def test_both_ends_of_an_orderly_close_are_told_to_anybody(stage: Stage) -> None:
    client, server = stage.pair(stage.listener(8080))
    client.sendall(b"request")
    server.recv(100)
    with DestroyFeed() as feed:
        client.close()
        eventually(lambda: sockets("state close-wait"))
        server.close()
        told = next_rows(feed, 2)
        assert feed.read(SECOND // 20) == []
        assert feed.missed == 0
    carried = [r.tcp_info.bytes_received for r in told if r.tcp_info]
    assert sorted(carried) == [1, 8]  # a FIN each, and the request
    assert {r.inode for r in told} == {0}


@private
def test_an_abort_is_told_and_a_time_wait_that_ends_is_not(stage: Stage) -> None:
    client, server = stage.pair(stage.listener(8080))
    stage.server_side("time-wait", 8081)
    with DestroyFeed() as feed:
        assert feed.fileno() >= 0
        kill(row("state time-wait"))
        assert feed.read(SECOND // 20) == []
        reset(client)
        server.close()
        assert len(next_rows(feed, 2)) == 2


@private
def test_ipv6_is_told_too(stage: Stage) -> None:
    client, server = stage.pair(stage.listener(8080, host="::1"))
    with DestroyFeed() as feed:
        reset(client)
        (told,) = next_rows(feed, 1)[:1]
        assert (told.family, told.state) == (10, State.CLOSED)
        server.close()


@private
def test_a_reader_that_is_late_is_told_that_it_missed_some(stage: Stage) -> None:
    listener = stage.listener(8080)
    with DestroyFeed(buffer=1) as feed:
        for _ in range(60):
            client, server = stage.pair(listener)
            reset(client)
            server.close()
        eventually(dropped)
        assert len(next_rows(feed, 1)) < 120
        while feed.read(SECOND // 20):
            pass
        assert feed.missed > 0


@private
def test_a_closed_feed_is_not_read() -> None:
    with DestroyFeed() as feed:
        assert feed.read(1) == []
    with pytest.raises(ValueError):
        feed.read(1)
