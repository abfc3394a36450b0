"""The order in which connections are called when their time has come."""

from lastack.host.agenda import Agenda
from lastack.host.endpoint import Endpoint
from lastack.host.ports import Binding
from lastack.profile import LINUX, NEVER, S
from lastack.tcp import Buffers, Connection
from lastack.wire import Flow


def opening(conn: int, now: int) -> Endpoint:
    """Return a connection that has sent its SYN: its first deadline is a second later."""
    flow = Flow(bytes((10, 0, 0, 1)), 40_000 + conn, bytes((10, 0, 0, 2)), 80)
    buffers = Buffers(LINUX.buffers)
    connection = Connection(LINUX, flow, conn=conn, iss=0, mss=1460, buffers=buffers)
    connection.open(now)
    return Endpoint(connection, Binding())


def schedule(agenda: Agenda, endpoint: Endpoint) -> None:
    agenda.schedule(endpoint, endpoint.connection.next_timeout)


def conns(agenda: Agenda, now: int) -> list[int]:
    """Take out all that are due."""
    found = []
    while (endpoint := agenda.pop(now)) is not None:
        found.append(endpoint.connection.conn)
    return found


def test_the_earliest_deadline_comes_first() -> None:
    agenda = Agenda()
    for conn, now in ((1, 2 * S), (2, 0), (3, S)):
        schedule(agenda, opening(conn, now))
    assert agenda.next == S
    assert conns(agenda, 2 * S) == [2, 3]
    assert conns(agenda, 3 * S) == [1]
    assert agenda.next == NEVER


def test_of_one_instant_the_older_connection_comes_first() -> None:
    agenda = Agenda()
    for conn in (3, 1, 2):  # in whatever order their places in the heap were put right
        schedule(agenda, opening(conn, 0))
    assert conns(agenda, S) == [1, 2, 3]


def test_whoever_asks_in_between_changes_nothing() -> None:
    def play(*, asking: bool) -> list[int]:
        agenda = Agenda()
        endpoints = [opening(conn, 0) for conn in (1, 2, 3)]
        for endpoint in endpoints:
            schedule(agenda, endpoint)
        for endpoint in endpoints[:2]:
            endpoint.connection.timeout(S)  # their deadlines move to 2 s
        if asking:
            assert agenda.next == S
        endpoints[2].connection.timeout(S)
        return conns(agenda, 2 * S)

    assert play(asking=False) == play(asking=True) == [1, 2, 3]


def test_only_what_is_before_the_limit_is_told() -> None:
    agenda = Agenda()
    schedule(agenda, opening(1, 0))
    assert agenda.before(S) == S
    assert agenda.before(S + 1) == S
    assert agenda.before(10) == 10
