"""Who closed first, by which segment, for which reason."""

from lastack import state as st
from lastack.trace import Queue, Reason, ResetSent, Sent, TimerFired
from lastack.verdict import Ending, First, Kind, ending
from lastack.wire import ACK, FIN, RST, SYN, Segment

from .exchange import FLOW, Exchange, Side, World, lost_answer
from .test_book import refuse


def judge(world: World) -> Ending:
    return ending(world.book.stories[0], world.book)


def seen(world: World) -> tuple[Kind, First, Reason | None, str]:
    one = judge(world)
    return one.kind, one.first_closer, one.reason, one.by


def test_fin_both_ways() -> None:
    world = Exchange()
    world.fin(world.client)
    assert seen(world) == (Kind.OPEN, First.CLIENT, None, "")
    world.fin(world.server)
    assert seen(world) == (Kind.FIN, First.CLIENT, None, "")
    assert world.story.ended_at is not None


def test_the_server_may_be_first() -> None:
    world = Exchange()
    world.fin(world.server)
    world.fin(world.client)
    assert seen(world) == (Kind.FIN, First.SERVER, None, "")


def test_simultaneous_close() -> None:
    world = Exchange()
    for side in (world.client, world.server):
        side.call("close")
        side.move(st.FIN_WAIT_1, Reason.CLOSE_CALL)
        side.packet(FIN | ACK)
    for side in (world.client, world.server):
        side.move(st.CLOSING, Reason.FIN_ARRIVED)
    for side in (world.client, world.server):
        side.move(st.TIME_WAIT, Reason.FIN_ACKED)
    assert seen(world) == (Kind.FIN, First.BOTH, None, "")


def test_unread_at_close() -> None:
    one = judge(lost_answer())
    assert (one.kind, one.first_closer) == (Kind.RST, First.SERVER)
    assert (one.reason, one.by) == (Reason.UNREAD_AT_CLOSE, "web")
    assert one.reset is not None
    assert one.reset.call is not None
    assert one.reset.call.call == "close"


def test_unread_at_close_where_that_means_fin() -> None:
    world = Exchange()
    world.carry_all(world.client, 100)
    world.server.destroy(Queue.UNREAD, 0, 100, Reason.UNREAD_AT_CLOSE)
    world.fin(world.server)
    world.fin(world.client)
    assert seen(world) == (Kind.FIN, First.SERVER, Reason.UNREAD_AT_CLOSE, "web")


def test_a_rst_after_the_first_fin() -> None:
    world = Exchange()
    world.fin(world.client)
    world.server.call("close")
    world.client.take_reset(world.server.abort(Reason.LINGER_ZERO))
    assert seen(world) == (Kind.RST, First.CLIENT, Reason.LINGER_ZERO, "web")


def test_data_after_close_is_the_closers_rst() -> None:
    world = Exchange()
    world.fin(world.client)
    world.server.give(10)
    number = world.server.packet(ACK, 10)
    world.client.arrive(world.server.last, number)
    world.server.take_reset(world.client.abort(Reason.DATA_AFTER_CLOSE))
    assert seen(world) == (Kind.RST, First.CLIENT, Reason.DATA_AFTER_CLOSE, "get")


def test_both_abort_before_they_hear() -> None:
    world = Exchange()
    world.client.abort(Reason.LINGER_ZERO)
    world.server.abort(Reason.UNREAD_AT_CLOSE)
    assert seen(world) == (Kind.RST, First.BOTH, Reason.LINGER_ZERO, "get")


def test_a_rst_that_is_lost_is_still_the_end() -> None:
    world = Exchange()
    world.lose(world.server.abort(Reason.LINGER_ZERO))
    assert seen(world) == (Kind.RST, First.SERVER, Reason.LINGER_ZERO, "web")
    assert world.story.ended_at is None


def reset_from_nowhere(world: Exchange, host: str, reply_to: int) -> int:
    number = world.journal.next_packet()
    flow = world.client.flow if host == "get" else world.server.flow
    scribe = world.journal.scribe(host)
    scribe.write(ResetSent(0, Reason.NO_CONNECTION, reply_to), world.now)
    segment = Segment(flow, 0, 0, RST, 0, number=number)
    scribe.write(Sent(0, number, segment, 0, 0, False), world.now)
    return number


def test_no_connection_is_told_by_what_removed_it() -> None:
    world = Exchange()
    world.fin(world.client)
    world.wait(60_000_000_000)
    world.client.move(st.CLOSED, Reason.FIN_WAIT_2_OVER)
    assert seen(world) == (Kind.TIMEOUT, First.CLIENT, Reason.FIN_WAIT_2_OVER, "get")
    world.server.give(10)
    data = world.server.packet(ACK, 10)
    world.server.take_reset(reset_from_nowhere(world, "get", data))
    assert seen(world) == (Kind.RST, First.CLIENT, Reason.FIN_WAIT_2_OVER, "get")


def test_no_connection_when_nothing_else_is_known() -> None:
    world = Exchange()
    data = world.server.packet(ACK, 10)
    world.server.take_reset(reset_from_nowhere(world, "get", data))
    assert seen(world) == (Kind.RST, First.NONE, Reason.NO_CONNECTION, "get")


def test_a_rst_in_last_ack_comes_after_both_fins() -> None:
    world = Exchange()
    world.fin(world.client)
    server = world.server
    server.move(st.LAST_ACK, Reason.CLOSE_CALL)
    fin = server.packet(FIN | ACK)
    world.time_wait(world.client)
    server.take_reset(reset_from_nowhere(world, "get", fin))
    assert seen(world) == (Kind.FIN, First.CLIENT, None, "")


def test_giving_up_is_an_end_without_a_segment() -> None:
    world = Exchange()
    world.client.give(100)
    world.client.packet(ACK, 100)
    for count in range(1, 17):
        world.client.write(TimerFired(world.client.conn, "retransmit", count))
    world.client.move(st.CLOSED, Reason.GIVE_UP_DATA)
    assert seen(world) == (Kind.TIMEOUT, First.NONE, Reason.GIVE_UP_DATA, "get")


def test_a_syn_without_an_answer() -> None:
    world = World()
    client = Side(world, "get", FLOW)
    client.move(st.SYN_SENT, Reason.OPEN_CALL)
    client.packet(SYN)
    assert judge(world).kind is Kind.OPEN
    client.move(st.CLOSED, Reason.GIVE_UP_SYN)
    assert seen(world) == (Kind.TIMEOUT, First.NONE, Reason.GIVE_UP_SYN, "get")


def test_closed_while_connecting() -> None:
    world = World()
    client = Side(world, "get", FLOW)
    client.move(st.SYN_SENT, Reason.OPEN_CALL)
    client.packet(SYN)
    client.call("close")
    client.move(st.CLOSED, Reason.CLOSED_WHILE_CONNECTING)
    assert seen(world) == (Kind.TIMEOUT, First.CLIENT, Reason.CLOSED_WHILE_CONNECTING, "get")


def test_refused() -> None:
    world = World()
    refuse(world)
    assert seen(world) == (Kind.REFUSED, First.NONE, Reason.PORT_CLOSED, "web")


def test_a_rst_that_leaves_the_connection_alone_is_no_end() -> None:
    world = Exchange()
    world.client.write(ResetSent(world.client.conn, Reason.BAD_ACK_IN_SYN_SENT, 0))
    world.wait()
    world.client.move(st.CLOSED, Reason.GIVE_UP_DATA)
    assert judge(world).kind is Kind.TIMEOUT


def test_a_peer_outside_that_closes_first() -> None:
    world = World()
    server = Side(world, "web", FLOW.reversed(), syn=99)
    server.move(st.SYN_RECEIVED, Reason.SYN_ARRIVED)
    server.move(st.ESTABLISHED, Reason.HANDSHAKE_DONE)
    server.move(st.CLOSE_WAIT, Reason.FIN_ARRIVED)
    server.move(st.LAST_ACK, Reason.CLOSE_CALL)
    server.move(st.CLOSED, Reason.FIN_ACKED)
    assert seen(world) == (Kind.FIN, First.CLIENT, None, "")


def test_a_peer_outside_that_resets() -> None:
    world = World()
    server = Side(world, "web", FLOW.reversed(), syn=99)
    server.move(st.SYN_RECEIVED, Reason.SYN_ARRIVED)
    server.move(st.ESTABLISHED, Reason.HANDSHAKE_DONE)
    server.take_reset(1234)
    assert seen(world) == (Kind.RST, First.CLIENT, Reason.RESET_BY_PEER, "")
