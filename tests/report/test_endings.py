"""The ending block and the tables."""

from lastack import state as st
from lastack.report import (
    ASCII,
    UNICODE,
    WIDTH,
    Glyphs,
    ending_lines,
    plain,
    refusal_lines,
    socket_table,
    texts,
    time_wait_lines,
)
from lastack.trace import Reason, Refused, SocketRow
from lastack.verdict import verdict
from lastack.wire import ACK, SYN
from tests.verdict.exchange import FLOW, NAMES, SECOND, Exchange, Side, World, lost_answer


def block(world: World, glyphs: Glyphs = UNICODE) -> str:
    one = verdict(world.book.stories[0], world.book)
    return texts(ending_lines(one, NAMES, world.book.time_waits(), glyphs=glyphs))


def test_the_lost_answer() -> None:
    assert block(lost_answer()) == (
        "get:40000 → web:80  opened 0 s, ended 0.008 s\n"
        "Ending    RST, the server (web) closed first\n"
        "Why       RST at 0.007 s: close() on web found 599 unread bytes. Lost: 400 of\n"
        "          get's 1,000 bytes. Lost: 1,200 of web's 2,000 bytes.\n"
        "Remedy    Read the request to its end before close(); or shutdown(SHUT_WR), read\n"
        "          until EOF, then close(). (RFC 9293 section 3.6.1 (SHLD-3); RFC 2525\n"
        "          section 2.17)\n"
        "Bytes       accepted  read  unread  queued  destroyed\n"
        "get → web      1,000     1     599       0        400\n"
        "web → get      2,000   200     600       0      1,200\n"
    )


def test_time_wait_and_until_when() -> None:
    world = Exchange()
    world.fin(world.client)
    world.fin(world.server)
    assert block(world).splitlines()[1] == "Ending    FIN, the client (get) closed first"
    assert block(world).splitlines()[-1] == ("TIME-WAIT on get: get:40000 → web:80 until 60.006 s")
    assert [plain(one) for one in time_wait_lines(world.book.time_waits(), NAMES)] == [
        block(world).splitlines()[-1]
    ]


def test_still_open() -> None:
    assert "Ending    still open, nobody closed" in block(Exchange())
    assert "not ended at both ends" in block(Exchange())


def test_ascii_and_80_columns() -> None:
    for world in (lost_answer(), Exchange()):
        text = block(world, ASCII)
        assert text.isascii()
        assert "get -> web" in text
        for one in (text, block(world)):
            assert max(map(len, one.splitlines())) <= WIDTH


def test_huge_figures_and_long_names_fit() -> None:
    world = World()
    client = Side(world, "get", FLOW)
    client.move(st.SYN_SENT, Reason.OPEN_CALL)
    client.packet(SYN)
    client.move(st.ESTABLISHED, Reason.SYN_ACK_ARRIVED)
    client.give(123_456_789_012)
    client.packet(ACK, 100)
    client.abort(Reason.LINGER_ZERO)
    names = dict.fromkeys(NAMES, "a-host-with-a-name-that-has-no-end.example")
    one = verdict(world.story, world.book)
    drawn = [plain(line) for line in ending_lines(one, names)]
    assert "unknown" in drawn[-3]
    assert "123,456,789,012" in drawn[-2]
    assert max(len(line) for line in drawn) <= WIDTH


def test_bad_news_is_styled_bad() -> None:
    world = lost_answer()
    styles = [
        (text.strip(), style)
        for line in ending_lines(verdict(world.story, world.book), NAMES)
        for text, style in line
    ]
    assert ("RST", "bad") in styles
    assert ("1,200", "bad") in styles
    assert ("200", "") in styles


def test_a_refused_bind() -> None:
    event = Refused(0, "bind", 98, Reason.PORT_IN_TIME_WAIT, ("web:80 to get:40000",))
    World().journal.write(event, "web", 0, SECOND)
    drawn = [plain(line) for line in refusal_lines(event)]
    assert drawn[0].startswith("Refused   1 s: bind() on web: a connection in TIME-WAIT")
    assert any(line.startswith("Remedy    Set SO_REUSEADDR") for line in drawn)


def test_the_socket_table() -> None:
    rows = [
        SocketRow(st.LISTEN, "10.0.0.2:80", "0.0.0.0:0", 0, 5),
        SocketRow(
            st.FIN_WAIT_1, "10.0.0.2:80", "10.0.0.1:40000", 0, 30000, "retransmit",
            2 * SECOND, orphan=True,
        ),
        SocketRow(st.TIME_WAIT, "10.0.0.2:80", "10.0.0.1:9", 0, 0, "time-wait", 61 * SECOND),
    ]  # fmt: skip
    assert texts(socket_table(rows, SECOND)) == (
        "State      Recv-Q Send-Q Local       Peer           Timer\n"
        "LISTEN          0      5 10.0.0.2:80 *\n"
        "FIN-WAIT-1      0  30000 10.0.0.2:80 10.0.0.1:40000 retransmit in 1 s (closed)\n"
        "TIME-WAIT       0      0 10.0.0.2:80 10.0.0.1:9     until 61 s\n"
    )
