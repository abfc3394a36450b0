"""Which two ends are one connection."""

from lastack import state as st
from lastack.trace import Opened, Reason, Refused, ResetSent, Sent
from lastack.verdict import Book, threads
from lastack.wire import ACK, RST, SYN, Flow, Segment

from .exchange import CLIENT, FLOW, MS, SERVER, Exchange, Side, World, lost_answer


def test_a_passive_end_joins_the_sender_of_its_syn() -> None:
    world = Exchange()
    story = world.story
    assert len(world.book.stories) == 1
    assert story.client is not None
    assert story.server is not None
    assert (story.client.host, story.server.host) == ("get", "web")
    assert story.opened_at == 0
    assert story.ended_at is None
    assert [step.state for step in story.server.steps] == [st.SYN_RECEIVED, st.ESTABLISHED]


def test_a_refused_syn_has_a_client_only() -> None:
    world = World()
    client = refuse(world)
    assert world.story.client is not None
    assert world.story.client.conn == client.conn
    assert world.story.server is None
    assert world.story.ended_at == 2 * MS


def refuse(world: World) -> Side:
    """A SYN meets a closed port on `web`, 1 ms away."""
    client = Side(world, "get", FLOW)
    client.call("connect", "connect web:80")
    client.move(st.SYN_SENT, Reason.OPEN_CALL)
    syn = client.packet(SYN)
    world.wait()
    web = world.journal.scribe("web")
    web.write(ResetSent(0, Reason.PORT_CLOSED, syn), world.now)
    number = world.journal.next_packet()
    reset = Segment(FLOW.reversed(), 0, client.iss + 1, RST | ACK, 0, number=number)
    web.write(Sent(0, number, reset, 0, 0, False), world.now)
    world.wait()
    client.take_reset(number)
    client.returns("connect", "ECONNREFUSED", 111)
    return client


def test_reused_ports_are_two_connections() -> None:
    world = Exchange()
    world.carry_all(world.client, 100)
    world.client.call("close")
    world.server.take_reset(world.client.abort(Reason.LINGER_ZERO))
    world.reopen()
    world.carry_all(world.client, 7)
    first, second = world.book.stories
    assert [story.flow for story in world.book.stories] == [FLOW, FLOW]
    assert (first.client, first.server) != (second.client, second.server)
    assert [end.accepted for story in (first, second) for end in story.ends] == [100, 0, 7, 0]


def test_two_active_ends_are_a_simultaneous_open() -> None:
    world = World()
    one = Side(world, "web", FLOW.reversed())
    world.wait()
    two = Side(world, "get", FLOW)
    assert len(world.book.stories) == 1
    assert [end.conn for end in world.story.ends] == [one.conn, two.conn]


def test_a_later_active_open_does_not_join_an_end_that_is_gone() -> None:
    world = World()
    one = Side(world, "web", FLOW.reversed())
    one.move(st.SYN_SENT, Reason.OPEN_CALL)
    one.move(st.CLOSED, Reason.GIVE_UP_SYN)
    Side(world, "get", FLOW)
    assert len(world.book.stories) == 2


def test_a_third_active_end_does_not_join_a_pair() -> None:
    world = World()
    Side(world, "web", FLOW.reversed())
    Side(world, "get", FLOW)
    Side(world, "get", FLOW)
    assert len(world.book.stories) == 2


def test_a_socket_connected_to_itself() -> None:
    world = World()
    Side(world, "get", Flow(CLIENT, 5000, CLIENT, 5000))
    assert world.story.to_itself
    assert len(world.story.ends) == 1


def test_a_passive_end_whose_syn_came_from_outside() -> None:
    world = World()
    Side(world, "web", FLOW.reversed(), syn=99)
    assert world.story.client is None
    assert world.story.flow == FLOW


def test_the_second_answer_to_a_syn_replaces_one_that_came_to_nothing() -> None:
    world = World()
    client = Side(world, "get", FLOW)
    client.move(st.SYN_SENT, Reason.OPEN_CALL)
    syn = client.packet(SYN)
    first = Side(world, "web", FLOW.reversed(), syn=syn)
    first.move(st.SYN_RECEIVED, Reason.SYN_ARRIVED)
    first.move(st.CLOSED, Reason.GIVE_UP_SYN_ACK)
    second = Side(world, "web", FLOW.reversed(), syn=syn)
    one, two = world.book.stories
    assert [end.conn for end in one.ends] == [client.conn, second.conn]
    assert [end.conn for end in two.ends] == [first.conn]
    assert world.book.story_of(first.conn) is two


def test_an_old_duplicate_syn_makes_a_story_of_its_own() -> None:
    world = Exchange()
    opened = [event for event in world.events if isinstance(event, Opened)]
    late = Side(world, "web", FLOW.reversed(), syn=opened[1].syn)
    assert [[end.conn for end in story.ends] for story in world.book.stories] == [
        [world.client.conn, world.server.conn],
        [late.conn],
    ]


def test_time_wait_stands_until_it_ends() -> None:
    world = Exchange()
    world.fin(world.client)
    world.fin(world.server)
    (wait,) = world.book.time_waits()
    assert (wait.host, wait.flow) == ("get", FLOW)
    assert wait.expires_at - wait.entered_at == 60_000 * MS
    assert world.story.client is not None
    assert world.story.client.time_wait == wait


def test_refusals_are_kept() -> None:
    world = World()
    event = Refused(0, "bind", 98, Reason.PORT_IN_TIME_WAIT, ("web:80 to get:40000",))
    world.journal.write(event, "web", 0, 0)
    assert world.book.refusals == [event]


def test_a_stored_trace_gives_the_same_book() -> None:
    world = lost_answer()
    again = Book().read(world.events)
    (one,), (two,) = world.book.stories, again.stories
    assert one.ends == one.ends
    assert [vars(end) for end in one.ends] == [vars(end) for end in two.ends]


def test_threads_find_losses_and_resets_from_nowhere() -> None:
    world = World()
    Side(world, "web", Flow(SERVER, 1, CLIENT, 2))
    client = refuse(world)
    world.lose(client.packet(SYN, at=0))
    other, refused = threads(world.events, world.book).values()
    assert [type(event).__name__ for event in other] == ["Opened"]
    kinds = [type(event).__name__ for event in refused]
    assert kinds.count("ResetSent") == 1
    assert kinds.count("Sent") == 3
    assert kinds[-1] == "Lost"
    assert len(other) + len(refused) == len(world.events)
