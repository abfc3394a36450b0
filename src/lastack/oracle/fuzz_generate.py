"""Random scripts about the end of a connection: the same seed, the same script."""

from __future__ import annotations

from random import Random
from typing import Final

from .fuzz_script import NEXT, SEEN, Arrival, Call, Fuzz, Icmp, Offer, Place, Step

_SIZES: Final = (1, 10, 100, 100, 1448, 1460)
_WRITES: Final = (1, 10, 100, 1000, 1460, 3000, 10_000, 25_000)
_READS: Final = (1, 50, 500, 5_000, 1_000_000)
_WINDOWS: Final = (65535, 65535, 65535, 1000, 100, 10, 1)
_NEAR: Final = (1, 2, 10, 100, 1000, 5000)
_ERRORS: Final = (
    (3, 0), (3, 1), (3, 2), (3, 3), (3, 3), (3, 4), (3, 4), (3, 9), (3, 13), (11, 0),
    (12, 0), (4, 0),
)  # fmt: skip
_MTUS: Final = (0, 68, 552, 1000, 1400, 1500, 9000)


class _Maker:
    """One script."""

    def __init__(self, seed: int) -> None:
        self._random = Random(f"lastack {seed}")
        self._steps: list[Step] = []
        self._opened = False
        self._connecting = False
        self._ended = False

    def make(self, name: str) -> Fuzz:
        """Return the script."""
        pick = self._random
        offer = Offer(
            mss=pick.choice((1460, 1460, 1000, 536, 200)),
            wscale=pick.choice((7, 7, 0, 2, 14, -1)),
            sack=pick.random() < 0.7, stamps=pick.random() < 0.6,
            iss=pick.choice((1_000_000, 0xFFFFFF00, 0x7FFFFFF0, pick.randrange(1 << 32))),
        )  # fmt: skip
        opening = pick.random()
        if opening < 0.6:
            self._passive()
        elif opening < 0.95:
            self._active()
        else:
            self._simultaneous()
        for _ in range(pick.randint(2, 12)):
            self._anything()
        return Fuzz(name, offer, tuple(self._steps), pick.choice((20, 20, 20, 60, 300)))

    # -- beginnings ----------------------------------------------------------------------------

    def _passive(self) -> None:
        self._call("socket", 1)
        if self._chance(0.1):
            self._option()
        self._call("listen", self._random.choice((1, 1, 5)))
        if self._chance(0.1):
            self._odd()
        self._segment("S", Place("iss"), ack=Place("iss"), window=65535)
        if self._chance(0.15):
            self._odd()
        if self._chance(0.9):
            flags = self._random.choice(("A", "A", "A", "A", "PA", "FA"))
            self._segment(flags, length=100 if flags == "PA" else 0)
            self._opened = True
        if self._chance(0.9):
            self._call("accept")

    def _active(self) -> None:
        self._call("socket", 0)
        if self._chance(0.15):
            self._option()
        self._call("connect")
        self._connecting = True
        if self._chance(0.15):
            self._random.choice((self._program, self._error, self._reset, self._polite))()
        if self._chance(0.95):
            self._segment("SA", Place("iss"), window=65535)
            self._opened = True

    def _simultaneous(self) -> None:
        """Until it is over nothing odd: a kernel takes any ACK then, even one of nothing."""
        self._call("socket", 0)
        self._call("connect")
        self._segment("S", Place("iss"), ack=Place("iss"), window=65535)
        if self._chance(0.25):
            self._program()
        if self._chance(0.1):
            self._segment("R", Place("rcv"))
        elif self._chance(0.6):
            self._segment("SA", Place("iss"))
        else:
            self._segment("A", Place("iss", 1))
        self._opened = True

    # -- what may happen at any time -----------------------------------------------------------

    def _anything(self) -> None:
        kind = self._random.choices(
            (self._program, self._option, self._polite, self._odd, self._error, self._closing),
            (34, 6, 34, 22, 4, 12),
        )[0]
        kind()

    def _program(self) -> None:
        pick = self._random
        name = pick.choices(
            ("write", "read", "shutdown", "close", "linger", "error", "dup", "unconnect", "kill",
             "accept", "connect", "shutl", "closel", "look"),
            (26, 20, 10, 16, 6, 4, 2, 2, 3, 3, 1, 1, 1, 2),
        )[0]  # fmt: skip
        if name == "write":
            self._call(name, pick.choice(_WRITES), pick.choice((0, 0, 0, 0, 0, 1)))
        elif name == "read":
            self._call(name, pick.choice(_READS), pick.choice((0, 0, 0, 0, 2, 0x20, 1)))
        elif name in ("shutdown", "shutl"):
            self._call(name, pick.choice((0, 1, 1, 1, 2)))
        elif name == "linger":
            self._call(name, *pick.choice(((1, 0), (1, 0), (1, 1), (0, 0), (0, 5), (1, 3))))
        else:
            self._call(name)

    def _option(self) -> None:
        """Not SO_RCVBUF when text may be queued: what is too much then is a matter of bookkeeping.
        Nor TCP_QUICKACK before: a kernel keeps it for the handshake's last ACK."""
        pick = self._random
        name, values = pick.choice((
            ("nodelay", (0, 1)), ("cork", (0, 1)), ("quickack", (1,)), ("keepalive", (0, 1)),
            ("linger2", (-1, 0, 1, 5, 100, 200)), ("usertimeout", (0, 100, 300)),
            ("rcvbuf", (5000, 20_000, 100_000)), ("inline", (0, 1)), ("sndbuf", (3000, 20_000)),
        ))  # fmt: skip
        if name in ("rcvbuf", "quickack") and (name == "rcvbuf") is self._opened:
            return
        self._call(name, pick.choice(values))

    def _polite(self) -> None:
        """What a peer does that keeps to the RFC."""
        pick = self._random
        what = pick.choices(("ack", "text", "fin", "text fin", "window"), (10, 10, 8, 3, 3))[0]
        if what == "ack":
            self._segment("A")
        elif what == "window":
            self._segment("A", window=pick.choice((0, 0, 1, 100, 5000)))
        else:
            flags = {"text": "PA", "fin": "FA", "text fin": "FPA"}[what]
            length = 0 if what == "fin" else pick.choice(_SIZES)
            ack = pick.choice((Place("max"), Place("max"), Place("una")))
            self._segment(flags, length=length, ack=ack)

    def _odd(self) -> None:
        """What it does not, or rarely."""
        pick = self._random
        near = pick.choice(_NEAR)
        what = pick.choices(
            ("old", "ahead", "overlap", "edge", "syn", "rst", "unsent", "old ack", "urgent", "none",
             "fin", "sack", "spoilt", "stamp", "ack number"),
            (3, 4, 3, 3, 5, 9, 2, 2, 2, 1, 4, 1, 1, 2, 2),
        )[0]  # fmt: skip
        length = pick.choice(_SIZES)
        flags = pick.choice(("A", "PA", "FPA"))
        if what == "old":
            self._segment(flags, Place("nxt", -near), length=min(length, near))
        elif what == "ahead":
            self._segment(flags, Place("nxt", near), length=length)
        elif what == "overlap":
            self._segment(flags, Place("nxt", -near), length=near + length if near < 500 else near)
        elif what == "edge":
            at = pick.choice((-near, -1, 0, 1, near))
            self._segment(flags, Place("edge", at), length=pick.choice((0, length)))
        elif what == "syn":
            self._syn()
        elif what == "rst":
            self._reset()
        elif what in ("unsent", "old ack"):
            # an old ACK with text counts for Linux or not as its memory happens to be
            at = near if what == "unsent" else -near * pick.choice((1, 1000))
            length = pick.choice((0, length)) if what == "unsent" else 0
            self._segment(flags, length=length, ack=Place("max", at))
        elif what == "urgent":
            self._segment("PAU", length=length, urgent=pick.choice((1, length)))
        elif what == "none":
            flags = pick.choice(("", "F", "P", "U", "FPU"))
            self._segment(flags, length=pick.choice((0, length)))
        elif what == "fin":
            self._segment("FA", Place("nxt", pick.choice((-1, -1, -1, 1, near))))
        elif what == "sack":
            self._segment("A", ack=Place("una"), sack=(pick.choice(_SIZES), pick.choice(_SIZES)))
        elif what == "spoilt":
            self._segment(flags, length=length, spoilt=True)
        elif what == "stamp":
            stamp = pick.choice(("old", "none"))
            self._segment(pick.choice(("A", "PA", "FA", "RA")), stamp=stamp)
        else:
            self._segment(flags, length=length, ack=Place("una", pick.choice((0, 1, near))))

    def _syn(self) -> None:
        pick = self._random
        places = (
            Place("nxt"), Place("nxt", 1), Place("nxt", 100_000), Place("nxt", -1), Place("iss"),
            Place("nxt", -100_000), Place("rcv"), Place("edge", 1000),
        )  # fmt: skip
        flags = pick.choices(("S", "SA", "SF", "SR"), (10, 4, 1, 1))[0]
        self._segment(flags, pick.choice(places), window=65535)
        if flags in ("S", "SF") and self._connecting and not self._opened:
            self._opened = True  # a simultaneous open, see there
            if self._chance(0.25):
                self._program()
            self._segment("A")

    def _reset(self) -> None:
        pick = self._random
        near = pick.choice(_NEAR)
        places = (
            Place("rcv"), Place("rcv"), Place("nxt"), Place("rcv", 1), Place("rcv", -1),
            Place("rcv", near), Place("rcv", -near), Place("nxt", -1), Place("nxt", near),
            Place("edge"), Place("edge", -1), Place("edge", 1),
        )  # fmt: skip
        ack = pick.choice((Place("max"), Place("max"), Place("una"), Place("max", 1)))
        self._segment(pick.choice(("R", "R", "RA")), pick.choice(places), ack=ack)
        self._asks()

    def _asks(self) -> None:
        """What a program is told of an error, and by which call."""
        what = self._random.choice(("error", "read", "write", "", "", ""))
        if what and self._opened:
            self._call(what, *(() if what == "error" else (100, 0)))

    def _error(self) -> None:
        pick = self._random
        kind, code = pick.choice(_ERRORS)
        about = pick.choice((
            Place("una"), Place("una"), Place("max"), Place("max", -1), Place("una", -1),
            Place("max", 1000),
        ))  # fmt: skip
        mtu = pick.choice(_MTUS) if (kind, code) == (3, 4) else 0
        self._steps.append(Icmp(kind, code, about, mtu, self._wait()))
        self._asks()

    def _closing(self) -> None:
        """A whole way to an end."""
        pick = self._random
        way = pick.choice(("active", "passive", "together"))
        close = ("close",) if self._chance(0.6) else ("shutdown", 1)
        if way == "active":
            self._call(*close)
            self._segment("A")
            self._segment("FA")
        elif way == "passive":
            self._segment("FA")
            self._call(*close)
            self._segment("A")
        else:
            self._call(*close)
            self._segment("FA", ack=Place("una"))
            self._segment("A")
        for _ in range(pick.randint(0, 3)):
            pick.choice((self._syn, self._reset, self._odd, self._polite))()

    # -- steps ---------------------------------------------------------------------------------

    def _chance(self, part: float) -> bool:
        return self._random.random() < part

    def _wait(self) -> int:
        return self._random.choices((0, 5, 60, 120, 260, 520, 1100), (76, 6, 8, 4, 3, 2, 0.5))[0]

    def _call(self, name: str, *arguments: int) -> None:
        self._steps.append(Call(name, arguments, self._wait()))

    def _segment(
        self, flags: str, place: Place = NEXT, *, length: int = 0,
        ack: Place = SEEN, window: int | None = None, **more: object,
    ) -> None:  # fmt: skip
        if window is None:
            # a small one in the handshake would bound the segments that are sent for ever
            window = self._random.choice(_WINDOWS) if self._opened else 65535
        # Linux looks at urgent pointers behind a FIN, which no text can have
        if self._ended:
            flags = flags.replace("U", "")
        self._ended = self._ended or "F" in flags
        step = Arrival(flags, place, length, ack, window, wait=self._wait(), **more)  # type: ignore[arg-type]
        self._steps.append(step)


def generate(seed: int) -> Fuzz:
    """Return the script of a seed."""
    return _Maker(seed).make(f"seed {seed}")
