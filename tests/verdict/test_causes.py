"""What is said about an ending, with its figures."""

from lastack import state as st
from lastack.trace import Reason, Refused, TimerFired
from lastack.verdict import Verdict, refusal, verdict
from lastack.wire import ACK

from .exchange import SECOND, Exchange, World, lost_answer
from .test_book import refuse


def judge(world: World) -> Verdict:
    return verdict(world.story, world.book)


def test_the_lost_answer() -> None:
    one = judge(lost_answer())
    assert one.why == (
        "RST at 0.007 s: close() on web found 599 unread bytes. "
        "Lost: 400 of get's 1,000 bytes. Lost: 1,200 of web's 2,000 bytes."
    )
    assert one.remedy.startswith("Read the request to its end before close()")
    assert "SHLD-3" in one.source
    assert one.measured == "docs/kernel-notes/close.md"


def test_unread_bytes_that_the_cause_does_not_name() -> None:
    world = Exchange()
    world.carry_all(world.client, 50)
    world.server.call("close")
    world.server.abort(Reason.LINGER_ZERO, unread=(20, 50))
    assert judge(world).why == (
        "RST at 0.005 s: close() on web was an abort: SO_LINGER is on with l_linger 0. "
        "Thrown away unread: 30 of get's 50 bytes."
    )


def test_a_whole_transfer() -> None:
    world = Exchange()
    world.carry_all(world.client, 50)
    world.server.read(0, 50)
    world.fin(world.client)
    world.fin(world.server)
    one = judge(world)
    assert one.why == "FIN at 0.009 s: both directions were closed in order."
    assert one.remedy == "Nothing to do."


def test_linger_that_ran_out_says_how_long_it_waited() -> None:
    world = Exchange()
    client = world.client
    client.give(2)
    client.packet(ACK, 2)
    client.call("close")
    client.move(st.FIN_WAIT_1, Reason.CLOSE_CALL)
    world.wait(2 * SECOND)
    client.abort(Reason.LINGER_EXPIRED)
    assert judge(world).why == (
        "RST at 2.003 s: close() on get lingered 2 s, then threw away what was not acknowledged. "
        "Lost: all 2 bytes of get."
    )


def test_giving_up_counts_what_was_sent_again() -> None:
    world = Exchange()
    client = world.client
    client.give(100)
    client.packet(ACK, 100)
    for number in range(1, 17):
        client.write(TimerFired(client.conn, "retransmit", number))
    client.move(st.CLOSED, Reason.GIVE_UP_DATA)
    assert judge(world).why == (
        "Ended without a segment at 0.003 s: get gave up after 15 retransmissions: "
        "web acknowledged nothing. Lost: all 100 bytes of get."
    )


def test_refused() -> None:
    world = World()
    refuse(world)
    one = judge(world)
    assert one.why == "Refused at 0.001 s: nobody listens on that port of web."
    assert one.remedy.startswith("Start the server first")


def test_still_open() -> None:
    world = Exchange()
    assert judge(world).why == "Still open: get is in ESTABLISHED, web is in ESTABLISHED."


def test_the_call_is_the_one_that_sent_the_rst() -> None:
    world = Exchange()
    world.server.call("exit")
    world.server.abort(Reason.LINGER_ZERO)
    assert "the end of the program on web" in judge(world).why


def test_a_refused_bind_names_the_holder() -> None:
    event = Refused(0, "bind", 98, Reason.PORT_IN_TIME_WAIT, ("web:80 to get:40000",))
    World().journal.write(event, "web", 0, 0)
    why, remedy = refusal(event)
    assert why == (
        "bind() on web: a connection in TIME-WAIT on web holds the port: web:80 to get:40000."
    )
    assert "SO_REUSEADDR" in remedy
