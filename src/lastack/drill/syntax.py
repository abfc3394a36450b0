"""What a packetdrill script says, as values: options, events, and what stands in them.

Both dialects are one language here, the one of google/packetdrill and the one of nplab/packetdrill
that the FreeBSD test suite is written in. A parser makes these values, `neutral` rewrites them,
the runner plays them. Times are nanoseconds; `line` counts from 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final


class ScriptError(ValueError):
    """A script that cannot be read: where, and what is wrong."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(f"line {line}: {text}")
        self.line = line
        self.text = text


class Unsupported(Exception):
    """A construct of the language that lastack reads and cannot play; the text names it."""


class Anchor(Enum):
    """What an event's time counts from."""

    START = "the start of the script"
    PREVIOUS = "the event before"
    NONE = "any time"


@dataclass(frozen=True, slots=True)
class When:
    """When an event takes place: between `first` and `last`, equal where no range is written."""

    anchor: Anchor
    first: int = 0
    last: int = 0


# -- expressions -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number:
    """An integer, decimal or 0x hexadecimal."""

    value: int


@dataclass(frozen=True, slots=True)
class Word:
    """A symbol: SOL_SOCKET, ECONNRESET, NULL."""

    name: str


@dataclass(frozen=True, slots=True)
class Text:
    """A string in double quotes, as bytes."""

    value: bytes


@dataclass(frozen=True, slots=True)
class Dots:
    """`...`, whatever it may be."""


@dataclass(frozen=True, slots=True)
class Union:
    """Expressions joined by `|`."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Array:
    """`[a, b]`; around a single value it stands for the memory a pointer points at."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """`name = value` in a struct; `size` is the argument in `msg_iov(2) = ...`."""

    name: str
    value: Expression
    size: Expression | None = None


@dataclass(frozen=True, slots=True)
class Struct:
    """`{...}`: members with names (linger, pollfd, msghdr) or without (iovec)."""

    items: tuple[Expression | Member, ...]

    def get(self, name: str) -> Expression | None:
        """Return the value of a member, None if it is not there."""
        for item in self.items:
            if isinstance(item, Member) and item.name == name:
                return item.value
        return None


@dataclass(frozen=True, slots=True)
class Applied:
    """`htons(80)`, `inet_addr("10.0.0.1")`."""

    name: str
    arguments: tuple[Expression, ...]


Expression = Number | Word | Text | Dots | Union | Array | Struct | Applied | Member
"""`Member` outside a struct is an assignment in an argument list."""

# -- packets -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Option:
    """One TCP option by its name in the script, with its numbers or words.

    mss (n), wscale (n), TS (val, ecr), sack (left, right, left, right, ...), nop, eol, sackOK, and
    others with their words.
    """

    name: str
    values: tuple[int | str, ...] = ()

    def __str__(self) -> str:
        values = self.values
        if self.name == "TS":
            return f"TS val {values[0]} ecr {values[1]}"
        if self.name == "sack":
            pairs = zip(values[::2], values[1::2], strict=True)
            return "sack " + " ".join(f"{left}:{right}" for left, right in pairs)
        return " ".join((self.name, *map(str, values)))


@dataclass(frozen=True, slots=True)
class Span:
    """`first:last(length)`; first and last are None where the script writes `...(length)`.

    `absolute`: written with `!`, a number on the wire and not an offset from the ISN.
    """

    first: int | None
    last: int | None
    length: int
    absolute: bool = False


@dataclass(frozen=True, slots=True)
class IpInfo:
    """What is written of the IP header: ecn (0 to 3, ECT01 for either ECT), tos, ttl."""

    ecn: int | None = None
    either_ect: bool = False
    tos: int | None = None
    ttl: int | None = None
    flow_label: int | None = None


NO_IP_INFO: Final = IpInfo()


@dataclass(frozen=True, slots=True)
class TcpPacket:
    """`<` or `>` and a TCP segment. `options` is None for `<...>`; `flags` as written ("S.")."""

    inbound: bool
    flags: str
    span: Span
    ack: int | None = None
    window: int | None = None
    urgent: int | None = None
    options: tuple[Option, ...] | None = ()
    ports: tuple[int, int] | None = None
    ip: IpInfo = NO_IP_INFO
    udp_ports: tuple[int, int] | None = None
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UdpPacket:
    """`udp (length)`."""

    inbound: bool
    length: int
    ports: tuple[int, int] | None = None
    ip: IpInfo = NO_IP_INFO
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IcmpPacket:
    """`icmp type code mtu N [seq]`: an error about a packet of ours, or something else."""

    inbound: bool
    kind: str
    code: str = ""
    mtu: int | None = None
    identifier: int | None = None
    about: Span | None = None
    about_protocol: str = "tcp"
    about_udp: tuple[int, int] | None = None
    ip: IpInfo = NO_IP_INFO
    headers: tuple[str, ...] = ()


Packet = TcpPacket | UdpPacket | IcmpPacket

# -- events ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Call:
    """A system call and what it returns; `until` is given for a call that may block."""

    name: str
    arguments: tuple[Expression, ...]
    result: Expression
    errno: str = ""
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """A shell command in back quotes."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """Python between %{ and }%."""

    text: str


Action = Packet | Call | Command | Code


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a script; the source text is for messages."""

    line: int
    when: When
    action: Action
    source: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """A whole script. `options` are (name, value) without the dashes; commands without a time
    stand before the first event (`before`) or behind the last (`after`)."""

    path: str
    options: tuple[tuple[str, str], ...] = ()
    before: tuple[Event, ...] = ()
    events: tuple[Event, ...] = ()
    after: tuple[Event, ...] = field(default=())

    def option(self, name: str, default: str = "") -> str:
        """Return the last value given for an option."""
        found = [value for given, value in self.options if given == name]
        return found[-1] if found else default

    def number(self, name: str, default: int) -> int:
        """Return the last value given for an option that is a number; Unsupported if it is none."""
        value = self.option(name, str(default))
        if not value.isdecimal():
            raise Unsupported(f"the option --{name}={value}")
        return int(value)
