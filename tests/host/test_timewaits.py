"""The TIME-WAIT table (RFC 9293 section 3.4.2, net.ipv4.tcp_max_tw_buckets)."""

import sys

import pytest

from lastack.host import Counts, Place, TimeWaits
from lastack.profile import MINUTE, NEVER, S
from lastack.tcp import Entry
from lastack.wire import Flow, pack_address

SERVER = pack_address("10.0.0.1")
SERVER6 = pack_address("2001:db8::1")
CLIENT = pack_address("10.0.0.2")


def flow(sport: int, client: bytes = CLIENT, server: bytes = SERVER, dport: int = 80) -> Flow:
    return Flow(client, sport, server, dport)


def entry(at: Flow, *, conn: int = 1, reuseaddr: bool = False, reuseport: bool = False) -> Entry:
    return Entry(
        at, snd_nxt=1, rcv_nxt=2, ts_recent=3, window=4, conn=conn,
        reuseaddr=reuseaddr, reuseport=reuseport,
    )  # fmt: skip


def ports(entries: list[Entry]) -> list[int]:
    return [entry.flow.sport for entry in entries]


def test_an_entry_comes_back_as_it_went_in() -> None:
    table = TimeWaits(10)
    largest = Entry(
        flow(65535, dport=65535), snd_nxt=0xFFFFFFFF, rcv_nxt=0xFFFFFFFE, ts_recent=0xFFFFFFFD,
        window=0xFFFF, conn=77, ts_ok=True, reuseaddr=True, reuseport=True, v6only=True,
        fin_wait_2=True, rcv_wscale=14,
    )  # fmt: skip
    least = Entry(flow(1, dport=0), 0, 0, 0, 0, 0)
    assert table.add(largest, 60 * S, 5 * S)
    assert table.add(least, 60 * S, 5 * S)
    assert table.get(largest.flow) == largest._replace(entered=5 * S, expires=65 * S)
    assert table.get(least.flow) == least._replace(entered=5 * S, expires=65 * S)


def test_a_flow_is_found_in_its_incoming_direction_only() -> None:
    table = TimeWaits(10)
    table.add(entry(flow(1)), MINUTE, 0)
    assert table.get(flow(1).reversed()) is None
    assert table.get(flow(2)) is None
    assert table.get(flow(1, dport=81)) is None


def test_ipv4_and_ipv6_with_the_same_ports_are_two() -> None:
    table = TimeWaits(10)
    zero = Flow(bytes(4), 1, bytes(4), 2)  # the number of the first IPv6 address is small, too
    six = Flow(bytes(16), 1, bytes(16), 2)
    assert table.add(entry(six, conn=6), MINUTE, 0)
    assert table.get(zero) is None
    assert table.add(entry(zero, conn=4), MINUTE, 0)
    assert [e.conn for e in table] == [6, 4]
    assert table.remove(six) is not None
    assert table.get(six) is None
    assert table.get(zero) is not None


def test_the_limit_and_duplicates_are_refused() -> None:
    table = TimeWaits(2)
    assert table.add(entry(flow(1)), MINUTE, 0)
    assert not table.add(entry(flow(1), conn=9), MINUTE, 0)
    assert table.add(entry(flow(2)), MINUTE, 0)
    assert not table.add(entry(flow(3)), MINUTE, 0)
    assert len(table) == 2
    first = table.get(flow(1))
    assert first is not None
    assert first.conn == 1
    table.remove(flow(1))
    assert table.add(entry(flow(3)), MINUTE, 0)
    assert not TimeWaits(0).add(entry(flow(1)), MINUTE, 0)


def test_entries_expire_in_order_whatever_their_duration() -> None:
    table = TimeWaits(10)
    table.add(entry(flow(1)), 60 * S, 0)
    table.add(entry(flow(2)), 5 * S, 1 * S)
    table.add(entry(flow(3)), 60 * S, 2 * S)
    table.add(entry(flow(4)), 58 * S, 2 * S)  # due with the first, but it came later
    assert table.next_expiry == 6 * S
    assert table.expire(6 * S - 1) == []
    assert ports(table.expire(6 * S)) == [2]
    assert table.next_expiry == 60 * S
    assert ports(list(table)) == [1, 4, 3]
    assert ports(table.expire(62 * S)) == [1, 4, 3]
    assert table.next_expiry == NEVER
    assert len(table) == 0


def test_a_restart_goes_to_the_end_with_a_duration_of_its_own() -> None:
    table = TimeWaits(10)
    table.add(entry(flow(1)), 60 * S, 0)
    table.add(entry(flow(2)), 60 * S, 0)
    table.restart(flow(1), 60 * S, 10 * S)
    assert ports(table.expire(60 * S)) == [2]
    table.restart(flow(1), 1 * S, 60 * S)
    restarted = table.get(flow(1))
    assert restarted is not None
    assert (restarted.entered, restarted.expires) == (60 * S, 61 * S)
    assert ports(table.expire(61 * S)) == [1]
    with pytest.raises(KeyError):
        table.restart(flow(1), 60 * S, 61 * S)


def test_an_orphan_in_fin_wait_2_without_limit_never_expires() -> None:
    table = TimeWaits(10)
    table.add(entry(flow(1)), NEVER, 7)
    assert table.next_expiry == NEVER
    assert table.expire(NEVER - 1) == []
    stored = table.get(flow(1))
    assert stored is not None
    assert (stored.entered, stored.expires) == (7, NEVER)


def test_change_sets_what_is_given() -> None:
    table = TimeWaits(10)
    before = entry(flow(1))._replace(fin_wait_2=True, reuseaddr=True, rcv_wscale=7)
    table.add(before, MINUTE, 0)
    before = before._replace(entered=0, expires=MINUTE)
    table.change(flow(1), rcv_nxt=50)
    assert table.get(flow(1)) == before._replace(rcv_nxt=50)
    table.change(flow(1), ts_recent=0, fin_wait_2=False)
    assert table.get(flow(1)) == before._replace(rcv_nxt=50, ts_recent=0, fin_wait_2=False)
    with pytest.raises(KeyError):
        table.change(flow(2), rcv_nxt=1)


def test_clear_returns_everything_in_order_of_expiry() -> None:
    table = TimeWaits(10)
    table.add(entry(flow(1)), 60 * S, 0)
    table.add(entry(flow(2, CLIENT, SERVER6[:4])), 5 * S, 0)
    assert ports(table.clear()) == [2, 1]
    assert len(table) == 0
    assert table.get(flow(1)) is None
    assert list(table.ports_in_use(80)) == []
    assert table.add(entry(flow(1)), 60 * S, 0)


def test_bind_is_told_how_many_and_with_which_options() -> None:
    table = TimeWaits(10)
    options = [(False, False), (True, False), (True, False), (False, True), (True, True)]
    for n, (reuseaddr, reuseport) in enumerate(options, 1):
        table.add(entry(flow(n), reuseaddr=reuseaddr, reuseport=reuseport), MINUTE, 0)
    six = Flow(pack_address("2001:db8::2"), 9, SERVER6, 80)
    table.add(entry(six)._replace(v6only=True), MINUTE, 0)
    assert table.held(SERVER, 80) == Counts(total=5, reuseaddr=3, reuseport=2, both=1)
    assert table.held(SERVER6, 80) == Counts()
    assert table.held(SERVER6, 80, v6only=True) == Counts(total=1)
    assert table.held(SERVER, 81) == table.held(CLIENT, 80) == Counts()
    assert table.held(pack_address("2001:db8::2"), 80) == Counts()
    assert dict(table.ports_in_use(80)) == {
        Place(SERVER): Counts(5, 3, 2, 1),
        Place(SERVER6, v6only=True): Counts(1),
    }
    assert list(table.ports_in_use(9)) == []
    table.remove(flow(5))
    table.remove(six)
    assert dict(table.ports_in_use(80)) == {
        Place(SERVER): Counts(total=4, reuseaddr=2, reuseport=1)
    }
    table.expire(MINUTE)
    assert table.held(SERVER, 80) == Counts()


def fill(table: TimeWaits, count: int) -> None:
    """Fill with what a web server has: each client comes from consecutive ports."""
    for n in range(count):
        client = (0x0A000000 + n // 1000).to_bytes(4, "big")
        assert table.add(entry(flow(32768 + n % 1000, client), conn=n + 1), MINUTE, n)


def test_an_entry_costs_less_than_80_bytes() -> None:
    count = 100_000
    table = TimeWaits(count)
    fill(table, count)
    assert len(table) == count
    assert sys.getsizeof(table) / count <= 80
    assert [e.conn for e in table.expire(MINUTE + count // 2 - 1)] == list(range(1, count // 2 + 1))
    assert table.next_expiry == MINUTE + count // 2


def test_a_burst_gives_its_memory_back() -> None:
    table = TimeWaits(1000)
    empty = sys.getsizeof(table)
    fill(table, 1000)
    full = sys.getsizeof(table)
    assert full > empty + 1000 * 50
    table.expire(2 * MINUTE)
    assert sys.getsizeof(table) == empty


def test_the_seed_changes_nothing_that_is_seen() -> None:
    one, other = TimeWaits(2000, seed=1), TimeWaits(2000, seed=0xFEDC_BA98_7654_3210)
    fill(one, 2000)
    fill(other, 2000)
    assert list(one) == list(other)


def test_more_durations_than_sixteen_bits_can_number() -> None:
    number = (1 << 16) + 10
    table = TimeWaits(number)
    for n in range(number):
        at = flow(n & 0xFFFF, dport=n >> 16)
        assert table.add(entry(at, conn=n), MINUTE + n, 0)
    for n in (0, 1, 65_535, 65_536, number - 1):
        held = table.get(flow(n & 0xFFFF, dport=n >> 16))
        assert held is not None
        assert (held.conn, held.entered, held.expires) == (n, 0, MINUTE + n)
    table.restart(flow(9, dport=1), MINUTE, 5)
    last = table.get(flow(9, dport=1))
    assert last is not None
    assert (last.entered, last.expires) == (5, MINUTE + 5)
