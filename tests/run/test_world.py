"""Order, starts, descriptors, errors of the engine."""

import gc
import sys
import time
from collections.abc import Callable

import pytest

from lastack.net import DROP, PASS, Delay, LinkRules
from lastack.run import Outcome, World, current
from lastack.run.baton import here, park
from lastack.sockets import IN, OUT, TcpSocket
from lastack.trace import Called, Event, Sent

from . import calls
from .calls import client, echo_server, lines
from .conftest import Play

MS = 1_000_000
S = 1_000_000_000


def test_programs_start_in_order_each_when_the_one_before_first_waits(play: Play) -> None:
    order: list[str] = []

    def named(name: str, pause: float) -> Callable[[], None]:
        def main() -> None:
            order.append(f"{name} starts at {time.monotonic():g}")
            if pause:
                time.sleep(pause)
            order.append(f"{name} ends at {time.monotonic():g}")

        return main

    play(named("a", 1), named("b", 0), named("c", 1))
    assert order == [
        "a starts at 0", "b starts at 0", "b ends at 0", "c starts at 0",
        "a ends at 1", "c ends at 1",
    ]  # fmt: skip


def test_a_program_may_start_later() -> None:
    world = World()
    node = world.host("a")
    world.program(node, lambda: print(time.monotonic()), name="late", start_at=3 * S // 2)
    world.program(node, lambda: print(time.monotonic()), name="early")
    late, early = world.run().programs
    assert (late.output[0].text, early.output[0].text) == ("1.5", "0.0")


def test_two_programs_talk_over_the_network(play: Play) -> None:
    outcome = play(echo_server, client, link=LinkRules(delay_ns=40 * MS))
    assert lines(outcome, 1) == ["hello", "b''"]
    assert outcome.programs[1].output[0].at == 160 * MS  # handshake and echo, one round trip each


def trace(seed: int) -> list[str]:
    world = World(seed, link=LinkRules(loss=0.1, jitter_ns=5 * MS))
    events: list[Event] = []
    world.journal.listeners.append(events.append)
    world.program(world.host("h1"), echo_server)

    def busy() -> None:
        file = calls.connect("10.0.0.1", 7)
        for _ in range(5):
            calls.send(file, bytes(10_000))
            count = 0
            while count < 10_000:
                count += len(calls.receive(file))
        calls.shutdown(file)
        calls.receive(file)

    world.program(world.host("h2"), busy)
    world.run()
    return [f"{event.at} {event.host} {event!r}" for event in events]


def test_the_same_seed_gives_the_same_trace() -> None:
    assert trace(3) == trace(3)
    assert trace(3) != trace(4)


def test_only_one_of_the_accepting_threads_is_woken(play: Play) -> None:
    import threading

    def server() -> None:
        listener = calls.listen(7)

        def worker(name: str) -> None:
            while True:
                file = calls.accept(listener)
                print(name)
                calls.close(file)

        for name in ("first", "second", "third"):
            threading.Thread(target=worker, args=(name,)).start()

    def many() -> None:
        for _ in range(4):
            file = calls.connect("10.0.0.1", 7)
            calls.receive(file)
            calls.close(file)

    assert lines(play(server, many), 0) == ["first", "second", "third", "first"]


def test_a_wait_ends_by_an_event_or_by_its_time(play: Play) -> None:
    def server() -> None:
        file = calls.accept(calls.listen(7))
        print(park([(file, IN)], 2 * S), time.monotonic())
        print(park([(file, IN)], 9 * S), time.monotonic())

    def speaker() -> None:
        file = calls.connect("10.0.0.1", 7)
        time.sleep(5)
        calls.send(file, b"x")

    outcome = play(server, speaker)
    assert lines(outcome, 0) == ["False 2.0", "True 5.003"]


def test_rules_of_the_network_apply() -> None:
    world = World()
    world.program(world.host("h1"), echo_server)
    world.program(world.host("h2"), client)
    seen: list[int] = []

    def second_lost(packet: object, now: int) -> object:
        seen.append(now)
        return DROP if len(seen) == 2 else Delay(MS) if len(seen) == 3 else PASS

    world.network.add_rule(second_lost, name="second is lost")  # type: ignore[arg-type]
    outcome = world.run()
    assert lines(outcome, 1) == ["hello", "b''"]
    assert outcome.programs[1].output[0].at > S  # the SYN|ACK had to be sent again


def test_wire_true_gives_the_same_trace() -> None:
    def sent(wire: bool) -> list[str]:
        world = World(wire=wire)
        found: list[str] = []
        world.journal.listeners.append(
            lambda event: found.append(repr(event)) if isinstance(event, Sent) else None
        )
        world.program(world.host("h1"), echo_server)
        world.program(world.host("h2"), client)
        world.run()
        return found

    assert sent(True) == sent(False)


def test_an_error_in_the_engine_ends_the_world_with_that_error() -> None:
    world = World()
    world.program(world.host("h1"), echo_server)
    world.program(world.host("h2"), client)

    def broken(packet: object, now: int) -> object:
        raise ArithmeticError("a rule failed")

    world.network.add_rule(broken, name="broken")  # type: ignore[arg-type]
    with pytest.raises(ArithmeticError, match="a rule failed"):
        world.run()
    assert current() is None


def test_a_new_world_can_run_after_a_failed_one(play: Play) -> None:
    test_an_error_in_the_engine_ends_the_world_with_that_error()
    assert not play(echo_server, client).failed


def test_worlds_do_not_nest(play: Play) -> None:
    def main() -> None:
        inner = World()
        inner.program(inner.host("a"), lambda: None)
        with pytest.raises(RuntimeError, match="another world"):
            inner.run()

    assert not play(main).failed


def test_hosts_get_addresses_in_order_and_names_are_unique() -> None:
    world = World()
    assert [world.host(name).address for name in "abc"] == [
        bytes((10, 0, 0, n)) for n in (1, 2, 3)
    ]  # fmt: skip
    with pytest.raises(ValueError, match="named a"):
        world.host("a")


def test_descriptors_are_never_used_twice(play: Play) -> None:
    seen: list[int] = []

    def main() -> None:
        seen.append(here().process.add(TcpSocket(here().process.node.host)))

    play(main)
    play(main, main)
    assert len(set(seen)) == 3
    assert min(seen) >= 1 << 20


def test_what_an_ended_program_held_is_closed(play: Play) -> None:
    def leaver() -> None:
        calls.connect("10.0.0.1", 7)  # never closed

    def server() -> None:
        file = calls.accept(calls.listen(7))
        print(calls.receive(file))

    assert lines(play(server, leaver), 0) == ["b''"]


def test_an_abandoned_descriptor_is_closed_at_the_next_wait(play: Play) -> None:
    def server() -> None:
        file = calls.accept(calls.listen(7))
        print(calls.receive(file), time.monotonic())

    def forgets() -> None:
        calls.connect("10.0.0.1", 7)
        process = here().process
        (fd,) = process.descriptors
        here().world.abandon(process, fd)
        print(fd in process.descriptors)
        time.sleep(10)

    outcome = play(server, forgets)
    assert lines(outcome, 0) == ["b'' 0.003"]
    assert lines(outcome, 1) == ["True"]


def test_the_collector_and_the_recursion_limit_are_put_back(play: Play) -> None:
    limit = sys.getrecursionlimit()

    def main() -> None:
        assert not gc.isenabled()
        time.sleep(1)
        assert sys.getrecursionlimit() == limit

    outcome: Outcome = play(main)
    assert not outcome.failed
    assert gc.isenabled()
    assert sys.getrecursionlimit() == limit


def test_a_watcher_hears_of_events_before_the_threads(play: Play) -> None:
    def server() -> None:
        file = calls.accept(calls.listen(7))
        heard: list[int] = []

        def watcher(_: object, events: int) -> bool:
            heard.append(events)
            return False

        here().world.waiters.watch(file, watcher, exclusive=False)
        calls.receive(file)
        here().world.waiters.unwatch(file, watcher, exclusive=False)
        print(any(events & IN for events in heard), any(events & OUT for events in heard))

    def speaker() -> None:
        file = calls.connect("10.0.0.1", 7)
        time.sleep(1)  # by then the server waits
        calls.send(file, b"x")

    assert lines(play(server, speaker), 0)[0].startswith("True")


def test_a_world_runs_once() -> None:
    world = World()
    world.program(world.host("a"), lambda: None)
    world.run()
    with pytest.raises(RuntimeError, match="has run"):
        world.run()


def test_the_trace_names_what_ended_a_connection_that_nobody_closed() -> None:
    world = World()
    found: list[tuple[str, str]] = []
    world.journal.listeners.append(
        lambda event: found.append((event.host, event.text)) if isinstance(event, Called) else None
    )

    def leaver() -> None:
        calls.connect("10.0.0.1", 7)

    world.program(world.host("h1"), echo_server)
    world.program(world.host("h2"), leaver)
    world.run()
    assert ("h2", "exit of the program") in found
