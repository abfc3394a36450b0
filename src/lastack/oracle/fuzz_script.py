"""Random scripts as values and as text: what a program calls and what its peer sends, step by step.

Numbers of the peer's segments are written relative to what the connection has come to, so that a
step keeps its meaning when those before it are taken away:

    +0 socket 1
    +0 listen 1
    +0 < S seq iss+0 len 0 ack iss+0 win 65535
    +60 write 100
    +0 < FA seq nxt+0 len 10 ack max+0 win 1000
    +0 icmp 3/4 about una+0 mtu 1200
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from lastack.sockets import names
from lastack.wire import ACK, FIN, PSH, RST, SYN, URG

LETTERS: Final = {"F": FIN, "S": SYN, "R": RST, "P": PSH, "A": ACK, "U": URG}

OPTIONS: Final = {
    "nodelay": (names.IPPROTO_TCP, names.TCP_NODELAY),
    "cork": (names.IPPROTO_TCP, names.TCP_CORK),
    "quickack": (names.IPPROTO_TCP, names.TCP_QUICKACK),
    "linger2": (names.IPPROTO_TCP, names.TCP_LINGER2),
    "usertimeout": (names.IPPROTO_TCP, names.TCP_USER_TIMEOUT),
    "keepidle": (names.IPPROTO_TCP, names.TCP_KEEPIDLE),
    "deferaccept": (names.IPPROTO_TCP, names.TCP_DEFER_ACCEPT),
    "maxseg": (names.IPPROTO_TCP, names.TCP_MAXSEG),
    "keepalive": (names.SOL_SOCKET, names.SO_KEEPALIVE),
    "rcvbuf": (names.SOL_SOCKET, names.SO_RCVBUF),
    "sndbuf": (names.SOL_SOCKET, names.SO_SNDBUF),
    "inline": (names.SOL_SOCKET, names.SO_OOBINLINE),
}
"""Options by the name of the step that sets them."""
_ARGUMENTS: Final = {
    "socket": (1, 1), "connect": (0, 0), "listen": (1, 1), "accept": (0, 0), "dup": (0, 0),
    "write": (1, 2), "read": (1, 2), "error": (0, 0), "linger": (2, 2), "unconnect": (0, 0),
    "shutdown": (1, 1), "shutl": (1, 1), "close": (0, 0), "closel": (0, 0), "kill": (0, 0),
    "look": (0, 0), **dict.fromkeys(OPTIONS, (1, 1)),
}  # fmt: skip
"""How many arguments each call has, at least and at most. socket: whether it is to listen; shutl,
closel: of the socket that was opened first."""
_ARRIVAL: Final = frozenset(
    ["seq", "len", "ack", "win", "stamp", "sack", "urgent", "ecn", "spoilt"]
)
_STAMPS: Final = frozenset({"due", "old", "none"})


class Place(NamedTuple):
    """A sequence number: `offset` octets behind what `base` names.

    For SEG.SEQ: iss, the peer's first; nxt, the next that the peer has not sent; rcv, the last
    acknowledgment that the host sent; edge, the end of the window it offered. For SEG.ACK and ICMP:
    iss, the host's first; una, what the peer acknowledged last; max, the end of all it has seen.
    """

    base: str
    offset: int = 0

    def __str__(self) -> str:
        return f"{self.base}{self.offset:+d}"


NEXT: Final = Place("nxt")
SEEN: Final = Place("max")
UNACKED: Final = Place("una")


@dataclass(frozen=True)
class Call:
    """A call of the program, on the descriptor that was opened last."""

    name: str
    arguments: tuple[int, ...] = ()
    wait: int = 0

    def __str__(self) -> str:
        return " ".join([f"+{self.wait}", self.name, *map(str, self.arguments)])


@dataclass(frozen=True)
class Arrival:
    """A segment of the peer. stamp: how its timestamp is: due (as RFC 7323 has it, none on a
    connection without), old (1,000 less), none. sack: one block, or none, as distance from
    the host's first sequence number that is not acknowledged, and length. ecn: the two bits of IP.
    """

    flags: str
    seq: Place = NEXT
    length: int = 0
    ack: Place = SEEN
    window: int = 65535
    stamp: str = "due"
    sack: tuple[int, int] | None = None
    urgent: int = 0
    ecn: int = 0
    spoilt: bool = False
    wait: int = 0

    def __str__(self) -> str:
        words = [f"+{self.wait} < {self.flags or '-'} seq {self.seq} len {self.length}"]
        words.append(f"ack {self.ack} win {self.window}")
        if self.stamp != "due":
            words.append(f"stamp {self.stamp}")
        if self.sack is not None:
            words.append(f"sack {self.sack[0]}:{self.sack[1]}")
        if self.urgent:
            words.append(f"urgent {self.urgent}")
        if self.ecn:
            words.append(f"ecn {self.ecn}")
        if self.spoilt:
            words.append("spoilt 1")
        return " ".join(words)


@dataclass(frozen=True)
class Icmp:
    """An ICMP error about a segment of the host. mtu: of "fragmentation needed"."""

    kind: int
    code: int
    about: Place = UNACKED
    mtu: int = 0
    wait: int = 0

    def __str__(self) -> str:
        mtu = f" mtu {self.mtu}" if self.mtu else ""
        return f"+{self.wait} icmp {self.kind}/{self.code} about {self.about}{mtu}"


Step = Call | Arrival | Icmp


@dataclass(frozen=True)
class Offer:
    """What the peer's SYN offers, and its first sequence number. wscale -1: no window scale."""

    mss: int = 1460
    wscale: int = 7
    sack: bool = True
    stamps: bool = True
    iss: int = 1_000_000

    def __str__(self) -> str:
        return (
            f"peer mss {self.mss} wscale {self.wscale} sack {self.sack:d} "
            f"stamps {self.stamps:d} iss {self.iss}"
        )


@dataclass(frozen=True)
class Fuzz:
    """One script. wait: milliseconds before a step, and before the last look at everything."""

    name: str
    offer: Offer
    steps: tuple[Step, ...]
    tail: int = 20

    def __str__(self) -> str:
        lines = [f"# {self.name}", str(self.offer), *map(str, self.steps), f"+{self.tail} end"]
        return "\n".join(lines) + "\n"

    def with_steps(self, steps: tuple[Step, ...]) -> Fuzz:
        """Return a script that does something else."""
        return replace(self, steps=steps)


class FuzzError(ValueError):
    """A text that is no script; the message is one line."""


def read_fuzz(text: str, name: str = "") -> Fuzz:
    """Return the script of a text; FuzzError."""
    offer = Offer()
    steps: list[Step] = []
    tail = 20
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        try:
            if words[0] == "#":
                name = name or " ".join(words[1:])
            elif words[0] == "peer":
                given = {key: int(value) for key, value in _pairs(words[1:])}
                flags = {key: bool(given.pop(key)) for key in ("sack", "stamps") if key in given}
                offer = Offer(**given, **flags)  # type: ignore[arg-type]  # ints and bools by name
            elif words[1] == "end":
                tail = int(words[0])
            else:
                steps.append(_step(int(words[0]), words[1], words[2:]))
        except (IndexError, KeyError, TypeError, ValueError):
            raise FuzzError(f"line {number}: {line!r} is no step") from None
    return Fuzz(name, offer, tuple(steps), tail)


def _step(wait: int, kind: str, words: list[str]) -> Step:
    if kind == "icmp":
        type_, _, code = words[0].partition("/")
        given = _named(words[1:], {"about", "mtu"})
        return Icmp(int(type_), int(code), _place(given["about"]), int(given.get("mtu", 0)), wait)
    if kind != "<":
        least, most = _ARGUMENTS[kind]
        if not least <= len(words) <= most:
            raise ValueError(words)
        return Call(kind, tuple(map(int, words)), wait)
    flags = "" if words[0] == "-" else words[0]
    if set(flags) - set(LETTERS):
        raise ValueError(flags)
    given = _named(words[1:], _ARRIVAL)
    if given.get("stamp", "due") not in _STAMPS:
        raise ValueError(given["stamp"])
    left, _, length = given.get("sack", "").partition(":")
    return Arrival(
        flags, _place(given["seq"]), int(given.get("len", 0)), _place(given["ack"]),
        int(given["win"]), given.get("stamp", "due"),
        (int(left), int(length)) if left else None, int(given.get("urgent", 0)),
        int(given.get("ecn", 0)), given.get("spoilt") == "1", wait,
    )  # fmt: skip


def _pairs(words: list[str]) -> list[tuple[str, str]]:
    return list(zip(words[::2], words[1::2], strict=True))


def _named(words: list[str], known: Set[str]) -> dict[str, str]:
    given = dict(_pairs(words))
    if not given.keys() <= known:
        raise ValueError(words)
    return given


def _place(text: str) -> Place:
    base = text.rstrip("0123456789").rstrip("+-")
    if base not in ("iss", "nxt", "rcv", "edge", "una", "max"):
        raise ValueError(text)
    return Place(base, int(text[len(base) :]))
