"""Packets as a bystander sees them, and what is told of them."""

from __future__ import annotations

from lastack.trace import Event, Journal, Reason
from lastack.verdict import Book, Observer, Sightings, Verdict, verdict
from lastack.wire import ACK, FIN, RST, SYN, Captured, Direction, Flow, Interface, Segment, seq

GET, WEB = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
NAMES = {GET: "get", WEB: "web"}
FLOW = Flow(GET, 40000, WEB, 80)
MS = 1_000_000
ISS = {FLOW: 4_294_967_200, FLOW.reversed(): 7_000_000}
_BITS = {"S": SYN, "F": FIN, "R": RST, ".": ACK}


def segment(
    who: str, flags: str, first: int = 0, ack: int = 0, size: int = 0, *, flow: Flow = FLOW,
    iss: int = 0,
) -> Segment:  # fmt: skip
    """One segment of "get" or "web"; numbers count from the SYN, which is 0."""
    way = flow if who == "get" else flow.reversed()
    mine, theirs = (FLOW, FLOW.reversed()) if who == "get" else (FLOW.reversed(), FLOW)
    bits = sum(_BITS[flag] for flag in flags)
    number = (ISS[mine] + iss + first) & seq.MASK
    acked = (ISS[theirs] + iss + ack) & seq.MASK if "." in flags else 0
    return Segment(way, number, acked, bits, 500, bytes(size))


class Bystander:
    """Sees packets pass 1 ms apart, on one interface or at both ends."""

    def __init__(self, *faces: Interface, names: dict[bytes, str] = NAMES) -> None:
        self.journal, self.book = Journal(), Book()
        self.events: list[Event] = []
        self.journal.listeners += [self.events.append, self.book]
        self.observer = Observer(self.journal)
        self.faces = list(faces) or [Interface(101)]
        self.sightings = Sightings(self.journal, self.observer, self.faces, names)
        self.now = 0

    def see(
        self, seg: Segment, *, face: int = 0, way: Direction = Direction.UNKNOWN, ident: int = 0,
        after: int = MS,
    ) -> None:  # fmt: skip
        self.now += after
        self.sightings.take(Captured(seg, way, 0, ident), face, self.now)

    def script(self, text: str, *, flow: Flow = FLOW, iss: int = 0) -> Bystander:
        """Lines "get . 1 1 5": who, flags, first, ack, bytes; what is missing is 0."""
        for line in filter(str.strip, text.splitlines()):
            who, flags, *numbers = line.split()
            self.see(segment(who, flags, *map(int, numbers), flow=flow, iss=iss))
        return self

    def over(self) -> list[Verdict]:
        """The capture ends; return the verdicts."""
        self.sightings.finish()
        return [verdict(story, self.book) for story in self.book.stories]

    def states(self) -> tuple[str, str]:
        """The paths of client and server of the last connection."""
        story = self.book.stories[-1]
        return (
            " ".join(step.state.value for step in story.client.steps) if story.client else "",
            " ".join(step.state.value for step in story.server.steps) if story.server else "",
        )

    def reasons(self, kind: type[Event]) -> list[Reason]:
        return [one.reason for one in self.events if isinstance(one, kind)]  # type: ignore[attr-defined]


HANDSHAKE = """
get S
web S. 0 1
get . 1 1
"""
EXCHANGE = (
    HANDSHAKE
    + """get . 1 1 5
web . 1 6
web . 1 6 7
get . 6 8
"""
)
