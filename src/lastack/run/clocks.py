"""The clocks of a simulated program: `time` and `datetime` tell virtual time.

time.monotonic() is the time of the world, the same as in a ladder, in seconds. The hosts of a
simulation live in UTC. Reading a clock counts as a call that comes back empty-handed, so that a
loop that waits for a time by asking for it gets there.
"""

from __future__ import annotations

import calendar
import ctypes
import datetime
import errno
import gc
import logging
import time
from collections.abc import Callable
from typing import Any, Final

from lastack.sockets import os_error

from .baton import current, here, spin
from .seams import Registry
from .threads import S, deadline

_gmtime: Final = time.gmtime
_strftime: Final = time.strftime
_asctime: Final = time.asctime
_REALTIME: Final = {
    getattr(time, name, None) for name in ("CLOCK_REALTIME", "CLOCK_TAI") if hasattr(time, name)
}


def monotonic_ns() -> int:
    """Nanoseconds since the world began."""
    return spin().world.now


def time_ns() -> int:
    """Nanoseconds since 1970 of the world's calendar."""
    thread = spin()
    return thread.process.epoch + thread.world.now


def monotonic() -> float:
    """Seconds since the world began."""
    return monotonic_ns() / S


def wall() -> float:
    """Seconds since 1970 of the world's calendar."""
    return time_ns() / S


def clock_gettime_ns(clock: int) -> int:
    """One clock for the calendar; every other is the world's."""
    return time_ns() if clock in _REALTIME else monotonic_ns()


def clock_gettime(clock: int) -> float:
    """The same in seconds."""
    return clock_gettime_ns(clock) / S


def clock_settime(clock: int, _time: object) -> None:
    """Nobody sets the clock: the world's belongs to all, and the machine's is out of reach."""
    raise os_error(errno.EPERM if clock in _REALTIME else errno.EINVAL)


def pthread_getcpuclockid(ident: int) -> int:
    """The clock of a thread; the real call would dereference the simulated number."""
    return time.CLOCK_THREAD_CPUTIME_ID


def sleep(seconds: float) -> None:
    """Let virtual time go by."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    world = here().world
    if seconds == 0:
        world.yield_()
        return
    until = deadline(world, seconds)
    while world.now < until:
        world.wait(world.ticket(), until, f"sleeps {seconds:g} s")


def gmtime(seconds: float | None = None) -> time.struct_time:
    """The calendar in UTC."""
    return _gmtime(wall() if seconds is None else seconds)


def mktime(moment: Any) -> float:
    """Undo `localtime`, that is gmtime."""
    return float(calendar.timegm(moment))


def strftime(form: str, moment: Any = None) -> str:
    """Format a time; none is now."""
    return _strftime(form, gmtime() if moment is None else moment)


def asctime(moment: Any = None) -> str:
    """Format a time as asctime(3); none is now."""
    return _asctime(gmtime() if moment is None else moment)


def ctime(seconds: float | None = None) -> str:
    """Format a time as ctime(3); none is now."""
    return _asctime(gmtime(seconds))


def _record(self: Any, *args: Any, **kwargs: Any) -> None:
    """`logging.LogRecord.__init__`: relativeCreated counts from when the world began, not from when
    this process imported logging."""
    _record_real(self, *args, **kwargs)
    thread = current()
    if thread is not None:
        self.relativeCreated = thread.world.now / 1_000_000


_record_real: Final[Any] = logging.LogRecord.__init__


def register(registry: Registry) -> None:
    """Name what stands in for what."""
    registry.attribute(logging.LogRecord, "__init__", _record)
    for name in ("monotonic", "perf_counter", "process_time", "thread_time"):
        registry.function("time", name, monotonic)
        registry.function("time", f"{name}_ns", monotonic_ns)
    for name, sim in (
        ("time", wall), ("time_ns", time_ns), ("clock_gettime", clock_gettime),
        ("clock_gettime_ns", clock_gettime_ns), ("clock_settime", clock_settime),
        ("clock_settime_ns", clock_settime), ("sleep", sleep), ("gmtime", gmtime),
        ("localtime", gmtime), ("mktime", mktime), ("strftime", strftime),
        ("asctime", asctime), ("ctime", ctime),
        ("pthread_getcpuclockid", pthread_getcpuclockid),
    ):  # fmt: skip
        registry.function("time", name, sim)
    registry.after(replace_datetime)


_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def _at(cls: type[datetime.datetime], ns: int, tz: datetime.tzinfo | None) -> datetime.datetime:
    moment = _EPOCH + datetime.timedelta(microseconds=ns // 1000)
    moment = moment.replace(tzinfo=None) if tz is None else moment.astimezone(tz)
    if cls is datetime.datetime:
        return moment
    return cls(
        moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second,
        moment.microsecond, moment.tzinfo, fold=moment.fold,
    )  # fmt: skip


def _now(cls: type[datetime.datetime], tz: datetime.tzinfo | None = None) -> datetime.datetime:
    return _at(cls, time_ns(), tz)


def _utcnow(cls: type[datetime.datetime]) -> datetime.datetime:
    return _at(cls, time_ns(), None)


def _fromtimestamp(
    cls: type[datetime.datetime], timestamp: float, tz: datetime.tzinfo | None = None
) -> datetime.datetime:
    return _at(cls, round(timestamp * 1_000_000) * 1000, tz)


def _today(cls: type[datetime.date]) -> datetime.date:
    return cls(*gmtime()[:3])


class _ClassMethod:
    """A class method of datetime: ours for simulated threads, the real one for others."""

    def __init__(self, sim: Callable[..., Any], real: Any) -> None:
        self._sim = sim
        self._real = real
        self.__doc__ = real.__doc__

    def __get__(self, instance: object, owner: type) -> Any:
        if current() is None:
            return self._real.__get__(instance, owner)
        return lambda *args, **kwargs: self._sim(owner, *args, **kwargs)


def replace_datetime() -> None:
    """Change the class methods of datetime that ask the clock.

    They belong to a type written in C, whose dict is closed to setattr. A class of our own under
    the same name would fail isinstance and pickle; so the dict behind the mapping is changed.
    """
    for cls, name, sim in (
        (datetime.datetime, "now", _now),
        (datetime.datetime, "utcnow", _utcnow),
        (datetime.datetime, "today", _now),
        (datetime.datetime, "fromtimestamp", _fromtimestamp),
        (datetime.date, "today", _today),
    ):
        (members,) = (d for d in gc.get_referents(vars(cls)) if isinstance(d, dict))
        real = members.get(name) or vars(cls.__base__)[name]
        if not isinstance(real, _ClassMethod):
            members[name] = _ClassMethod(sim, real)
            ctypes.pythonapi.PyType_Modified(ctypes.py_object(cls))
