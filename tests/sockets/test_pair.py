"""socketpair and pipe, without a network and without time."""

import errno
from collections.abc import Callable

import pytest

from lastack.sockets.epoll import EDGE, EXCLUSIVE, ONESHOT, Epoll
from lastack.sockets.files import AGAIN, ERR, HUP, IN, OUT, RDHUP, File
from lastack.sockets.pair import PAIR_BYTES, PIPE_BUF, PIPE_BYTES, pipe, socketpair

PEEK = 2
SHUT_RD, SHUT_WR, SHUT_RDWR = range(3)


class Wakes:
    """Remembers who was woken for what."""

    def __init__(self) -> None:
        self.seen: list[tuple[File, int]] = []

    def __call__(self, file: File, events: int) -> None:
        self.seen.append((file, events))


class Watchers:
    """A world's part for epoll: hands on every wake of a file; `asleep` are sets in which a
    thread waits."""

    def __init__(self) -> None:
        self.watching: dict[File, list[tuple[Callable[[File, int], bool], bool]]] = {}
        self.woken: list[File] = []
        self.asleep: set[File] = set()

    def wake(self, file: File, events: int) -> bool:
        self.woken.append(file)
        taken = False
        for watcher, exclusive in tuple(self.watching.get(file, ())):
            if not (exclusive and taken):
                taken |= watcher(file, events) and exclusive
        return file in self.asleep

    def watch(self, file: File, watcher: Callable[[File, int], bool], exclusive: bool) -> None:
        self.watching.setdefault(file, []).append((watcher, exclusive))

    def unwatch(self, file: File, watcher: Callable[[File, int], bool], exclusive: bool) -> None:
        self.watching[file].remove((watcher, exclusive))

    def epoll(self) -> Epoll:
        epoll = Epoll(self.wake, self.watch, self.unwatch)
        epoll.hold()
        return epoll


def held(*files: File) -> None:
    for file in files:
        file.hold()


def test_what_one_end_sends_the_other_reads() -> None:
    wakes = Wakes()
    a, b = socketpair(wakes)
    assert b.recv(10, 0, 0) is AGAIN
    assert a.send(b"hello", 0, 0) == 5
    assert wakes.seen == [(b, IN)]
    assert b.recv(2, PEEK, 0) == b"he"
    assert b.recv(10, 0, 0) == b"hello"
    assert b.recv(10, 0, 0) is AGAIN


def test_the_two_directions_are_apart() -> None:
    a, b = socketpair(Wakes())
    a.send(b"question", 0, 0)
    b.send(b"answer", 0, 0)
    assert a.recv(100, 0, 0) == b"answer"
    assert b.recv(100, 0, 0) == b"question"


def test_a_full_direction_takes_a_part_and_then_nothing() -> None:
    a, b = socketpair(Wakes())
    assert a.send(bytes(PAIR_BYTES + 1), 0, 0) == PAIR_BYTES
    assert a.send(b"x", 0, 0) is AGAIN
    assert not a.mask(0) & OUT
    assert b.recv(1, 0, 0) == b"\0"
    assert a.send(b"xy", 0, 0) == 1


def test_poll_calls_a_socket_writable_when_three_quarters_are_free() -> None:
    wakes = Wakes()
    a, b = socketpair(wakes)
    a.send(bytes(PAIR_BYTES), 0, 0)
    wakes.seen.clear()
    b.recv(PAIR_BYTES * 3 // 4 - 1, 0, 0)
    assert not a.mask(0) & OUT
    assert wakes.seen == []
    b.recv(1, 0, 0)
    assert a.mask(0) & OUT
    assert wakes.seen == [(a, OUT)]


def test_after_close_the_peer_reads_the_rest_and_the_end() -> None:
    a, b = socketpair(Wakes())
    held(a, b)
    a.send(b"last words", 0, 0)
    assert a.drop(0) is None
    assert b.mask(0) & (IN | RDHUP | HUP) == IN | RDHUP | HUP
    assert b.recv(100, 0, 0) == b"last words"
    assert b.recv(100, 0, 0) == b""
    with pytest.raises(BrokenPipeError):
        b.send(b"x", 0, 0)


def test_a_socket_closed_with_unread_bytes_resets_its_peer_once() -> None:
    a, b = socketpair(Wakes())
    held(a, b)
    b.send(b"never read", 0, 0)
    a.drop(0)
    assert b.mask(0) & ERR
    with pytest.raises(ConnectionResetError):
        b.recv(1, 0, 0)
    assert b.recv(1, 0, 0) == b""


def test_shutdown_of_one_direction_leaves_the_other() -> None:
    a, b = socketpair(Wakes())
    a.shutdown(SHUT_WR, 0)
    assert b.recv(1, 0, 0) == b""
    assert b.mask(0) & (RDHUP | HUP) == RDHUP
    with pytest.raises(BrokenPipeError):
        a.send(b"x", 0, 0)
    assert b.send(b"still", 0, 0) == 5
    assert a.recv(9, 0, 0) == b"still"


def test_shutdown_of_reading_stops_the_peer_from_writing() -> None:
    a, b = socketpair(Wakes())
    a.shutdown(SHUT_RD, 0)
    assert a.recv(1, 0, 0) == b""
    with pytest.raises(BrokenPipeError):
        b.send(b"x", 0, 0)
    with pytest.raises(OSError) as caught:
        a.shutdown(3, 0)
    assert caught.value.errno == errno.EINVAL


def test_a_slice_of_a_callers_buffer_is_copied() -> None:
    a, b = socketpair(Wakes())
    buffer = bytearray(b"abcdef")
    with memoryview(buffer) as whole, whole[2:4] as view:
        assert a.send(view, 0, 0) == 2
    buffer.clear()
    assert b.recv(10, 0, 0) == b"cd"


def test_a_pipe_ends_when_its_writer_closes() -> None:
    reader, writer = pipe(Wakes())
    held(reader, writer)
    writer.send(b"abc", 0, 0)
    writer.drop(0)
    assert reader.mask(0) == IN | HUP
    assert reader.recv(2, 0, 0) == b"ab"
    assert reader.recv(2, 0, 0) == b"c"
    assert reader.recv(2, 0, 0) == b""
    assert reader.mask(0) == HUP


def test_writing_to_a_pipe_that_nobody_reads_fails() -> None:
    reader, writer = pipe(Wakes())
    held(reader, writer)
    writer.send(b"abc", 0, 0)
    reader.drop(0)
    assert writer.mask(0) & ERR
    with pytest.raises(BrokenPipeError):
        writer.send(b"x", 0, 0)


def test_each_end_of_a_pipe_works_one_way() -> None:
    reader, writer = pipe(Wakes())
    for call in (lambda: reader.send(b"x", 0, 0), lambda: writer.recv(1, 0, 0)):
        with pytest.raises(OSError) as caught:
            call()
        assert caught.value.errno == errno.EBADF


def test_a_write_of_up_to_pipe_buf_is_whole_or_not_at_all() -> None:
    reader, writer = pipe(Wakes())
    assert writer.send(bytes(PIPE_BYTES - 10), 0, 0) == PIPE_BYTES - 10
    assert writer.send(bytes(11), 0, 0) is AGAIN
    assert writer.send(bytes(10), 0, 0) == 10
    reader.recv(PIPE_BUF, 0, 0)
    assert writer.send(bytes(PIPE_BUF + 1), 0, 0) == PIPE_BUF


def test_epoll_reports_the_level_again_and_again() -> None:
    world = Watchers()
    epoll = world.epoll()
    a, b = socketpair(world.wake)
    held(a, b)
    epoll.add(7, b, IN, 0)
    assert epoll.collect(10, 0) == []
    a.send(b"x", 0, 0)
    assert epoll.mask(0) == IN
    assert epoll.collect(10, 0) == [(7, IN)]
    assert epoll.collect(10, 0) == [(7, IN)]
    b.recv(1, 0, 0)
    assert epoll.collect(10, 0) == []


def test_an_edge_is_reported_once_until_the_next_wake() -> None:
    world = Watchers()
    epoll = world.epoll()
    a, b = socketpair(world.wake)
    held(a, b)
    epoll.add(7, b, IN | EDGE, 0)
    a.send(b"x", 0, 0)
    assert epoll.collect(10, 0) == [(7, IN)]
    assert epoll.collect(10, 0) == []
    a.send(b"y", 0, 0)
    assert epoll.collect(10, 0) == [(7, IN)]


def test_oneshot_reports_once_until_it_is_armed_again() -> None:
    world = Watchers()
    epoll = world.epoll()
    a, b = socketpair(world.wake)
    held(a, b)
    epoll.add(7, a, OUT | ONESHOT, 0)
    assert epoll.collect(10, 0) == [(7, OUT)]
    assert epoll.collect(10, 0) == []
    epoll.modify(7, a, OUT | ONESHOT, 0)
    assert epoll.collect(10, 0) == [(7, OUT)]


def test_an_entry_lives_as_long_as_its_file() -> None:
    world = Watchers()
    epoll = world.epoll()
    a, b = socketpair(world.wake)
    held(a, b, b)  # b has two descriptors
    epoll.add(7, b, IN, 0)
    a.send(b"x", 0, 0)
    b.drop(0)
    assert epoll.collect(10, 0) == [(7, IN)]
    b.drop(0)
    assert epoll.collect(10, 0) == []


def test_the_set_refuses_what_epoll_ctl_refuses() -> None:
    a, b = socketpair(Wakes())
    held(a, b)
    epoll, outer = Watchers().epoll(), Watchers().epoll()
    epoll.add(7, a, IN, 0)
    outer.add(9, epoll, IN, 0)
    for number, call in (
        (errno.EEXIST, lambda: epoll.add(7, a, IN, 0)),
        (errno.ENOENT, lambda: epoll.modify(8, b, IN, 0)),
        (errno.ENOENT, lambda: epoll.remove(8, b)),
        (errno.EINVAL, lambda: epoll.add(3, epoll, IN, 0)),
        (errno.ELOOP, lambda: epoll.add(4, outer, IN, 0)),
    ):
        with pytest.raises(OSError) as caught:
            call()
        assert caught.value.errno == number


def test_a_short_limit_starves_nobody() -> None:
    epoll = Watchers().epoll()
    for fd in range(3):
        a, b = socketpair(Wakes())
        held(a, b)
        epoll.add(fd, a, OUT, 0)
    assert [epoll.collect(1, 0)[0][0] for _ in range(4)] == [0, 1, 2, 0]


def test_whoever_waits_for_the_set_is_woken_through_it() -> None:
    world = Watchers()
    epoll, outer = world.epoll(), world.epoll()
    a, b = socketpair(world.wake)
    held(a, b)
    outer.add(1, epoll, IN, 0)
    epoll.add(7, b, IN, 0)
    world.woken.clear()
    a.send(b"x", 0, 0)
    assert {epoll, outer} <= set(world.woken)
    epoll.remove(7, b)
    world.woken.clear()
    a.send(b"y", 0, 0)
    assert world.woken == [b]


def test_of_exclusive_sets_the_first_with_a_waiter_is_told() -> None:
    """docs/kernel-notes/epoll.md; a set that was not told reports nothing."""
    world = Watchers()
    a, b = socketpair(world.wake)
    a.hold()
    b.hold()
    sets = [world.epoll() for _ in range(4)]
    for epoll in sets[:3]:
        epoll.add(1, b, IN | EXCLUSIVE, 0)
        assert epoll.collect(9, 0) == []
    sets[3].add(1, b, IN, 0)
    world.asleep = {sets[1], sets[2]}
    a.send(b"x", 0, 0)
    told = [bool(epoll.collect(9, 0)) for epoll in sets]
    assert told == [True, True, False, True]
    assert sets[1].collect(9, 0) == [(1, IN)]  # level: again and again
    b.recv(9, 0, 0)
    assert sets[1].collect(9, 0) == []


def test_what_exclusive_does_not_go_with() -> None:
    world = Watchers()
    a, b = socketpair(world.wake)
    a.hold()
    b.hold()
    epoll, other = world.epoll(), world.epoll()
    for events in (IN | ONESHOT, IN | RDHUP):
        with pytest.raises(OSError, match="Invalid argument"):
            epoll.add(1, b, events | EXCLUSIVE, 0)
    with pytest.raises(OSError, match="Invalid argument"):
        epoll.add(1, other, IN | EXCLUSIVE, 0)
    epoll.add(1, b, IN | OUT | ERR | HUP | EDGE | EXCLUSIVE, 0)
    with pytest.raises(OSError, match="Invalid argument"):
        epoll.modify(1, b, IN, 0)
    epoll.remove(1, b)
    epoll.add(1, b, IN, 0)
    with pytest.raises(OSError, match="Invalid argument"):
        epoll.modify(1, b, IN | EXCLUSIVE, 0)


def test_what_is_ready_is_reported_in_the_order_in_which_it_became_so() -> None:
    world = Watchers()
    epoll = world.epoll()
    pairs = [socketpair(world.wake) for _ in range(4)]
    for fd, (a, b) in enumerate(pairs):
        held(a, b)
        if fd == 2:
            a.send(b"x", 0, 0)  # ready as it is added
        epoll.add(fd, b, IN, 0)
    for fd in (3, 0, 2):
        pairs[fd][0].send(b"x", 0, 0)
    assert epoll.collect(10, 0) == [(2, IN), (3, IN), (0, IN)]


class Level(File):
    """A file whose readiness a test sets."""

    def __init__(self) -> None:
        super().__init__()
        self.level = self.looks = 0
        self.hold()

    def mask(self, now: int) -> int:
        self.looks += 1
        return self.level


def test_a_level_that_rises_with_another_event_is_found_but_wakes_nobody() -> None:
    world = Watchers()
    epoll = world.epoll()
    file = Level()
    epoll.add(7, file, OUT, 0)
    file.level = OUT
    world.wake(file, IN)
    assert epoll not in world.woken
    assert epoll.mask(0) == IN
    assert epoll.collect(10, 0) == [(7, OUT)]


def test_only_files_with_news_are_looked_at() -> None:
    world = Watchers()
    epoll = world.epoll()
    files = [Level() for _ in range(100)]
    for fd, file in enumerate(files):
        epoll.add(fd, file, IN, 0)
    world.wake(files[3], IN)
    assert epoll.collect(10, 0) == []
    assert [file.looks for file in files] == [1, 1, 1, 2, *[1] * 96]
