"""A call of a script as a request to the target."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lastack.sockets import names
from lastack.wire import ANY6

from . import syntax as s
from .symbols import Values, kind_of
from .syntax import Unsupported
from .target import Request

_READ_FLAGS: Final = (
    names.MSG_PEEK | names.MSG_DONTWAIT | names.MSG_WAITALL | names.MSG_OOB | names.MSG_TRUNC
)
_WRITE_FLAGS: Final = (
    names.MSG_DONTWAIT
    | names.MSG_NOSIGNAL
    | names.MSG_MORE
    | names.MSG_OOB
    | names.MSG_EOR
    | names.MSG_ZEROCOPY
)
_STRUCTS: Final = (("ii", "onoff", "linger"), ("qq", "tv_sec", "tv_usec"))
"""The structs that options are, by their members: struct linger, struct timeval."""
_FILL: Final = b"lastack."
_CMSG: Final = ("cmsg_level", "cmsg_type", "cmsg_data")
_CMSG_SPACE: Final = 24
"""Room for one item of control data that is an int: CMSG_SPACE(4)."""


@dataclass(frozen=True)
class Ends:
    """The addresses of the two ends, and the port that `...` stands for."""

    local: bytes
    remote: bytes
    port: int
    family: int
    mapped: bool = False


class Descriptors:
    """Which descriptor of the target stands for which of the script. `newest` is the target's that
    was opened last, -1 for none."""

    def __init__(self) -> None:
        self._live: dict[int, int] = {}
        self.newest = -1

    def note(self, mine: int, live: int) -> None:
        """Remember that a call gave the script's number `mine`."""
        self._live[mine] = self.newest = live

    def live(self, mine: int) -> int:
        """Return the target's descriptor; of one that the script never had one that is not open."""
        return self._live.get(mine, -mine - 1000)

    def mine(self, live: int) -> int:
        """Return the script's number of a descriptor of the target."""
        return next((mine for mine, target in self._live.items() if target == live), live)


class Requests:
    """Makes the requests of one script."""

    def __init__(self, ends: Ends, values: Values, descriptors: Descriptors) -> None:
        self._ends = ends
        self._values = values
        self._descriptors = descriptors
        self._data: dict[tuple[int, int], s.Expression] = {}

    def request(self, call: s.Call) -> Request:
        """Return what to ask of the target; Unsupported for a call that lastack has not."""
        build = _BUILDERS.get(call.name)
        if build is None:
            raise Unsupported(f"the call {call.name}()")
        return build(self, call)

    def fd(self, expression: s.Expression) -> int:
        """Return the target's descriptor that the script calls by a number."""
        return self._descriptors.live(self._values.integer(expression))

    def epoll_data(self, epoll: int, fd: int) -> s.Expression:
        """Return what epoll_ctl() stored beside a descriptor of the target."""
        return self._data[epoll, fd]

    def argument(self, call: s.Call, index: int) -> s.Expression:
        """Return an argument; Unsupported when there are not so many."""
        if index >= len(call.arguments):
            raise Unsupported(f"{call.name}() with {len(call.arguments)} arguments")
        return call.arguments[index]

    def _number(self, call: s.Call, index: int) -> int:
        return self._values.integer(self.argument(call, index))

    def _on_fd(self, call: s.Call, *arguments: object, name: str = "") -> Request:
        return Request(name or call.name, self.fd(self.argument(call, 0)), arguments)

    def _socket(self, call: s.Call) -> Request:
        domain = self.argument(call, 0)
        family = self._ends.family if isinstance(domain, s.Dots) else self._values.integer(domain)
        kind, protocol = self._number(call, 1), self._number(call, 2)
        if kind != names.SOCK_STREAM or protocol not in (0, names.IPPROTO_TCP):
            raise Unsupported("a socket that is not TCP")
        return Request("socket", -1, (family, kind, protocol))

    def _bind(self, call: s.Call) -> Request:
        end = self._values.endpoint(self.argument(call, 1))
        mine = ANY6 if self._ends.mapped else self._ends.local
        return self._on_fd(call, *(end or (mine, self._ends.port)))

    def _connect(self, call: s.Call) -> Request:
        end = self._values.endpoint(self.argument(call, 1))
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
        pointer = self.argument(call, index)
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
        given = self.argument(call, 1)
        if isinstance(given, s.Struct):
            if call.name != "recvmsg" and self._control(given):
                raise Unsupported("control data to send (msg_control)")
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

    def _control(self, message: s.Struct) -> tuple[s.Expression | s.Member, ...]:
        """Return the items of msg_control."""
        control = message.get("msg_control")
        return control.items if isinstance(control, s.Array) else ()

    def control(self, call: s.Call) -> list[tuple[int, int, int]]:
        """Return level, type and number of the control data that recvmsg() is to bring."""
        found = []
        message = self.argument(call, 1)
        for item in self._control(message) if isinstance(message, s.Struct) else ():
            parts = [item.get(name) for name in _CMSG] if isinstance(item, s.Struct) else [None]
            if None in parts:
                raise Unsupported(f"control data without {', '.join(_CMSG)}")
            level, kind, number = (self._values.integer(part) for part in parts if part is not None)
            found.append((level, kind, number))
        return found

    def _read_vector(self, call: s.Call) -> Request:
        flags = self._flags(call, 2, _READ_FLAGS) if call.name == "recvmsg" else 0
        size, control = sum(self._vector_sizes(call)), self.control(call)
        if control:
            return self._on_fd(call, size, flags, len(control) * _CMSG_SPACE, name="recvmsg")
        return self._on_fd(call, size, flags, name="read")

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
        raw = self.option(self.argument(call, 3))[: self._number(call, 4)]
        return self._on_fd(call, level, name, raw)

    def option(self, value: s.Expression) -> bytes:
        """Return the value of a socket option as bytes."""
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
        size = self._values.integer(self.argument(call, 4))
        return self._on_fd(call, self._number(call, 1), self._number(call, 2), size)

    def pollfds(self, call: s.Call) -> list[tuple[int, int, int]]:
        """Return (descriptor, events, revents) of a poll."""
        given = self.argument(call, 0)
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
        wanted = tuple((fd, events) for fd, events, _ in self.pollfds(call))
        return Request("poll", -1, (wanted, self._number(call, 2)))

    def _epoll_create(self, call: s.Call) -> Request:
        return Request("epoll_create")

    def _epoll_ctl(self, call: s.Call) -> Request:
        fd, events = self.argument(call, 2), 0
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


_BUILDERS: Final[dict[str, Callable[[Requests, s.Call], Request]]] = {
    "socket": Requests._socket, "bind": Requests._bind, "connect": Requests._connect,
    "listen": Requests._one_number, "accept": Requests._accept, "accept4": Requests._accept,
    "fcntl": Requests._fcntl, "ioctl": Requests._one_number, "shutdown": Requests._one_number,
    "close": Requests._nothing, "dup": Requests._nothing,
    "getsockname": Requests._nothing, "getpeername": Requests._nothing,
    "read": Requests._read, "recv": Requests._read, "recvfrom": Requests._read,
    "readv": Requests._read_vector, "recvmsg": Requests._read_vector,
    "write": Requests._write, "send": Requests._write, "sendto": Requests._write,
    "writev": Requests._write_vector, "sendmsg": Requests._write_vector,
    "setsockopt": Requests._setsockopt, "getsockopt": Requests._getsockopt,
    "poll": Requests._poll, "epoll_create": Requests._epoll_create,
    "epoll_create1": Requests._epoll_create, "epoll_ctl": Requests._epoll_ctl,
    "epoll_wait": Requests._epoll_wait,
}  # fmt: skip


def _pack(layout: str, *numbers: int) -> bytes:
    try:
        return struct.pack(layout, *numbers)
    except struct.error:
        raise Unsupported(f"the number {max(numbers, key=abs)} in an option") from None
