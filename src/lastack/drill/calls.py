"""A call of a script as a request to the target, and its answer held against the script."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lastack.sockets import names
from lastack.wire import ANY6, show_endpoint

from . import syntax as s
from .symbols import Values, kind_of
from .syntax import Unsupported
from .target import Answer, Request

_OPENERS: Final = frozenset({"socket", "accept", "accept4", "dup", "epoll_create", "epoll_create1"})
_READ_FLAGS: Final = (
    names.MSG_PEEK | names.MSG_DONTWAIT | names.MSG_WAITALL | names.MSG_OOB | names.MSG_TRUNC
)
_WRITE_FLAGS: Final = names.MSG_DONTWAIT | names.MSG_NOSIGNAL | names.MSG_MORE | names.MSG_OOB
_STRUCTS: Final = (("ii", "onoff", "linger"), ("qq", "tv_sec", "tv_usec"))
"""The structs that options are, by their members: struct linger, struct timeval."""
_FILL: Final = b"lastack."


@dataclass(frozen=True)
class Ends:
    """The addresses of the two ends, and the port that `...` stands for."""

    local: bytes
    remote: bytes
    port: int
    family: int
    mapped: bool = False


@dataclass(frozen=True)
class Mismatch:
    """What a script expected, and what came instead."""

    expected: str
    actual: str


class Caller:
    """Knows which descriptor of the target stands for which of the script."""

    def __init__(self, ends: Ends, values: Values) -> None:
        self._ends = ends
        self._values = values
        self._fds: dict[int, int] = {}
        self._data: dict[tuple[int, int], s.Expression] = {}
        self.newest = -1

    # -- the request ---------------------------------------------------------------------------

    def request(self, call: s.Call) -> Request:
        """Return what to ask of the target; Unsupported for a call that lastack has not."""
        build = _BUILDERS.get(call.name)
        if build is None:
            raise Unsupported(f"the call {call.name}()")
        return build(self, call)

    def fd(self, expression: s.Expression) -> int:
        """Return the target's descriptor; an unknown one of the script stays what it is."""
        number = self._values.integer(expression)
        return self._fds.get(number, -number - 1000)

    def script_fd(self, live: int) -> int:
        """Return the script's number of a descriptor of the target."""
        for mine, target in self._fds.items():
            if target == live:
                return mine
        return live

    def _argument(self, call: s.Call, index: int) -> s.Expression:
        if index >= len(call.arguments):
            raise Unsupported(f"{call.name}() with {len(call.arguments)} arguments")
        return call.arguments[index]

    def _number(self, call: s.Call, index: int) -> int:
        return self._values.integer(self._argument(call, index))

    def _on_fd(self, call: s.Call, *arguments: object, name: str = "") -> Request:
        return Request(name or call.name, self.fd(self._argument(call, 0)), arguments)

    def _socket(self, call: s.Call) -> Request:
        domain = self._argument(call, 0)
        family = self._ends.family if isinstance(domain, s.Dots) else self._values.integer(domain)
        return Request("socket", -1, (family, self._number(call, 1), self._number(call, 2)))

    def _bind(self, call: s.Call) -> Request:
        end = self._values.endpoint(self._argument(call, 1))
        mine = ANY6 if self._ends.mapped else self._ends.local
        return self._on_fd(call, *(end or (mine, self._ends.port)))

    def _connect(self, call: s.Call) -> Request:
        end = self._values.endpoint(self._argument(call, 1))
        remote = self._ends.remote
        if self._ends.mapped:
            remote = bytes(10) + b"\xff\xff" + remote
        return self._on_fd(call, *(end or (remote, self._ends.port)))

    def _accept(self, call: s.Call) -> Request:
        if call.name == "accept4" and self._number(call, 3):
            raise Unsupported("accept4() with flags")
        return self._on_fd(call, name="accept")

    def _fcntl(self, call: s.Call) -> Request:
        command = self._number(call, 1)
        if command == self._values.word("F_GETFL"):
            return self._on_fd(call, name="getflags")
        if command == self._values.word("F_SETFL"):
            return self._on_fd(call, self._number(call, 2), name="setflags")
        raise Unsupported(f"fcntl() with command {command}")

    def _size(self, call: s.Call, index: int) -> int | None:
        """Return the size of a buffer, None if the pointer is NULL."""
        return None if self._is_null(call, index) else self._number(call, index + 1)

    def _is_null(self, call: s.Call, index: int) -> bool:
        pointer = self._argument(call, index)
        return isinstance(pointer, s.Word) and pointer.name == "NULL"

    def _flags(self, call: s.Call, index: int, known: int) -> int:
        if index >= len(call.arguments):
            return 0
        flags = self._number(call, index)
        if flags & ~known:
            raise Unsupported(f"{call.name}() with flags {flags & ~known:#x}")
        return flags

    def _read(self, call: s.Call) -> Request:
        flags = self._flags(call, 3, _READ_FLAGS)
        return self._on_fd(call, self._size(call, 1), flags, name="read")

    def _write(self, call: s.Call) -> Request:
        size = self._size(call, 1)
        flags = self._flags(call, 3, _WRITE_FLAGS)
        end = None
        if len(call.arguments) > 4:
            end = self._values.endpoint(call.arguments[4])
        data = None if size is None else self._bytes(call.arguments[1], size)
        return self._on_fd(call, data, flags, end, name="write")

    def _bytes(self, given: s.Expression, size: int) -> bytes:
        fill = given.value if isinstance(given, s.Text) and given.value else _FILL
        return (fill * (size // len(fill) + 1))[:size]

    def _vectors(self, call: s.Call) -> list[s.Struct]:
        """Return the iovecs of readv, writev, recvmsg, sendmsg."""
        given = self._argument(call, 1)
        if isinstance(given, s.Struct):
            control = given.get("msg_control")
            if isinstance(control, s.Array) and control.items:
                raise Unsupported("control data (msg_control)")
            given = given.get("msg_iov") or s.Array(())
        if not isinstance(given, s.Array):
            raise Unsupported(f"an iovec written as {kind_of(given)}")
        return [item for item in given.items if isinstance(item, s.Struct)]

    def _vector_sizes(self, call: s.Call) -> list[int]:
        sizes = []
        for vector in self._vectors(call):
            if len(vector.items) != 2:
                raise Unsupported("an iovec that is not {..., length}")
            sizes.append(self._values.integer(vector.items[1]))
        return sizes

    def _read_vector(self, call: s.Call) -> Request:
        flags = self._flags(call, 2, _READ_FLAGS) if call.name == "recvmsg" else 0
        return self._on_fd(call, sum(self._vector_sizes(call)), flags, name="read")

    def _write_vector(self, call: s.Call) -> Request:
        flags = self._flags(call, 2, _WRITE_FLAGS) if call.name == "sendmsg" else 0
        data = self._bytes(s.Dots(), sum(self._vector_sizes(call)))
        return self._on_fd(call, data, flags, None, name="write")

    def _one_number(self, call: s.Call) -> Request:
        return self._on_fd(call, self._number(call, 1))

    def _nothing(self, call: s.Call) -> Request:
        return self._on_fd(call)

    def _setsockopt(self, call: s.Call) -> Request:
        level, name = self._number(call, 1), self._number(call, 2)
        raw = self._option(self._argument(call, 3))[: self._number(call, 4)]
        return self._on_fd(call, level, name, raw)

    def _option(self, value: s.Expression) -> bytes:
        if isinstance(value, s.Struct):
            for layout, first, second in _STRUCTS:
                one, two = value.get(first), value.get(second)
                if one is not None and two is not None:
                    numbers = self._values.integer(one), self._values.integer(two)
                    return _pack(layout, *numbers)
            raise Unsupported("an option written as a struct that is not linger or timeval")
        if isinstance(value, s.Text):
            return value.value
        number = self._values.integer(value)
        return _pack("i" if number < 1 << 31 else "I", number)

    def _getsockopt(self, call: s.Call) -> Request:
        size = self._values.integer(self._argument(call, 4))
        return self._on_fd(call, self._number(call, 1), self._number(call, 2), size)

    def _pollfds(self, call: s.Call) -> list[tuple[int, int, int]]:
        """Return (descriptor, events, revents) of a poll."""
        given = self._argument(call, 0)
        if not isinstance(given, s.Array):
            raise Unsupported(f"pollfds written as {kind_of(given)}")
        found = []
        for item in given.items:
            assert isinstance(item, s.Struct)
            fd, events = item.get("fd"), item.get("events")
            assert fd is not None
            assert events is not None
            revents = item.get("revents")
            wanted = 0 if revents is None else self._values.integer(revents)
            found.append((self.fd(fd), self._values.integer(events), wanted))
        return found

    def _poll(self, call: s.Call) -> Request:
        wanted = tuple((fd, events) for fd, events, _ in self._pollfds(call))
        return Request("poll", -1, (wanted, self._number(call, 2)))

    def _epoll_create(self, call: s.Call) -> Request:
        return Request("epoll_create")

    def _epoll_ctl(self, call: s.Call) -> Request:
        fd, events = self._argument(call, 2), 0
        event = call.arguments[3] if len(call.arguments) > 3 else None
        if isinstance(event, s.Struct):
            wanted = event.get("events")
            assert wanted is not None
            events = self._values.integer(wanted)
            data = next(
                (m.value for m in event.items if isinstance(m, s.Member) and m.name != "events"),
                fd,
            )
            self._data[self.fd(call.arguments[0]), self.fd(fd)] = data
        return self._on_fd(call, self._number(call, 1), self.fd(fd), events)

    def _epoll_wait(self, call: s.Call) -> Request:
        return self._on_fd(call, self._number(call, 2), self._number(call, 3))

    # -- the answer ----------------------------------------------------------------------------

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
                self._fds[value] = self.newest = answer.value
            elif value != answer.value:
                return Mismatch(expected, actual)
        if call.errno and self._values.word(call.errno) != answer.errno:
            return Mismatch(expected, actual)
        compare = _OUTPUTS.get(call.name)
        if compare is None or answer.value < 0:
            return None
        return compare(self, call, answer)

    def _same_option(self, call: s.Call, answer: Answer) -> Mismatch | None:
        value = self._argument(call, 3)
        if isinstance(value, s.Dots):
            return None
        if isinstance(value, s.Text):
            told = answer.data.rstrip(b"\0")
            if told == value.value:
                return None
            return Mismatch(f"{value.value!r}", f"{told!r}")
        if isinstance(value, s.Struct):
            if self._option(value) == answer.data:
                return None
            return Mismatch(self._option(value).hex(" ", 4), answer.data.hex(" ", 4))
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
        wanted = self._values.integer(self._argument(call, 2))
        told = int.from_bytes(answer.data, "little", signed=True)
        return None if wanted == told else Mismatch(f"[{wanted}]", f"[{told}]")

    def _same_text(self, call: s.Call, answer: Answer) -> Mismatch | None:
        given = self._argument(call, 1)
        if not isinstance(given, s.Text) or answer.data.startswith(given.value):
            return None
        return Mismatch(repr(given.value), repr(answer.data[: len(given.value)]))

    def _same_message(self, call: s.Call, answer: Answer) -> Mismatch | None:
        given = self._argument(call, 1)
        flags = given.get("msg_flags") if isinstance(given, s.Struct) else None
        if flags is not None and self._values.integer(flags):
            raise Unsupported("recvmsg() with msg_flags other than 0")
        return None

    def _same_name(self, call: s.Call, answer: Answer) -> Mismatch | None:
        wanted = self._values.endpoint(self._argument(call, 1))
        if wanted is None or wanted == answer.name:
            return None
        told = show_endpoint(*answer.name) if answer.name else "no address"
        return Mismatch(show_endpoint(*wanted), told)

    def _same_poll(self, call: s.Call, answer: Answer) -> Mismatch | None:
        for (fd, _, wanted), (_, told) in zip(self._pollfds(call), answer.ready, strict=True):
            if wanted != told:
                mine = self.script_fd(fd)
                return Mismatch(f"fd {mine} revents {wanted:#x}", f"fd {mine} revents {told:#x}")
        return None

    def _same_epoll(self, call: s.Call, answer: Answer) -> Mismatch | None:
        given = self._argument(call, 1)
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
            known = self._data[self.fd(self._argument(call, 0)), fd]
            if self._values.integer(data) != self._values.integer(known):
                return Mismatch(f"data {data}", f"data {known}")
        return None


_BUILDERS: Final[dict[str, Callable[[Caller, s.Call], Request]]] = {
    "socket": Caller._socket, "bind": Caller._bind, "connect": Caller._connect,
    "listen": Caller._one_number, "accept": Caller._accept, "accept4": Caller._accept,
    "fcntl": Caller._fcntl, "ioctl": Caller._one_number, "shutdown": Caller._one_number,
    "close": Caller._nothing, "dup": Caller._nothing,
    "getsockname": Caller._nothing, "getpeername": Caller._nothing,
    "read": Caller._read, "recv": Caller._read, "recvfrom": Caller._read,
    "readv": Caller._read_vector, "recvmsg": Caller._read_vector,
    "write": Caller._write, "send": Caller._write, "sendto": Caller._write,
    "writev": Caller._write_vector, "sendmsg": Caller._write_vector,
    "setsockopt": Caller._setsockopt, "getsockopt": Caller._getsockopt,
    "poll": Caller._poll, "epoll_create": Caller._epoll_create,
    "epoll_create1": Caller._epoll_create, "epoll_ctl": Caller._epoll_ctl,
    "epoll_wait": Caller._epoll_wait,
}  # fmt: skip

_OUTPUTS: Final[dict[str, Callable[[Caller, s.Call, Answer], Mismatch | None]]] = {
    "getsockopt": Caller._same_option, "ioctl": Caller._same_number,
    "read": Caller._same_text, "recv": Caller._same_text, "recvfrom": Caller._same_text,
    "recvmsg": Caller._same_message, "accept": Caller._same_name,
    "accept4": Caller._same_name, "getsockname": Caller._same_name,
    "getpeername": Caller._same_name, "poll": Caller._same_poll,
    "epoll_wait": Caller._same_epoll,
}  # fmt: skip


def _pack(layout: str, *numbers: int) -> bytes:
    try:
        return struct.pack(layout, *numbers)
    except struct.error:
        raise Unsupported(f"the number {max(numbers, key=abs)} in an option") from None


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
