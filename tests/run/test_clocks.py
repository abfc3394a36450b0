"""What a simulated program is told about time and chance."""

import datetime
import errno
import logging
import os
import pickle
import random
import secrets
import time
import uuid

import pytest

from lastack.run import DAWN, install

from .calls import printed
from .conftest import Play


def test_the_calendar_begins_in_2026(play: Play) -> None:
    def main() -> None:
        print(time.time_ns(), time.time(), time.ctime(), time.strftime("%F %T"))
        print(datetime.datetime.now(), datetime.datetime.now(datetime.UTC).isoformat())
        print(datetime.datetime.today(), datetime.date.today(), *time.localtime()[:3])

    assert printed(play(main)) == [
        f"{DAWN} {DAWN / 1e9} Thu Jan  1 00:00:00 2026 2026-01-01 00:00:00",
        "2026-01-01 00:00:00 2026-01-01T00:00:00+00:00",
        "2026-01-01 00:00:00 2026-01-01 2026 1 1",
    ]


def test_all_clocks_go_on_together(play: Play) -> None:
    def main() -> None:
        begin = datetime.datetime.now()
        time.sleep(90.5)
        print(time.monotonic(), time.perf_counter_ns(), time.clock_gettime(time.CLOCK_BOOTTIME))
        print(datetime.datetime.now() - begin, time.time() - DAWN / 1e9)

    assert printed(play(main)) == ["90.5 90500000000 90.5", "0:01:30.500000 90.5"]


def test_datetime_stays_the_class_that_it_was(play: Play) -> None:
    class Stamp(datetime.datetime):
        pass

    def main() -> None:
        now = datetime.datetime.now()
        print(type(now) is datetime.datetime, isinstance(Stamp.now(), Stamp))
        print(pickle.loads(pickle.dumps(now)) == now)
        print(datetime.datetime.fromtimestamp(0), Stamp.utcnow() == now)

    assert printed(play(main)) == ["True True", "True", "1970-01-01 00:00:00 True"]


def test_nobody_sets_a_clock(play: Play) -> None:
    def main() -> None:
        for clock in (time.CLOCK_REALTIME, time.CLOCK_MONOTONIC):
            for set_it in (time.clock_settime, time.clock_settime_ns):
                with pytest.raises(OSError) as refused:
                    set_it(clock, -1)  # which harms no machine either, should it get there
                print(errno.errorcode[refused.value.errno])  # type: ignore[index]

    assert printed(play(main)) == ["EPERM", "EPERM", "EINVAL", "EINVAL"]


def test_asking_the_clock_again_and_again_gets_there(play: Play) -> None:
    def main() -> None:
        while time.monotonic() < 5:
            pass
        print(time.monotonic() < 5.01)

    assert printed(play(main)) == ["True"]


def test_sleep_refuses_the_past_and_yields_for_nothing(play: Play) -> None:
    def main() -> None:
        with pytest.raises(ValueError, match="non-negative"):
            time.sleep(-1)
        time.sleep(0)
        print(time.monotonic())

    assert printed(play(main)) == ["0.0"]


def chances() -> None:
    print(random.random(), random.Random().random(), uuid.uuid4(), os.urandom(4).hex())
    print(secrets.token_hex(4), random.SystemRandom().random(), os.getpid())


def test_chance_comes_from_the_seed(play: Play) -> None:
    first, again, other = play(chances, seed=1), play(chances, seed=1), play(chances, seed=2)
    assert printed(first) == printed(again)
    assert set(printed(first)).isdisjoint(printed(other))


def test_two_programs_have_different_chances(play: Play) -> None:
    lines = printed(play(chances, chances))
    assert len(set(lines)) == 4


def test_the_outer_random_state_is_left_alone(play: Play) -> None:
    random.seed(7)
    expected = random.Random(7).random()
    play(chances)
    assert random.random() == expected


def test_outside_a_world_clocks_are_real() -> None:
    install()
    assert abs(datetime.datetime.now().timestamp() - time.time()) < 5
    assert datetime.datetime.now().year >= 2024
    before = time.perf_counter()
    assert time.perf_counter() >= before
    assert time.monotonic() > 0
    assert os.urandom(8) != os.urandom(8)


def test_records_of_logging_count_from_when_the_world_began(play: Play) -> None:
    def main() -> None:
        time.sleep(2.5)
        print(logging.makeLogRecord({}).relativeCreated)

    assert printed(play(main)) == ["2500.0"]
    assert logging.makeLogRecord({}).relativeCreated != 2500.0
