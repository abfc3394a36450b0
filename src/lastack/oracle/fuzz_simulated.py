"""lastack as the ground of random scripts, in virtual time."""

from __future__ import annotations

from collections.abc import Sequence

from lastack.drill import Call, Left, Request, Simulated
from lastack.profile import Profile
from lastack.wire import Flow, WireError, parse, show_endpoint

from .fuzz_play import Look, Play
from .fuzz_script import Fuzz


class _Ground:
    """One script on a simulated host."""

    def __init__(self, flow: Flow, profile: Profile) -> None:
        self.flow = flow
        self._target = Simulated(profile, [flow.src])

    @property
    def now(self) -> int:
        return self._target.now

    def begin(self, request: Request) -> Call:
        return self._target.begin(request)

    def kill(self) -> bool:
        state = self.state()
        if state in ("", "LISTEN"):
            return False
        self._target.forget(state)
        return True

    def state(self) -> str:
        flow = self.flow
        ends = show_endpoint(flow.src, flow.sport), show_endpoint(flow.dst, flow.dport)
        listener = ""
        for row in self._target.host.snapshot():
            if (row.local, row.remote) == ends:
                return row.state.value
            if row.state.value == "LISTEN" and row.local == ends[0]:
                listener = "LISTEN"
        return listener

    def inject(self, raw: bytes) -> None:
        try:
            self._target.inject(parse(raw))
        except WireError:
            return  # a checksum is wrong: Host.bytes_arrive drops it too

    def run(self, until: int) -> None:
        self._target.run(until)

    def take(self) -> Sequence[Left]:
        return [left for left in self._target.take() if left.packet.flow == self.flow]


def play_simulated(
    script: Fuzz, flow: Flow, profile: Profile, clock: Sequence[int] = ()
) -> list[Look]:
    """Play a script with its steps at the times of `clock` (ns), and return what was seen."""
    return Play(script, _Ground(flow, profile), clock).play()
