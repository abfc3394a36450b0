"""The ladder: two columns, 80 wide, nothing important folded."""

import pytest

from lastack import state as st
from lastack.report import ASCII, UNICODE, WIDTH, Glyphs, Line, ladder, plain
from lastack.trace import Arrived, Called, Destroyed, Duplicated, Queue, Reason, TimerFired
from lastack.verdict import threads
from lastack.wire import ACK, FIN, RST, SYN, Segment
from tests.verdict.exchange import FLOW, MS, NAMES, SECOND, Exchange, Side, World, lost_answer
from tests.verdict.test_book import refuse


def draw(world: World, *, unfold: bool = False, glyphs: Glyphs = UNICODE) -> list[str]:
    return [plain(one) for one in lines(world, unfold=unfold, glyphs=glyphs)]


def lines(world: World, *, unfold: bool = False, glyphs: Glyphs = UNICODE) -> list[Line]:
    story = world.book.stories[0]
    events = threads(world.events, world.book)[story]
    return ladder(story, events, NAMES, unfold=unfold, glyphs=glyphs)


def bulk(*, loss_at: int = -1) -> Exchange:
    """61,320 bytes in 42 segments from the client; the one numbered `loss_at` is lost once."""
    world = Exchange()
    client = world.client
    client.give(42 * 1460)
    for number in range(42):
        if number == loss_at:
            world.lose(client.packet(ACK, 1460))
            world.wait(200 * MS)
            world.carry(client, 1460, at=number * 1460)
        else:
            world.carry(client, 1460)
    world.fin(client)
    world.fin(world.server)
    return world


def test_a_handshake() -> None:
    assert draw(Exchange()) == [
        "    time/s get:40000                                                      web:80",
        "  0.000000 connect web:80",
        "           SYN-SENT        ─ SYN seq 0 ────────────────────────▶",
        "  0.001000                 ◀──────────────────── SYN|ACK seq 0 ─ SYN-RECEIVED",
        "  0.002000 ESTABLISHED     ─ ACK ack 1 ────────────────────────▶",
        "           connect = 0",
        "  0.003000                                                       ESTABLISHED",
    ]


def test_the_lost_answer() -> None:
    drawn = draw(lost_answer())
    assert drawn[-9:] == [
        "                           ◀────────────── ACK seq 501 len 300 ─",
        "                                                                 close() = 0",
        "                                                    599 unread bytes thrown away",
        "                                                   300 unacked bytes thrown away",
        "                                                  1,200 unsent bytes thrown away",
        "                                                  RST: close() found unread data",
        "                           ◀────────────────── RST|ACK seq 801 ─ CLOSED",
        "  0.008000 CLOSED",
        "           400 unsent bytes thrown away",
    ]


def test_every_line_fits_80_columns() -> None:
    worlds = [lost_answer(), bulk(loss_at=20)]
    long = Exchange()
    long.client.call("send", "send " + "x" * 200)
    long.server.call("recv", "recv " + "y" * 60)
    long.client.packet(FIN | ACK, 65483, at=1_872_000)
    long.lose(long.client.packet(ACK, 65483, at=1_900_000), Reason.QUEUE_FULL)
    long.lose(long.server.packet(ACK, 65483, at=1_900_000), Reason.QUEUE_FULL)
    long.wait(123_456 * SECOND)
    long.server.packet(ACK, 1)
    for world in (*worlds, long):
        for unfold in (False, True):
            for glyphs in (UNICODE, ASCII):
                drawn = draw(world, unfold=unfold, glyphs=glyphs)
                assert max(len(one) for one in drawn) <= WIDTH


def test_a_long_call_is_cut_and_shows_it() -> None:
    world = Exchange()
    world.client.call("send", "send " + "x" * 200)
    assert draw(world)[-1].endswith("xxx…")
    assert draw(world, glyphs=ASCII)[-1].endswith("xxx~")


def test_ascii() -> None:
    world = bulk(loss_at=5)
    world.client.call("send", "send 'grüße'\x1b")
    for one in draw(world, glyphs=ASCII):
        assert one.isascii()
        assert one.isprintable()


def test_a_bulk_transfer_is_folded() -> None:
    drawn = draw(bulk())
    assert len([one for one in drawn if "⋮" in one]) == 1
    (fold,) = (one for one in drawn if "⋮" in one)
    assert fold.endswith(" ⋮ 81 segments, 59,860 bytes ▶ ⋮")
    assert len(drawn) < 30


def test_unfolded_shows_every_segment() -> None:
    drawn = draw(bulk(), unfold=True)
    assert not [one for one in drawn if "⋮" in one]
    assert len([one for one in drawn if "len 1460" in one]) == 42


def test_folding_keeps_the_loss_and_the_first_retransmission() -> None:
    drawn = draw(bulk(loss_at=20))
    at = next(i for i, one in enumerate(drawn) if "✗" in one)
    assert drawn[at].endswith("─ ACK seq 29201 len 1460 ──✗ lost by chance")
    assert "ACK seq 29201 len 1460 again" in drawn[at + 1]
    assert len([one for one in drawn if "⋮" in one]) == 2


@pytest.mark.parametrize("flags", [SYN, FIN | ACK, RST | ACK])
def test_folding_never_hides_flags(flags: int) -> None:
    world = Exchange()
    world.client.give(60 * 10)
    for number in range(60):
        if number == 30:
            world.client.packet(flags, at=0)
        world.carry(world.client, 10)
    name = {SYN: "SYN", FIN | ACK: "FIN|ACK", RST | ACK: "RST|ACK"}[flags]
    assert len([one for one in draw(world)[6:] if f"─ {name} seq" in one]) == 1


def test_folding_keeps_states_and_failed_calls_and_eof() -> None:
    world = Exchange()
    for number in range(40):
        world.carry_all(world.client, 10)
        if number == 10:
            world.client.call("send", "send 5 bytes")
            world.client.returns("send", "ECONNRESET", 104)
        if number == 20:
            world.server.call("recv", "recv 100")
            world.server.returns("recv", "EOF")
        if number == 30:
            world.server.move(st.CLOSE_WAIT, Reason.FIN_ARRIVED)
    drawn = "\n".join(draw(world))
    for kept in ("send 5 bytes = ECONNRESET", "recv 100 = EOF", "CLOSE-WAIT"):
        assert kept in drawn
    assert drawn.count("⋮") == 2 * 4


def test_a_lost_ack_may_be_folded_and_is_counted() -> None:
    world = Exchange()
    for number in range(20):
        world.carry_all(world.client, 10)
        if number == 10:
            world.lose(world.server.packet(ACK))
    (fold,) = (one for one in draw(world) if "⋮" in one)
    assert ", 1 lost, " in fold


def test_the_fold_counts_calls_and_repeated_retransmissions() -> None:
    world = Exchange()
    world.client.give(100)
    world.client.packet(ACK, 100)
    for count in range(1, 16):
        world.wait(SECOND)
        world.client.write(TimerFired(world.client.conn, "retransmit", count))
        world.client.packet(ACK, 100, at=0)
    world.client.move(st.CLOSED, Reason.GIVE_UP_DATA)
    drawn = draw(world)
    (fold,) = (one for one in drawn if "⋮" in one)
    assert "sent again" in fold
    assert len([one for one in drawn if one.rstrip("─▶").endswith("len 100 again ")]) == 3


def test_a_call_that_waited_has_two_rows() -> None:
    world = Exchange()
    world.client.call("recv", "recv 65536")
    world.wait(SECOND)
    world.client.returns("recv", "12 bytes")
    assert draw(world)[-2:] == ["           recv 65536", "  1.003000 recv = 12 bytes"]


def test_losses_in_both_directions_say_why() -> None:
    world = Exchange()
    world.lose(world.client.packet(ACK, 10), Reason.DROP_RULE)
    world.lose(world.server.packet(ACK, 10), Reason.QUEUE_FULL)
    there, back = draw(world)[-2:]
    assert there.endswith("─ ACK seq 1 len 10 ──✗ dropped by a rule")
    assert back.split("the link")[1] == "'s queue was full ✗── ACK seq 1 len 10 ─"


def test_a_shut_window_and_its_probe() -> None:
    world = Exchange()
    world.server.packet(ACK, wnd=0)
    world.client.packet(ACK, at=0)
    assert "ACK ack 1 win 0" in draw(world)[-2]
    assert "probe" in draw(world)[-1]


def test_a_duplicated_packet() -> None:
    world = Exchange()
    packet = world.client.packet(ACK, 10)
    world.journal.write(Duplicated(packet), "get>web", 0, world.now)
    assert "ACK seq 1 len 10 twice" in draw(world)[-1]


def test_a_refused_connection() -> None:
    world = World()
    refuse(world)
    drawn = draw(world)
    assert drawn[0].endswith("web:80")
    assert drawn[3].endswith("RST: nobody listens on the port")
    assert "◀" in drawn[4]
    assert "RST|ACK seq 0 ─" in drawn[4]
    assert drawn[5] == "  0.002000 CLOSED"
    assert drawn[6] == "           connect = ECONNREFUSED"


def test_a_peer_outside_is_seen_at_its_arrival() -> None:
    world = World()
    server = Side(world, "web", FLOW.reversed(), syn=99)
    seg = Segment(FLOW, 500, 0, SYN, 100, number=99)
    server.write(Arrived(server.conn, 99, seg))
    data = Segment(FLOW, 501, 0, ACK, 100, b"hello", number=100)
    server.write(Arrived(server.conn, 100, data))
    assert "─ SYN seq 0 ─" in draw(world)[1]
    assert "─ ACK seq 1 len 5 ─" in draw(world)[2]


def test_simultaneous_open_has_an_arrow_each_way() -> None:
    world = World()
    one = Side(world, "get", FLOW)
    two = Side(world, "web", FLOW.reversed())
    for side in (one, two):
        side.move(st.SYN_SENT, Reason.OPEN_CALL)
        side.packet(SYN)
    assert draw(world)[1:] == [
        "  0.000000 SYN-SENT        ─ SYN seq 0 ────────────────────────▶",
        "                           ◀──────────────────────── SYN seq 0 ─ SYN-SENT",
    ]


def test_two_incarnations_have_a_ladder_each() -> None:
    world = Exchange()
    world.server.take_reset(world.client.abort(Reason.LINGER_ZERO))
    world.reopen()
    found = threads(world.events, world.book)
    first, second = (
        [plain(one) for one in ladder(story, events, NAMES)] for story, events in found.items()
    )
    assert any("RST|ACK" in one for one in first)
    assert not any("RST" in one for one in second)
    assert sum(len(events) for events in found.values()) == len(world.events)


def test_styles_name_what_the_text_says() -> None:
    styles = {style: text for one in lines(bulk(loss_at=9)) for text, style in one if text.strip()}
    assert {"host", "time", "call", "state", "syn", "fin", "data", "ack", "again", "lost"} <= set(
        styles
    )
    assert styles["fold"].strip().startswith("⋮")


def test_notes_without_a_connection_stand_at_their_receiver() -> None:
    world = Exchange()
    world.server.write(Destroyed(world.server.conn, Queue.OUT_OF_ORDER, 5, 9, Reason.LINGER_ZERO))
    world.server.write(Called(0, "bind", "bind 80"))
    assert draw(world)[-1].strip() == "4 out-of-order bytes thrown away"
