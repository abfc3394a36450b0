"""A FIN for a connection that its program has forgotten, sent from outside.

In CLOSE-WAIT the peer has closed and waits; only our program's FIN is missing, and no timer sends
it. shutdown(2) on a borrowed descriptor does.
"""

from __future__ import annotations

import array
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lastack.state import CLOSE_WAIT, State

from .borrow import borrow
from .owners import Owner
from .row import STATES

_FIRST_BYTE: Final = 1  # tcpi_state leads struct tcp_info


@dataclass(frozen=True)
class Leak:
    """A descriptor in CLOSE-WAIT: addresses as getsockname() and getpeername() tell them.

    unread and unacknowledged are bytes. after: the state once the FIN is sent, None before.
    """

    owner: Owner
    local: tuple[str, int]
    remote: tuple[str, int]
    unread: int
    unacknowledged: int
    after: State | None = None


def send_fin(pid: int, fd: int, *, act: bool) -> Leak:
    """Look at a process's connection and, with `act`, send its FIN.

    Unread bytes stay readable, queued ones go out before the FIN, the descriptor stays open.
    Raises ValueError unless it is a TCP connection in CLOSE-WAIT; what `borrow` raises.
    """
    with borrow(pid, fd) as sock:
        owner = Owner(pid, _name_of(pid), fd)
        if sock.type != socket.SOCK_STREAM or sock.family not in (socket.AF_INET, socket.AF_INET6):
            raise ValueError(f"descriptor {fd} of {owner.name}[{pid}] is no TCP socket")
        state = _state(sock)
        if state is not CLOSE_WAIT:
            raise ValueError(
                f"descriptor {fd} of {owner.name}[{pid}] is in {state.value}, not in CLOSE-WAIT: "
                f"{_WHY_NOT.get(state, 'its peer has not closed, a FIN would cut the talk short')}"
            )
        local, remote = sock.getsockname()[:2], sock.getpeername()[:2]
        unread, unacknowledged = _queues(sock)
        after: State | None = None
        if act:
            sock.shutdown(socket.SHUT_WR)
            after = _state(sock)
        return Leak(owner, local, remote, unread, unacknowledged, after)


_WHY_NOT: Final = {
    State.LISTEN: "a listener sends no FIN",
    State.CLOSED: "there is no connection",
    State.FIN_WAIT_1: "its FIN is sent already",
    State.FIN_WAIT_2: "its FIN is sent already",
    State.CLOSING: "its FIN is sent already",
    State.LAST_ACK: "its FIN is sent already",
    State.TIME_WAIT: "its FIN is sent already",
    State.SYN_SENT: "the connection is not made yet",
    State.SYN_RECEIVED: "the connection is not made yet",
}


def _state(sock: socket.socket) -> State:
    return STATES[sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _FIRST_BYTE)[0]]


def _queues(sock: socket.socket) -> tuple[int, int]:
    """Return the bytes unread (FIONREAD) and unacknowledged (TIOCOUTQ, SIOCOUTQ in tcp(7))."""
    import fcntl  # not on every system that can import this room
    import termios

    found: list[int] = []
    for request in (termios.FIONREAD, termios.TIOCOUTQ):
        number = array.array("i", [0])
        fcntl.ioctl(sock, request, number)
        found.append(number[0])
    return found[0], found[1]


def _name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").rstrip("\n")
    except OSError:
        return "?"
