"""The send queue's record ends (MSG_EOR)."""

from lastack.tcp.sendq import SendQueue


def queue(*records: int) -> SendQueue:
    """Return a queue of records with these lengths, and ten bytes behind them."""
    found = SendQueue()
    for length in records:
        found.append(bytes(length), fills=False)
        found.end_record()
    found.append(bytes(10), fills=False)
    return found


def test_where_the_record_ends_that_goes_on() -> None:
    held = queue(5, 3)
    assert [held.record_after(at) for at in (0, 4, 5, 7, 8, 17)] == [5, 5, 8, 8, 18, 18]
    assert [at for at in range(19) if held.ends_record(at)] == [5, 8]


def test_a_record_of_nothing_is_none() -> None:
    held = queue(5)
    held.end_record()
    held.end_record()
    assert held.records == (5, 15)
    assert SendQueue().records == ()


def test_what_is_acknowledged_is_forgotten() -> None:
    held = queue(5, 3)
    held.acknowledge(5)
    assert held.records == (8,)
    held.acknowledge(18)
    held.end_record()
    assert held.records == ()
    held = queue(5)
    held.clear()
    assert held.records == ()
