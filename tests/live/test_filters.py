"""The language of filters: what it means is what ss(8) means by it; what is wrong is one line."""

import socket
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastack.live import FilterError, Network, Row, network, parse_filter, sockets

from .lab import Stage, private

EVERY_STATE = (
    "established", "close-wait", "fin-wait-1", "fin-wait-2", "fin-wait-2 owned", "time-wait",
    "last-ack",
)  # fmt: skip

SHARED = [
    "",
    "state all",
    "state time-wait",
    "state established state close-wait",
    "state connected",
    "state synchronized",
    "state bucket",
    "state big",
    "state listening",
    "state connected exclude time-wait",
    "exclude listening",
    "exclude fin-wait-1 exclude last-ack",
    "sport = :8080",
    "sport == :8080",
    "sport eq :8080",
    "sport != :8080",
    "sport ne :8080",
    "sport < :8083",
    "sport lt :8083",
    "sport <= :8083",
    "sport > :8083",
    "sport >= :8083",
    "sport ge :8083",
    "dport = :8081",
    "state time-wait sport = :8085",
    "sport = :8080 or sport = :8082",
    "sport = :8080 or sport = :8082 and dport = :1",
    "( sport = :8080 or sport = :8082 ) and dport = :1",
    "sport = :8080 or ( sport = :8082 and dport = :1 )",
    "sport = :8080 and dport = :1 or sport = :8082",
    "sport = :8080 or sport = :8082 dport = :1",
    "sport = :8081 or not sport = :8080 and sport = :8082",
    "not sport = :8080 and sport = :8082",
    "not sport = :8080 or sport = :8082",
    "not sport = :8080",
    "! sport = :8080",
    "not ( sport = :8080 or dport = :8080 )",
    "not not sport = :8080",
    "sport >= :8081 sport <= :8083",
    "sport >= :8081 && sport <= :8083",
    "sport = :8081 || sport = :8083",
    "src 127.0.0.1",
    "src = 127.0.0.1",
    "src 127.0.0.2",
    "src 127.0.0.0/30",
    "src 127.0.0.4/30",
    "src 0.0.0.0/0",
    "dst 127.0.0.1:8080",
    "dst = 127.0.0.1:8080 or src 127.0.0.1:8081",
    "src :8082",
    "src 127.0.0.2 or src [::1]",
    "src [::1]:8090",
    "dst [::1]",
    "sport = :http-alt",
]


def ends(rows: list[Row]) -> list[tuple[int, int]]:
    return sorted((row.local[1], row.remote[1]) for row in rows if not row.bound_only)


def as_ss_says(filter: str) -> list[tuple[int, int]]:
    words = ["ss", "-Htan", *filter.split()]
    text = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in text.splitlines()]
    # `ss state ONE` leaves the column of the state out
    columns = [(row[-2], row[-1]) for row in rows]
    return sorted((_port(local), _port(peer)) for local, peer in columns)


def _port(end: str) -> int:
    port = end.rpartition(":")[2]
    return 0 if port == "*" else int(port)


@private
def test_every_filter_keeps_what_ss_keeps(stage: Stage) -> None:
    for port, state in enumerate(EVERY_STATE, 8080):
        stage.server_side(state, port)
    stage.pair(stage.listener(8090, host="::1"))
    stage.listener(8091, host="127.0.0.2")
    # the two tables are read moments apart: nothing moves any more
    differing = [text for text in SHARED if ends(sockets(text)) != as_ss_says(text)]
    assert differing == []
    # these two would be the same if `and` bound tighter
    assert sockets("sport = :8080 or sport = :8082 and dport = :1") == []
    assert sockets("sport = :8080 or ( sport = :8082 and dport = :1 )") != []
    kept = {text: len(sockets(text)) for text in SHARED}
    assert kept[""] == kept["state all"] == 7 * 2 - 1 + 3 + 1
    assert kept["src 127.0.0.4/30"] == 0
    # without brackets too, which ss(8) does not take
    assert ends(sockets("src ::1")) == ends(sockets("src [::1]"))


@private
def test_a_mapped_address_is_the_ipv4_address(stage: Stage) -> None:
    listener = stage.listener(8080, host="::")
    client = stage.keep(socket.create_connection(("127.0.0.1", 8080)))
    stage.keep(listener.accept()[0])
    port = client.getsockname()[1]
    assert ends(sockets("dst 127.0.0.1 sport = :8080")) == [(8080, port)]
    assert as_ss_says("dst 127.0.0.1 sport = :8080") == [(8080, port)]


@private
def test_a_bound_port_is_found_by_the_new_state_name(stage: Stage) -> None:
    stage.bound(8080)
    stage.listener(8081)
    for name in ("bound-inactive", "closed"):
        assert [row.local[1] for row in sockets(f"state {name}")] == [8080]
    assert [row.local[1] for row in sockets("exclude closed")] == [8081]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("state", "a name behind 'state' is missing"),
        ("state wait", "no state is called 'wait'"),
        ("sport", "an operator behind 'sport' is missing"),
        ("sport 80", "'80' is no operator"),
        ("sport =", "a port is missing"),
        ("sport = :65536", "'65536' is no port"),
        ("sport = :-1", "'-1' is no port and no service"),
        ("sport = :nosuchservice", "no port and no service"),
        ("sport = :²", "no port"),
        ("dst", "an address is missing"),
        ("dst example.org", "'example.org' is no address"),
        ("dst 10.0.0.0/33", "/33 is no prefix of 10.0.0.0 (0 to 32)"),
        ("dst 10.0.0.0/", "/ is no prefix"),
        ("dst < 10.0.0.1", "dst takes = and !="),
        ("dst [::1", "is no [ADDRESS]:PORT"),
        ("dst [::1]x", "is no [ADDRESS]:PORT"),
        ("( sport = :1", "')' is missing"),
        ("sport = :1 )", "nothing can follow before ')'"),
        ("sport = :1 or", "an expression is missing"),
        ("not", "an expression is missing"),
        ("sport = :1 state time-wait", "'state' stands before the expression"),
        ("dev = eth0", "'dev' is ss(8)'s"),
        ("time-wait", "'time-wait' begins no term"),
        ("= :80", "'=' begins no term"),
    ],
)
def test_a_wrong_filter_is_one_line(text: str, says: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text("()=<>!&|:/.[] 0123456789abdnoprst\n", max_size=30) | st.text(max_size=30))
def test_any_text_is_a_filter_or_a_filter_error(text: str) -> None:
    problem = ""
    try:
        parse_filter(text)
    except FilterError as error:
        problem = str(error)
    assert "\n" not in problem


def test_an_empty_filter_knows_that_it_is_empty() -> None:
    assert parse_filter("").empty
    assert parse_filter("  ").empty
    assert parse_filter("state all").empty
    assert not parse_filter("exclude listening").empty
    assert not parse_filter("sport > 0").empty


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
        ("10.1.2.3", "10.1.2.3", "10.1.2.2"),
        ("10.1.2.3/31", "10.1.2.2", "10.1.2.4"),
        ("2001:db8::/32", "2001:db8:1::1", "2001:db9::1"),
        ("::1", "::1", "::2"),
        ("192.0.2.1", "::ffff:192.0.2.1", "::192.0.2.1"),
    ],
)
def test_networks(text: str, inside: str, outside: str) -> None:
    assert network(text).has(network(inside).address)
    assert not network(text).has(network(outside).address)
    assert isinstance(network(text), Network)
