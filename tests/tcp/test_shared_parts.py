"""What a connection makes at its first use is shared until then: nobody sees what others did."""

from __future__ import annotations

from lastack.net import DROP, PASS, Fate
from lastack.sockets import AGAIN, TcpSocket, names
from lastack.tcp import Urgent
from lastack.wire import FIN, URG, Packet, Segment
from tests.exchange import B, Lab, s


def told(sock: TcpSocket) -> tuple[object, ...]:
    """What an outsider can see of queues, timers, urgent mark and scoreboard."""
    assert sock.endpoint is not None
    tcp = sock.endpoint.connection
    info = tcp.info()
    return (
        tcp.unread, tcp.out_of_order, tcp.unsent, tcp.unacked, tcp.next_timeout, tcp.urgent,
        tcp.at_mark, info.sacked, info.bytes_acked, info.bytes_received,
    )  # fmt: skip


def opened(lab: Lab, listener: TcpSocket) -> tuple[TcpSocket, TcpSocket]:
    client = lab.socket("a")
    client.connect(B, 80, lab.now)
    lab.until(lambda: bool(listener.mask(lab.now)))
    server = listener.accept(lab.now)
    assert server is not AGAIN
    server.hold()
    return client, server


def test_who_did_nothing_sees_nothing_of_a_connection_that_did_everything() -> None:
    lab = Lab()
    listener = lab.listen()
    before = opened(lab, listener)
    lab.run(s(10))
    fresh = [told(sock) for sock in before]
    busy, peer = opened(lab, listener)
    seen = 0

    def lose_the_second(packet: Packet, now: int) -> Fate:
        nonlocal seen
        seen += isinstance(packet, Segment) and bool(packet.text)
        return DROP if seen in (2, 9) else PASS

    lab.network.add_rule(lose_the_second, link=("a", "b"))
    busy.send(bytes(14_480), 0, lab.now)
    peer.send(b"urgent", names.MSG_OOB, lab.now)
    assert busy.endpoint is not None
    assert peer.endpoint is not None
    tcp, other = busy.endpoint.connection, peer.endpoint.connection
    lab.until(lambda: tcp.info().sacked > 0 and other.out_of_order > 0)
    assert tcp.unacked
    assert tcp.next_timeout > lab.now
    assert tcp.urgent is Urgent.HERE
    assert [told(sock) for sock in before] == fresh
    after = opened(lab, listener)
    lab.run(s(10))
    assert [told(sock) for sock in after] == fresh
    assert any(isinstance(p, Segment) and p.flags & URG for p in lab.sent("b"))


def test_a_fin_that_is_sent_again_without_text_leaves_no_trace_in_the_queue_of_others() -> None:
    def taken_at_once() -> int:
        client, _ = Lab().connection()
        count = client.send(bytes(1_000_000), 0, 0)
        assert isinstance(count, int)
        return count

    before = taken_at_once()
    lab = Lab()
    clients = [lab.connection(port=80 + n)[0] for n in range(80)]
    lab.network.add_rule(lambda packet, now: DROP)
    for client in clients:
        client.shutdown(names.SHUT_WR, lab.now)
    lab.run(s(1))  # each is probed for, and sent again
    fins = [p for p in lab.sent("a") if isinstance(p, Segment) and p.flags & FIN]
    assert len(fins) > 160
    assert taken_at_once() == before
