"""The seam of _thread: CPython's own threading, queue and concurrent.futures in virtual time."""

import _thread
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from lastack.run import World, install

from .calls import printed
from .conftest import Play


def test_a_timeout_of_a_queue_takes_virtual_time(play: Play) -> None:
    def main() -> None:
        try:
            queue.Queue[int]().get(timeout=3600 * 24)
        except queue.Empty:
            print(time.monotonic())

    started = time.monotonic()
    assert printed(play(main, until=1 << 60)) == ["86400.0"]
    assert time.monotonic() - started < 5


def test_threads_take_turns_in_the_order_of_their_waits(play: Play) -> None:
    def main() -> None:
        done: queue.Queue[int] = queue.Queue()

        def worker(number: int) -> None:
            time.sleep(5 - number)
            done.put(number)

        for number in range(5):
            threading.Thread(target=worker, args=(number,)).start()
        print([done.get() for _ in range(5)], time.monotonic())

    assert printed(play(main)) == ["[4, 3, 2, 1, 0] 5.0"]


def test_a_lock_goes_to_the_first_that_waits(play: Play) -> None:
    def main() -> None:
        lock = threading.Lock()
        lock.acquire()

        def worker(number: int) -> None:
            with lock:
                print(number)

        threads = [threading.Thread(target=worker, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        lock.release()
        for thread in threads:
            thread.join()

    assert printed(play(main)) == ["0", "1", "2"]


def test_an_acquire_with_timeout_gives_up_on_time(play: Play) -> None:
    def main() -> None:
        lock = threading.Lock()
        lock.acquire()
        print(lock.acquire(timeout=2.5), lock.acquire(blocking=False), time.monotonic())

    assert printed(play(main)) == ["False False 2.5"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [((False, 1), ValueError), ((True, -2), ValueError), ((True, 1e30), OverflowError)],
)
def test_a_lock_refuses_what_the_real_one_refuses(
    play: Play, arguments: tuple[bool, float], error: type[Exception]
) -> None:
    def main() -> None:
        with pytest.raises(error):
            threading.Lock().acquire(*arguments)

    with pytest.raises(error):
        threading.Lock().acquire(*arguments)
    assert not play(main).failed


def test_an_rlock_belongs_to_its_thread(play: Play) -> None:
    def main() -> None:
        lock = threading.RLock()
        with lock, lock:
            other = threading.Thread(target=lambda: print(lock.acquire(timeout=1)))
            other.start()
            other.join()
        with pytest.raises(RuntimeError):
            lock.release()

    assert printed(play(main)) == ["False"]


def test_condition_event_barrier_and_semaphore(play: Play) -> None:
    def main() -> None:
        event, barrier = threading.Event(), threading.Barrier(3)
        condition, semaphore = threading.Condition(), threading.Semaphore(2)
        held: list[str] = []

        def worker() -> None:
            event.wait()
            barrier.wait()
            with semaphore:
                time.sleep(1)
            with condition:
                held.append(f"{time.monotonic():g}")
                condition.notify()

        for _ in range(3):
            threading.Thread(target=worker).start()
        time.sleep(10)
        event.set()
        with condition:
            condition.wait_for(lambda: len(held) == 3)
        print(held)

    assert printed(play(main)) == ["['11', '11', '12']"]


def test_an_executor_that_nobody_shut_down_ends_with_its_program(play: Play) -> None:
    def main() -> None:
        def slow(number: int) -> int:
            time.sleep(1)
            return number

        print(sum(ThreadPoolExecutor(3).map(slow, range(6))), time.monotonic())

    assert printed(play(main)) == ["15 2.0"]


def test_simple_queue_waits_in_virtual_time(play: Play) -> None:
    def main() -> None:
        line: queue.SimpleQueue[int] = queue.SimpleQueue()
        threading.Timer(7, line.put, args=(1,)).start()
        print(line.get(), time.monotonic())

    assert printed(play(main)) == ["1 7.0"]


def test_each_program_has_its_own_main_thread_and_numbers(play: Play) -> None:
    def main() -> None:
        thread = threading.Thread(target=lambda: None)
        print(threading.current_thread() is threading.main_thread(), thread.name)
        print(len(threading.enumerate()), threading.active_count())

    assert printed(play(main, main)) == ["True Thread-1 (<lambda>)", "1 1"] * 2


def test_identifiers_of_threads_are_the_same_in_every_world(play: Play) -> None:
    def main() -> None:
        threading.Thread(target=lambda: print(threading.get_ident())).start()
        print(threading.get_ident(), threading.current_thread().ident)

    assert printed(play(main)) == printed(play(main)) == ["2", "1 1"]


def test_what_a_raw_thread_raises_is_printed_and_ends_only_the_thread(play: Play) -> None:
    def fail() -> None:
        raise LookupError("lost")

    def main() -> None:
        _thread.start_new_thread(fail, ())
        time.sleep(1)
        print("alive")

    lines = printed(play(main))
    assert lines[-2:] == ["LookupError: lost", "alive"]


def test_thread_local_objects_go_when_their_thread_goes(play: Play) -> None:
    class Noisy:
        def __init__(self, gone: Callable[[], None]) -> None:
            self.gone = gone

        def __del__(self) -> None:
            self.gone()

    def main() -> None:
        local, events = threading.local(), []

        def worker() -> None:
            local.value = Noisy(lambda: events.append("gone"))

        thread = threading.Thread(target=worker)
        thread.start()
        thread.join()
        time.sleep(1)
        print(events)

    assert printed(play(main)) == ["['gone']"]


def test_a_lock_from_a_world_is_an_ordinary_lock_outside(play: Play) -> None:
    kept: list[threading.Lock] = []

    def main() -> None:
        kept.append(threading.Lock())
        kept.append(threading.Lock())
        kept[1].acquire()

    play(main)
    assert kept[0].acquire(timeout=1)
    assert not kept[0].acquire(timeout=0.01)
    kept[0].release()

    def later() -> None:
        print(kept[1].acquire(timeout=1))  # left locked by a program that is gone

    assert printed(play(later)) == ["True"]


def test_outside_a_world_everything_is_real() -> None:
    install()
    before = threading.get_ident()
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(threading.get_ident()))
    thread.start()
    thread.join()
    assert found[0] not in (before, 1, 2)
    assert threading.current_thread() is threading.main_thread()


def test_no_thread_is_left_after_a_world() -> None:
    world = World()

    def main() -> None:
        for _ in range(50):
            threading.Thread(target=threading.Event().wait, daemon=True).start()
        time.sleep(1)

    world.program(world.host("a"), main)
    frames = sys._current_frames  # noqa: SLF001 - documented in spite of its name
    before = threading.active_count(), frames().keys()
    assert not world.run().failed
    assert (threading.active_count(), frames().keys()) == before


def test_a_thread_that_never_began_is_none_of_a_later_program(play: Play) -> None:
    def starts() -> None:
        threading.Thread(target=print).start()

    def ends_meanwhile() -> None:
        threading.Thread(target=starts).start()
        os._exit(0)

    before = threading.active_count()
    assert not play(ends_meanwhile).failed
    assert threading.active_count() == before
    later = play(lambda: print(threading.active_count(), len(threading.enumerate())))
    assert printed(later) == ["1 1"]


def test_a_wake_up_that_an_exception_made_void_goes_to_the_next(play: Play) -> None:
    def main() -> None:
        lock = threading.Lock()
        lock.acquire()

        def handler(number: int, frame: object) -> None:
            raise TimeoutError

        def other() -> None:
            with lock:
                print("other has it")

        def release() -> None:
            lock.release()
            signal.raise_signal(signal.SIGALRM)

        signal.signal(signal.SIGALRM, handler)
        threading.Timer(2, release).start()
        threading.Timer(1, other).start()
        try:
            lock.acquire()
        except TimeoutError:
            print("main gave up")

    assert printed(play(main)) == ["main gave up", "other has it"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="threads cannot be pinned here")
def test_all_threads_of_a_world_run_on_one_processor_that_the_process_may_use(play: Play) -> None:
    allowed, before = os.sched_getaffinity(0), os.sched_getscheduler(0)
    found: list[int] = []
    policies: list[int] = []

    def look() -> None:
        with open(
            "/proc/thread-self/status"
        ) as status:  # the affinity that programs see is made up
            (mask,) = (row.split()[1] for row in status if row.startswith("Cpus_allowed:"))
        found.append(int(mask.replace(",", ""), 16))
        policies.append(os.sched_getscheduler(0))

    def main() -> None:
        look()
        outer = threading.Thread(target=in_a_thread)
        outer.start()
        outer.join()

    def in_a_thread() -> None:
        look()
        inner = threading.Thread(target=look)
        inner.start()
        inner.join()

    assert not play(main, main).failed
    (mask,) = set(found)
    assert len(found) == 6
    assert mask in {1 << cpu for cpu in allowed}
    assert set(policies) == {os.SCHED_BATCH}  # who gets the baton does not interrupt who gives it
    assert (os.sched_getaffinity(0), os.sched_getscheduler(0)) == (allowed, before)


def test_the_longest_timeout_of_a_lock_is_that_of_the_interpreter(play: Play) -> None:
    def main() -> None:
        lock = threading.RLock()
        print(lock.acquire(timeout=threading.TIMEOUT_MAX))
        try:
            threading.Lock().acquire(timeout=threading.TIMEOUT_MAX * 2)
        except OverflowError as error:
            print(error)
        other = threading.Lock()
        other.acquire()
        threading.Timer(3600, other.release).start()
        print(other.acquire(timeout=threading.TIMEOUT_MAX), time.monotonic())

    assert printed(play(main)) == ["True", "timeout value is too large", "True 3600.0"]


def test_interrupt_main_raises_at_once_and_does_nothing_where_nobody_handles(play: Play) -> None:
    def main() -> None:
        try:
            _thread.interrupt_main()
        except KeyboardInterrupt:
            print("interrupted")
        _thread.interrupt_main(signal.SIGTERM)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _thread.interrupt_main()
        try:
            _thread.interrupt_main(signal.NSIG)
        except ValueError as error:
            print(error)

    assert printed(play(main)) == ["interrupted", "signal number out of range"]


@pytest.mark.skipif(sys.version_info < (3, 13), reason="threads have handles from 3.13 on")
def test_a_handle_that_has_no_thread_or_is_ones_own_cannot_be_joined(play: Play) -> None:
    make, start = vars(_thread)["_ThreadHandle"], vars(_thread)["start_joinable_thread"]

    def main() -> None:
        handle = make()

        def told(call: Callable[..., object], *args: object) -> None:
            try:
                call(*args)
            except RuntimeError as error:
                print(error)

        told(handle.join)
        start(lambda: told(handle.join), handle)
        told(start, print, handle)
        handle.join()

    assert printed(play(main)) == [
        "thread not started", "thread already started", "Cannot join current thread",
    ]  # fmt: skip


def test_who_looks_into_a_queue_again_and_again_lets_the_others_have_their_turn(play: Play) -> None:
    def main() -> None:
        jobs: queue.Queue[int] = queue.Queue()

        def work() -> None:
            for _ in range(3):
                jobs.get()

        thread = threading.Thread(target=work)
        thread.start()
        for number in range(3):
            jobs.put(number)
        while not jobs.empty():
            pass
        thread.join()
        print(jobs.qsize(), time.monotonic() < 1)

    assert printed(play(main)) == ["0 True"]
