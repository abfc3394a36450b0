"""Argument checks of socket calls, with the exceptions and the words of CPython's _socket."""

from __future__ import annotations

import math
import operator
from typing import Final, NamedTuple

from lastack.sockets import names as numbers
from lastack.wire import pack_address

from .names import LARGEST_FLOWINFO, Names

_INT_MAX: Final = 2**31 - 1
_SSIZE_MAX: Final = 2**63 - 1
_SECOND: Final = 1_000_000_000

_SHAPES: Final = {
    numbers.AF_INET: ("AF_INET", 2, "a pair (host, port)"),
    numbers.AF_INET6: ("AF_INET6", 4, "a tuple (host, port[, flowinfo[, scopeid]])"),
}


def c_int(value: object) -> int:
    """Return what the interpreter passes as a C int; OverflowError beyond it."""
    number = value if type(value) is int else _index(value)
    if number > _INT_MAX:
        raise OverflowError("signed integer is greater than maximum")
    if number < -_INT_MAX - 1:
        raise OverflowError("signed integer is less than minimum")
    return number


def size(value: object, complaint: str) -> int:
    """Return a number of bytes; ValueError(`complaint`) for a negative one."""
    number = value if type(value) is int else _index(value)
    if number > _SSIZE_MAX:
        raise OverflowError("Python int too large to convert to C ssize_t")
    if number < 0:
        raise ValueError(complaint)
    return number


def _index(value: object) -> int:
    return operator.index(value)  # type: ignore[arg-type]  # its TypeError is the right one


def timeout_ns(value: object) -> int | None:
    """Return a timeout in ns for settimeout(), None for none; rounded up, as in the interpreter."""
    if value is None:
        return None
    if isinstance(value, float):
        if math.isnan(value):
            raise ValueError("Invalid value NaN (not a number)")
        if abs(value) > _SSIZE_MAX / _SECOND:
            raise OverflowError("timestamp out of range for platform time_t")
        number = math.ceil(value * _SECOND)
    else:
        number = _index(value) * _SECOND
        if abs(number) > _SSIZE_MAX:
            raise OverflowError("timestamp out of range for platform time_t")
    if number < 0:
        raise ValueError("Timeout value out of range")
    return number


def shown_timeout(timeout: int | None) -> float | None:
    """Return a timeout as gettimeout() does, in seconds."""
    return None if timeout is None else timeout / _SECOND


class End(NamedTuple):
    """An address given to a call: numeric text, packed form, port, scope id."""

    host: str
    address: bytes
    port: int
    scope: int = 0

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def endpoint(names: Names, call: str, family: int, address: object) -> End:
    """Return what an address of the family, given to `call`, means.

    Names are looked up. TypeError, OverflowError and gaierror as the interpreter raises them. The
    flow label is looked at and forgotten: without IPV6_FLOWINFO_SEND it is not sent.
    """
    word, most, shape = _SHAPES[family]
    if not isinstance(address, tuple):
        raise TypeError(f"{call}(): {word} address must be tuple, not {type(address).__name__}")
    if not 2 <= len(address) <= most:
        raise TypeError(f"{word} address must be {shape}")
    host, port, *rest = address
    if not isinstance(host, str | bytes | bytearray):
        raise TypeError(f"str, bytes or bytearray expected, not {type(host).__name__}")
    if "\0" in host if isinstance(host, str) else b"\0" in host:
        raise TypeError("host name must not contain null character")
    number = _index(port)
    flowinfo = _index(rest[0]) & 0xFFFF_FFFF if rest else 0
    scope = _index(rest[1]) & 0xFFFF_FFFF if len(rest) > 1 else 0
    # The address first, as there: a wrong name is told before a wrong port.
    numeric = names.bind_address(host, family)
    if not 0 <= number <= 0xFFFF:
        raise OverflowError(f"{call}(): port must be 0-65535.")
    if flowinfo > LARGEST_FLOWINFO:
        raise OverflowError(f"{call}(): flowinfo must be 0-1048575.")
    return End(numeric, pack_address(numeric), number, scope)


def readable(data: object) -> memoryview:
    """Return a view of bytes to send. The caller releases it."""
    if type(data) is bytes:
        return memoryview(data)
    if isinstance(data, str):
        raise TypeError("a bytes-like object is required, not 'str'")
    try:
        with memoryview(data) as view:  # type: ignore[arg-type]  # what is none is told below
            return view.cast("B")
    except TypeError:
        raise TypeError(f"a bytes-like object is required, not '{type(data).__name__}'") from None


def writable(buffer: object, call: str) -> memoryview:
    """Return a view of a buffer to receive into. The caller releases it."""
    try:
        view = memoryview(buffer)  # type: ignore[arg-type]  # what is none is told below
    except TypeError:
        view = None
    if view is None or view.readonly:
        raise TypeError(
            f"{call}() argument 1 must be read-write bytes-like object, not {type(buffer).__name__}"
        )
    with view:
        return view.cast("B")


def fitting(room: int, wanted: object, call: str, too_small: str) -> int:
    """Return how many bytes to receive into a buffer of `room` bytes; 0 wanted means all."""
    number = size(wanted, f"negative buffersize in {call}")
    if number > room:
        raise ValueError(too_small)
    return number or room
