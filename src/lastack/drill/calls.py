"""How a call ended, held against what the script says."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lastack.wire import show_endpoint

from . import syntax as s
from .requests import Descriptors, Ends, Requests
from .symbols import Values
from .syntax import Unsupported
from .target import Answer, Request

_OPENERS: Final = frozenset({"socket", "accept", "accept4", "dup", "epoll_create", "epoll_create1"})


@dataclass(frozen=True)
class Mismatch:
    """What a script expected, and what came instead."""

    expected: str
    actual: str


class Caller:
    """Makes the calls of one script, and judges them."""

    def __init__(self, ends: Ends, values: Values) -> None:
        self._values = values
        self._descriptors = Descriptors()
        self._requests = Requests(ends, values, self._descriptors)

    @property
    def newest(self) -> int:
        """The target's descriptor that was opened last."""
        return self._descriptors.newest

    def request(self, call: s.Call) -> Request:
        """Return what to ask of the target; Unsupported for a call that lastack has not."""
        return self._requests.request(call)

    def judge(self, call: s.Call, answer: Answer) -> Mismatch | None:
        """Return how the answer differs from what the script says, None if it does not."""
        actual = _shown(answer)
        expected = f"{call.name}() = {_result(call)}"
        if answer.errno == errno.ENOPROTOOPT and call.errno != "ENOPROTOOPT":
            raise Unsupported(f"{call.name}() with {_words(call)} (ENOPROTOOPT)")
        if not isinstance(call.result, s.Dots):
            value = self._values.integer(call.result)
            if call.name in _OPENERS and value >= 0:
                if answer.value < 0:
                    return Mismatch(expected, actual)
                self._descriptors.note(value, answer.value)
            elif value != answer.value:
                return Mismatch(expected, actual)
        if call.errno and self._values.word(call.errno) != answer.errno:
            return Mismatch(expected, actual)
        compare = _OUTPUTS.get(call.name)
        if compare is None or answer.value < 0:
            return None
        return compare(self, call, answer)

    def _same_option(self, call: s.Call, answer: Answer) -> Mismatch | None:
        value = self._requests.argument(call, 3)
        if isinstance(value, s.Dots):
            return None
        if isinstance(value, s.Text):
            told = answer.data.rstrip(b"\0")
            if told == value.value:
                return None
            return Mismatch(f"{value.value!r}", f"{told!r}")
        if isinstance(value, s.Struct):
            if self._requests.option(value) == answer.data:
                return None
            return Mismatch(self._requests.option(value).hex(" ", 4), answer.data.hex(" ", 4))
        told_size = len(answer.data)
        number = int.from_bytes(answer.data, "little", signed=True)
        wanted = self._values.integer(value)
        bits = 8 * told_size
        if (wanted - number) % (1 << bits) == 0:
            return None
        option = _words(call)
        if option == "SO_ERROR":
            return Mismatch(f"SO_ERROR {_error(wanted)}", f"SO_ERROR {_error(number)}")
        return Mismatch(f"{option} [{wanted}]", f"{option} [{number}]")

    def _same_number(self, call: s.Call, answer: Answer) -> Mismatch | None:
        wanted = self._values.integer(self._requests.argument(call, 2))
        told = int.from_bytes(answer.data, "little", signed=True)
        return None if wanted == told else Mismatch(f"[{wanted}]", f"[{told}]")

    def _same_text(self, call: s.Call, answer: Answer) -> Mismatch | None:
        given = self._requests.argument(call, 1)
        if not isinstance(given, s.Text) or answer.data.startswith(given.value):
            return None
        return Mismatch(repr(given.value), repr(answer.data[: len(given.value)]))

    def _same_message(self, call: s.Call, answer: Answer) -> Mismatch | None:
        given = self._requests.argument(call, 1)
        flags = given.get("msg_flags") if isinstance(given, s.Struct) else None
        if flags is not None and self._values.integer(flags):
            raise Unsupported("recvmsg() with msg_flags other than 0")
        wanted = self._requests.control(call)
        told = [(a, b, int.from_bytes(c, "little", signed=True)) for a, b, c in answer.control]
        return None if wanted == told else Mismatch(f"control data {wanted}", f"{told}")

    def _same_name(self, call: s.Call, answer: Answer) -> Mismatch | None:
        wanted = self._values.endpoint(self._requests.argument(call, 1))
        if wanted is None or wanted == answer.name:
            return None
        told = show_endpoint(*answer.name) if answer.name else "no address"
        return Mismatch(show_endpoint(*wanted), told)

    def _same_poll(self, call: s.Call, answer: Answer) -> Mismatch | None:
        for (fd, _, wanted), (_, told) in zip(
            self._requests.pollfds(call), answer.ready, strict=True
        ):
            if wanted != told:
                mine = self._descriptors.mine(fd)
                return Mismatch(f"fd {mine} revents {wanted:#x}", f"fd {mine} revents {told:#x}")
        return None

    def _same_epoll(self, call: s.Call, answer: Answer) -> Mismatch | None:
        given = self._requests.argument(call, 1)
        events = given.items if isinstance(given, s.Array) else (given,)
        for event, (fd, bits) in zip(events, answer.ready, strict=False):
            if not isinstance(event, s.Struct):
                continue
            wanted = event.get("events")
            assert wanted is not None
            if self._values.integer(wanted) != bits:
                return Mismatch(f"events {self._values.integer(wanted):#x}", f"events {bits:#x}")
            data = next(
                m.value for m in event.items if isinstance(m, s.Member) and m.name != "events"
            )
            known = self._requests.epoll_data(
                self._requests.fd(self._requests.argument(call, 0)), fd
            )
            if self._values.integer(data) != self._values.integer(known):
                return Mismatch(f"data {data}", f"data {known}")
        return None


_OUTPUTS: Final[dict[str, Callable[[Caller, s.Call, Answer], Mismatch | None]]] = {
    "getsockopt": Caller._same_option, "ioctl": Caller._same_number,
    "read": Caller._same_text, "recv": Caller._same_text, "recvfrom": Caller._same_text,
    "recvmsg": Caller._same_message, "accept": Caller._same_name,
    "accept4": Caller._same_name, "getsockname": Caller._same_name,
    "getpeername": Caller._same_name, "poll": Caller._same_poll,
    "epoll_wait": Caller._same_epoll,
}  # fmt: skip


def _error(number: int) -> str:
    return errno.errorcode.get(number, str(number)) if number else "0"


def _shown(answer: Answer) -> str:
    return f"{answer.value} {_error(answer.errno)}" if answer.errno else str(answer.value)


def _result(call: s.Call) -> str:
    result = call.result
    if isinstance(result, s.Number):
        return f"{result.value} {call.errno}".strip()
    return f"{result.name if isinstance(result, s.Word) else '...'} {call.errno}".strip()


def _words(call: s.Call) -> str:
    words = [word.name for word in call.arguments[2:3] if isinstance(word, s.Word)]
    return " ".join(words) or "these arguments"
