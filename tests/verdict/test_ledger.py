"""Every byte has one place, in every account."""

import pytest

from lastack import state as st
from lastack.trace import Opened, Queue, Queued, Read, Reason
from lastack.verdict import Account, Ledger, account, ledger
from lastack.wire import ACK, SYN, Flow

from .exchange import CLIENT, FLOW, Exchange, Side, World, lost_answer


def fits(one: Account) -> bool:
    return one.accepted == one.read + one.unread + one.queued + one.destroyed + one.unknown


def test_read_by_the_program() -> None:
    world = Exchange()
    world.carry_all(world.client, 3000)
    world.server.read(0, 3000)
    assert ledger(world.story) == Ledger(Account(3000, read=3000), Account(), ())


def test_unread_while_it_waits_in_the_receive_queue() -> None:
    world = Exchange()
    world.carry_all(world.client, 3000)
    world.server.read(0, 10)
    assert ledger(world.story).client_to_server == Account(3000, read=10, unread=2990)


def test_queued_while_the_sender_may_send_it() -> None:
    world = Exchange()
    world.client.give(3000)
    world.carry(world.client, 1000)
    lost = world.client.packet(ACK, 500)
    world.lose(lost)
    assert ledger(world.story).client_to_server == Account(3000, unread=1000, queued=2000)


def test_each_place_at_once_after_the_lost_answer() -> None:
    accounts = ledger(lost_answer().story)
    assert accounts.client_to_server == Account(1000, read=1, unread=599, destroyed=400)
    assert accounts.server_to_client == Account(2000, read=200, unread=600, destroyed=1200)


def test_what_arrived_is_not_lost_though_its_sender_never_learnt_it() -> None:
    # The server's abort destroyed [500, 800) unacknowledged; the client got it all the same.
    world = lost_answer()
    losses = ledger(world.story).losses
    assert [(loss.host, loss.queue, loss.bytes, loss.reason) for loss in losses] == [
        ("web", Queue.UNREAD, 599, Reason.UNREAD_AT_CLOSE),
        ("web", Queue.UNSENT, 1200, Reason.UNREAD_AT_CLOSE),
        ("get", Queue.UNSENT, 400, Reason.RESET_BY_PEER),
    ]


def test_read_after_the_sender_is_gone_moves_from_unread_to_read() -> None:
    world = lost_answer()
    world.client.read(200, 800)
    assert ledger(world.story).server_to_client == Account(2000, read=800, destroyed=1200)


def test_the_losses_add_up_to_the_accounts() -> None:
    accounts = ledger(lost_answer().story)
    gone = sum(loss.bytes for loss in accounts.losses if loss.queue is not Queue.UNREAD)
    assert gone == accounts.client_to_server.destroyed + accounts.server_to_client.destroyed


def test_the_receiver_is_gone_but_the_sender_does_not_know() -> None:
    world = Exchange()
    world.client.give(1000)
    world.server.call("close")
    reset = world.server.abort(Reason.LINGER_ZERO)
    assert ledger(world.story).client_to_server == Account(1000, queued=1000)
    world.client.take_reset(reset)
    assert ledger(world.story).client_to_server == Account(1000, destroyed=1000)


def test_out_of_order_bytes_share_the_fate_of_the_senders_copy() -> None:
    world = Exchange()
    client, server = world.client, world.server
    client.give(1000)
    world.lose(client.packet(ACK, 400))
    number = client.packet(ACK, 600)
    world.wait()
    server.arrive(client.last, number)
    server.call("close")
    server.destroy(Queue.OUT_OF_ORDER, 400, 1000, Reason.LINGER_ZERO)
    reset = server.abort(Reason.LINGER_ZERO)
    client.take_reset(reset)
    accounts = ledger(world.story)
    assert accounts.client_to_server == Account(1000, destroyed=1000)
    assert [(loss.queue, loss.bytes) for loss in accounts.losses] == [(Queue.UNACKED, 1000)]


@pytest.mark.parametrize(
    ("sent", "unacked", "unsent"), [(0, 0, 900), (300, 300, 600), (900, 900, 0)]
)
def test_a_host_that_vanishes_takes_its_queue_along(sent: int, unacked: int, unsent: int) -> None:
    world = Exchange()
    world.client.give(900)
    if sent:
        world.client.packet(ACK, sent)
    world.client.move(st.CLOSED, Reason.HOST_GONE)
    accounts = ledger(world.story)
    assert accounts.client_to_server == Account(900, destroyed=900)
    found = {loss.queue: loss.bytes for loss in accounts.losses}
    assert found == {
        queue: size for queue, size in ((Queue.UNACKED, unacked), (Queue.UNSENT, unsent)) if size
    }


def test_a_peer_outside_leaves_bytes_unknown() -> None:
    world = World()
    client = Side(world, "get", FLOW)
    client.move(st.SYN_SENT, Reason.OPEN_CALL)
    client.packet(SYN)
    client.move(st.ESTABLISHED, Reason.SYN_ACK_ARRIVED)
    client.give(1000)
    client.packet(ACK, 700)
    assert ledger(world.story).client_to_server == Account(1000, queued=1000)
    client.abort(Reason.LINGER_ZERO)
    accounts = ledger(world.story)
    assert accounts.client_to_server == Account(1000, destroyed=300, unknown=700)
    assert [(loss.queue, loss.bytes) for loss in accounts.losses] == [(Queue.UNSENT, 300)]


def test_bytes_from_a_peer_outside_count_from_their_arrival() -> None:
    world = World()
    server = Side(world, "web", FLOW.reversed(), syn=77)
    server.write(Queued(server.conn, 0, 50))
    server.write(Read(server.conn, 0, 20))
    assert ledger(world.story).client_to_server == Account(50, read=20, unread=30)


def test_a_socket_connected_to_itself_has_one_account() -> None:
    world = World()
    side = Side(world, "get", Flow(CLIENT, 5000, CLIENT, 5000))
    side.give(10)
    side.write(Queued(side.conn, 0, 10))
    side.read(0, 4)
    accounts = ledger(world.story)
    assert accounts.client_to_server == Account(10, read=4, unread=6)
    assert accounts.server_to_client == Account()


def test_the_accounts_fit_after_every_single_event() -> None:
    stored = lost_answer().events
    world = World()
    for event in stored:
        world.book(event)
        if isinstance(event, Opened) and not event.active:
            assert world.story.server is not None
        for story in world.book.stories:
            assert all(fits(account(story, end)) for end in story.ends)


def test_unread_bytes_thrown_away_twice_count_once() -> None:
    world = Exchange()
    world.carry_all(world.client, 100)
    world.server.destroy(Queue.UNREAD, 40, 100, Reason.UNREAD_AT_CLOSE)
    world.server.destroy(Queue.UNREAD, 40, 100, Reason.UNREAD_AT_CLOSE)
    assert [loss.bytes for loss in ledger(world.story).losses] == [60]
