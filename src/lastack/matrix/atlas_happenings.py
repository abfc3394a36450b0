"""What can happen to a connection in the atlas: a call of the program, a segment, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lastack.sockets import names
from lastack.state import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    LISTEN,
    SYN_RECEIVED,
    SYN_SENT,
    TIME_WAIT,
    State,
)

from .atlas_ground import Returned
from .atlas_stage import POSITIONS, Before, Position, Stage

Act = Callable[[Stage], Returned]

_CONNECTING: Final = frozenset(State) - {CLOSED, LISTEN}
_SENDS: Final = frozenset({ESTABLISHED, CLOSE_WAIT})
_READS: Final = frozenset({ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT})
_GOT_FIN: Final = frozenset({CLOSE_WAIT, CLOSING, LAST_ACK, TIME_WAIT})


@dataclass(frozen=True)
class Happening:
    """One row of the atlas. `before`: what else is so. `states`: where it can happen, everywhere
    without."""

    slug: str
    title: str
    act: Act
    call: bool = True
    before: Before = Before.NOTHING
    states: frozenset[State] = frozenset(State)

    def applies(self, position: Position) -> bool:
        """Tell whether it can happen there."""
        if position.state not in self.states:
            return False
        if not self.call:
            return True
        # In SYN-RECEIVED the program has the listening socket, and can close that.
        passive = position.state is SYN_RECEIVED
        return not position.closed and (not passive or self.slug in ("close", "exit"))


def _close(linger: int | None = None, *, nonblocking: bool = False) -> Act:
    return lambda stage: stage.ground.close(linger, nonblocking=nonblocking)


def _shutdown(how: int) -> Act:
    return lambda stage: stage.ground.shutdown(how)


def _send(stage: Stage) -> Returned:
    return stage.ground.send(100)


def next_calls(stage: Stage) -> tuple[str, ...]:
    """Return what the program is told by recv(), recv() again, and send()."""
    ground = stage.ground
    if not ground.has_socket:
        return ()
    return tuple(returned for returned, _ in (ground.recv(), ground.recv(), ground.send(100)))


def _kill(stage: Stage) -> Returned:
    stage.ground.kill()
    return "", 0


def _segment(flags: str, text: bytes = b"", *, shift: int = 0, news: int | None = None) -> Act:
    """Return what lets a segment arrive: `shift` is its distance from RCV.NXT. It acknowledges
    nothing new, or, with `news`, everything and so many bytes more."""

    def act(stage: Stage) -> Returned:
        answers = stage.ground.state is SYN_SENT and flags == "RST"  # needs ACK to be believed
        stage.send(
            "RST|ACK" if answers else flags, text, at=stage.peer_nxt + shift,
            ack=stage.una if news is None else stage.peer_got + news,
        )  # fmt: skip
        return "", 0

    return act


def _fin(text: bytes = b"", *, news: int | None = None) -> Act:
    """Return what lets the peer's FIN arrive, for the first time or again."""
    first = _segment("FIN|ACK", text, news=news)
    again = _segment("FIN|ACK", text, shift=-1 - len(text), news=news)
    return lambda stage: (again if stage.ground.state in _GOT_FIN else first)(stage)


def _silence(stage: Stage) -> Returned:
    return "", 0


_TEXT: Final = bytes(100)

HAPPENINGS: Final = (
    Happening("close", "close()", _close()),
    Happening("close-unread", "close(), 100 bytes unread", _close(),
              before=Before.UNREAD, states=_READS),
    Happening("close-unsent", "close(), 200 bytes unsent", _close(),
              before=Before.UNSENT, states=_SENDS),
    Happening("close-linger-0", "close() with SO_LINGER (1, 0)",
              _close(0), states=_CONNECTING),
    Happening("close-linger-1", "close() with SO_LINGER (1, 1)",
              _close(1), states=_CONNECTING),
    Happening("close-linger-1-nonblocking", "close() with SO_LINGER (1, 1), non-blocking",
              _close(1, nonblocking=True),
              states=_CONNECTING),
    Happening("close-linger-1-acked", "close() with SO_LINGER (1, 1), everything acknowledged",
              _close(1), before=Before.ACKED, states=_SENDS),
    Happening("exit", "exit of the process", lambda stage: stage.ground.exit()),
    Happening("shutdown-write", "shutdown(SHUT_WR)", _shutdown(names.SHUT_WR)),
    Happening("shutdown-read", "shutdown(SHUT_RD)", _shutdown(names.SHUT_RD)),
    Happening("shutdown-both", "shutdown(SHUT_RDWR)", _shutdown(names.SHUT_RDWR)),
    Happening("send", "send() of 100 bytes", _send),
    Happening("recv", "recv()", lambda stage: stage.ground.recv()),
    Happening("kill", "killed by the administrator", _kill, call=False,
              states=_CONNECTING),
    Happening("ack", "ACK of everything", _segment("ACK", news=0), call=False),
    Happening("ack-unsent", "ACK of what was not sent", _segment("ACK", news=1000), call=False),
    Happening("text", "100 bytes of text", _segment("ACK", _TEXT), call=False),
    Happening("text-gap", "100 bytes behind a gap", _segment("ACK", _TEXT, shift=500), call=False),
    Happening("text-old", "1 byte that came already", _segment("ACK", b"x", shift=-1), call=False),
    Happening("fin", "FIN", _fin(), call=False),
    Happening("fin-ack", "FIN with ACK of everything", _fin(news=0), call=False,
              states=frozenset({FIN_WAIT_1})),
    Happening("fin-text", "100 bytes with FIN", _fin(_TEXT), call=False),
    Happening("rst", "RST at RCV.NXT", _segment("RST"), call=False),
    Happening("rst-window", "RST in the window", _segment("RST", shift=500), call=False),
    Happening("rst-old", "RST before the window", _segment("RST", shift=-1000), call=False),
    Happening("syn", "SYN", _segment("SYN", shift=100_000), call=False),
    Happening("syn-ack", "SYN|ACK", _segment("SYN|ACK"), call=False),
    Happening("no-flags", "100 bytes without ACK", _segment("", _TEXT), call=False),
    Happening("silence", "nothing, for ever", _silence, call=False, states=_CONNECTING),
)  # fmt: skip
"""Every row of the atlas, calls first."""

CELLS: Final = tuple(
    (position, happening)
    for position in POSITIONS for happening in HAPPENINGS if happening.applies(position)
)  # fmt: skip
"""Every cell: position by position, calls first."""
