"""What can happen to a connection in the atlas: a call of the program, a segment, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lastack.sockets import AGAIN, TcpSocket, names
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

from .atlas_stage import Before, Position, Stage
from .play import errno_name

Returned = tuple[str, int]
"""What a call returned ("0", "ECONNRESET", "100 bytes"), and the ns that it took."""
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


def _called(stage: Stage, call: str, text: str, attempt: Callable[[TcpSocket], object]) -> Returned:
    """Make a call; on the ladder it stands with its result."""
    sock, begun = stage.sock, stage.now
    assert sock is not None
    sock.called(call, text, "", begun)
    try:
        value = attempt(sock)
    except OSError as error:
        number = error.errno or 0
        sock.returned(call, errno_name(number), number, stage.now)
        stage.flush()
        return errno_name(number), stage.now - begun
    told = _told(value)
    sock.returned(call, told, 0, stage.now)
    stage.flush()
    return told, stage.now - begun


def _told(value: object) -> str:
    if value is AGAIN:
        return "EAGAIN"
    if isinstance(value, bytes):
        return f"{len(value)} bytes" if value else "EOF"
    if isinstance(value, int) and value:
        return f"{value} bytes"
    return "0"


def _close(call: str, text: str, *, exiting: bool = False, nonblocking: bool = False,
           linger: int | None = None) -> Act:  # fmt: skip
    def act(stage: Stage) -> Returned:
        sock, begun = stage.sock, stage.now
        assert sock is not None
        if linger is not None:
            try:
                stage.linger(linger)
            except OSError as error:
                return f"setsockopt() = {errno_name(error.errno or 0)}", 0
        sock.nonblocking = nonblocking
        sock.called(call, text, "", begun)
        number, took = stage.drop(exiting=exiting)
        told = errno_name(number) or "0"
        sock.returned(call, told, number, stage.now)
        return told, took

    return act


def _shutdown(how: int, name: str) -> Act:
    text = f"shutdown({name})"
    return lambda stage: _called(
        stage, "shutdown", text, lambda sock: sock.shutdown(how, stage.now)
    )


def _send(stage: Stage) -> Returned:
    return _called(stage, "send", "send 100", lambda sock: sock.send(bytes(100), 0, stage.now))


def _recv(stage: Stage) -> Returned:
    return _called(stage, "recv", "recv", lambda sock: sock.recv(4096, 0, stage.now))


def next_calls(stage: Stage) -> tuple[str, ...]:
    """Return what the program is told by recv(), recv() again, and send()."""
    if stage.sock is None or stage.sock.listening:
        return ()
    return tuple(call(stage)[0] for call in (_recv, _recv, _send))


def _kill(stage: Stage) -> Returned:
    stage.host.kill(stage.conn, stage.now)
    stage.flush()
    return "", 0


def _segment(flags: str, text: bytes = b"", *, shift: int = 0, news: int | None = None) -> Act:
    """Return what lets a segment arrive: `shift` is its distance from RCV.NXT. It acknowledges
    nothing new, or, with `news`, everything and so many bytes more."""

    def act(stage: Stage) -> Returned:
        answers = stage.state is SYN_SENT and flags == "RST"  # which needs ACK to be believed
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
    return lambda stage: (again if stage.state in _GOT_FIN else first)(stage)


def _silence(stage: Stage) -> Returned:
    return "", 0


_TEXT: Final = bytes(100)

HAPPENINGS: Final = (
    Happening("close", "close()", _close("close", "close")),
    Happening("close-unread", "close(), 100 bytes unread", _close("close", "close"),
              before=Before.UNREAD, states=_READS),
    Happening("close-unsent", "close(), 200 bytes unsent", _close("close", "close"),
              before=Before.UNSENT, states=_SENDS),
    Happening("close-linger-0", "close() with SO_LINGER (1, 0)",
              _close("close", "close", linger=0), states=_CONNECTING),
    Happening("close-linger-1", "close() with SO_LINGER (1, 1)",
              _close("close", "close", linger=1), states=_CONNECTING),
    Happening("close-linger-1-nonblocking", "close() with SO_LINGER (1, 1), non-blocking",
              _close("close", "close", linger=1, nonblocking=True),
              states=_CONNECTING),
    Happening("close-linger-1-acked", "close() with SO_LINGER (1, 1), everything acknowledged",
              _close("close", "close", linger=1), before=Before.ACKED, states=_SENDS),
    Happening("exit", "exit of the process", _close("exit", "exit", exiting=True)),
    Happening("shutdown-write", "shutdown(SHUT_WR)", _shutdown(names.SHUT_WR, "SHUT_WR")),
    Happening("shutdown-read", "shutdown(SHUT_RD)", _shutdown(names.SHUT_RD, "SHUT_RD")),
    Happening("shutdown-both", "shutdown(SHUT_RDWR)", _shutdown(names.SHUT_RDWR, "SHUT_RDWR")),
    Happening("send", "send() of 100 bytes", _send),
    Happening("recv", "recv()", _recv),
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
