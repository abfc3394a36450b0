"""What can be seen of a cell from outside, of a simulated host as of a real one, and what differs.

Both are played by the same steps, by the same peer; times are ns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from lastack.profile import LINUX, MS, Profile
from lastack.state import CLOSED, LISTEN, SYN_RECEIVED
from lastack.verdict import seconds

from .atlas_ground import Ground
from .atlas_happenings import CELLS, Happening, next_calls
from .atlas_simulated import SimulatedGround
from .atlas_stage import LATER, MOMENT, Position, Stage, flag_names

AT_ONCE: Final = 30 * MS
"""What follows so soon follows at once: the kernel sends some answers at its next tick or two (4 ms
where we measured), and delays none that it delays for less than 40 ms."""
EARLY_SHARE: Final = 0.05
EARLY: Final = 100 * MS
LATE_SHARE: Final = 0.15
LATE: Final = 250 * MS
"""By how much a real time may be off: a timer wheel is coarse, an eighth of what is waited for, and
a busy machine wakes nobody in time."""

Moments = tuple[tuple[str, int], ...]
"""Names of segments ("FIN|ACK") or states, each with the ns since the happening was over."""


class Name(NamedTuple):
    """A cell, by its slugs."""

    position: str
    happening: str

    @classmethod
    def of(cls, position: Position, happening: Happening) -> Name:
        """Return the name of a cell."""
        return cls(position.slug, happening.slug)

    @property
    def text(self) -> str:
        """As it stands in files: "fin-wait-1/close"."""
        return f"{self.position}/{self.happening}"


@dataclass(frozen=True)
class Seen:
    """returned, took, state, sent, told: as in an Outcome; told is None where nobody asked. later,
    states: the segments and the changes of state afterwards. followed: for how long it was looked
    at afterwards."""

    returned: str
    took: int
    state: str
    sent: tuple[str, ...]
    told: tuple[str, ...] | None
    later: Moments
    states: Moments
    followed: int

    @property
    def ends(self) -> int:
        """When the last thing happened, ns since the happening was over."""
        return max((at for _, at in (*self.later, *self.states)), default=0)

    def with_told(self, told: tuple[str, ...] | None) -> Seen:
        """Return the same, with what the program was told when it was asked."""
        return replace(self, told=told)


class CellPlay:
    """A play of a cell on a ground: `reach`, and when AT_ONCE has passed `check` and `act`; when it
    has passed again `settle`, then `look` now and then, and `ask` at the end."""

    def __init__(self, position: Position, happening: Happening, ground: Ground) -> None:
        self.name = Name.of(position, happening)
        self.ground = ground
        self._position, self._happening = position, happening
        self._stage = Stage(ground)
        self._returned, self._took = "", 0
        self._before, self._since = 0, 0
        self._told: tuple[str, ...] | None = None
        self._state = self._first = CLOSED
        self._states: list[tuple[str, int]] = []

    def reach(self) -> None:
        """Bring the host into the state."""
        self._stage.reach(self._position, self._happening.before)

    def check(self) -> None:
        """RuntimeError when it is not there."""
        self._stage.check(self._position)

    def act(self) -> None:
        """Let it happen."""
        stage = self._stage
        stage.look()
        self._before = len(stage.sent)
        self._returned, self._took = self._happening.act(stage)
        self._since = self.ground.now
        stage.look()

    def settle(self) -> None:
        """Note the state that follows at once."""
        self._stage.look()
        self._state = self._first = self._stage.state_of(self._position)

    def look(self) -> None:
        """Note what came since, and the state."""
        self._stage.look()
        state = self._stage.state_of(self._position)
        if state is not self._state:
            self._state = state
            self._states.append((state.value, self.followed))

    @property
    def followed(self) -> int:
        """For how long it is looked at."""
        return self.ground.now - self._since

    def ask(self) -> None:
        """Make the program's next calls."""
        self._told = next_calls(self._stage)

    @property
    def seen(self) -> Seen:
        """What there was to see."""
        times = [
            (flag_names(seg.flags), at - self._since)
            for at, seg in self._stage.sent[self._before :]
        ]
        return Seen(
            self._returned, self._took, self._first.value,
            tuple(name for name, after in times if after <= AT_ONCE), self._told,
            tuple((name, after) for name, after in times if after > AT_ONCE),
            tuple(self._states), self.followed,
        )  # fmt: skip


def asks(position: Position, happening: Happening) -> bool:
    """Tell whether the program's next calls are a part of the cell: it has a connection."""
    listens = position.state in (LISTEN, SYN_RECEIVED)
    return not happening.call and not position.closed and not listens


def cells_seen(profile: Profile = LINUX) -> dict[Name, Seen]:
    """Play every cell on a simulated host."""
    return {Name.of(where, what): _simulated(where, what, profile) for where, what in CELLS}


def _simulated(position: Position, happening: Happening, profile: Profile) -> Seen:
    play, ground = _settled(position, happening, profile)
    until = ground.now + LATER
    while ground.next_event <= until:
        ground.step()
        play.look()
    ground.pass_time(until)
    if asks(position, happening):
        if happening.slug == "silence":
            play.ask()
        else:
            other, _ = _settled(position, happening, profile)  # asking changes what comes later
            other.ask()
            return play.seen.with_told(other.seen.told)
    return play.seen


def _settled(
    position: Position, happening: Happening, profile: Profile
) -> tuple[CellPlay, SimulatedGround]:
    ground = SimulatedGround(profile)
    play = CellPlay(position, happening, ground)
    play.reach()
    ground.pass_time(MOMENT)
    play.check()
    play.act()
    ground.pass_time(ground.now + AT_ONCE)
    play.settle()
    return play, ground


def latest(at: int) -> int:
    """Return until when what is due at a time may come on a kernel."""
    return round(at * (1 + LATE_SHARE)) + LATE


def differing(lastack: Seen, kernel: Seen) -> list[tuple[str, str, str]]:
    """Return what differs: (which part, ours, the kernel's). Of what comes later, only what was due
    while the kernel was looked at is compared."""
    pairs = [
        ("returned", lastack.returned or "nothing", kernel.returned or "nothing"),
        ("state", lastack.state, kernel.state),
        ("sent", ", ".join(lastack.sent) or "nothing", ", ".join(kernel.sent) or "nothing"),
    ]
    if kernel.told is not None and lastack.told is not None:
        pairs.append(("told", ", ".join(lastack.told), ", ".join(kernel.told)))
    found = [pair for pair in pairs if pair[1] != pair[2]]
    if not _in_time(lastack.took, kernel.took):
        found.append(("took", seconds(lastack.took), seconds(kernel.took)))
    for name, ours, theirs in (
        ("later", lastack.later, kernel.later), ("states", lastack.states, kernel.states),
    ):  # fmt: skip
        if not _alike(ours, theirs, kernel.followed):
            found.append((name, _text(ours), _text(theirs)))
    return found


def _in_time(ours: int, theirs: int) -> bool:
    return ours * (1 - EARLY_SHARE) - EARLY <= theirs <= latest(ours)


def _alike(ours: Moments, theirs: Moments, followed: int) -> bool:
    """What one has and the other has not is no difference when it was not due yet."""
    both = zip(ours, theirs, strict=False)
    if not all(name == other and _in_time(at, when) for (name, at), (other, when) in both):
        return False
    missing = ours[len(theirs) :]
    return len(theirs) <= len(ours) and all(latest(at) > followed for _, at in missing)


def _text(moments: Moments) -> str:
    return ", ".join(f"{name} after {seconds(at)}" for name, at in moments) or "nothing"
