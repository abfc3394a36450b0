"""SO_REUSEADDR put on a running server's sockets, so that its next start can bind.

On Linux both sockets must have the option: the new one, and whatever the old server leaves behind.
A connection inherits it from its listener when it is made and takes it along into TIME-WAIT, so it
has to be set while descriptors exist. socket(7), SO_REUSEADDR; docs/kernel-notes/bind.md.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from .borrow import borrow
from .diag import sockets
from .namespaces import Namespace
from .owners import Owner, owners
from .row import Row

_SO_COOKIE: Final = 57  # asm-generic/socket.h; the module socket does not name it


class Reach(Enum):
    """Whether a socket can be helped."""

    HAS_IT = "has-it"
    CAN_BE_SET = "can-be-set"
    SET = "set"
    NO_DESCRIPTOR = "no-descriptor"
    REFUSED = "refused"


@dataclass(frozen=True)
class Lent:
    """A socket on the port. error is why its descriptor could not be borrowed, else ""."""

    row: Row
    owner: Owner | None
    reach: Reach
    error: str = ""


def reuse_plan(port: int, *, namespace: Namespace | None = None) -> list[Lent]:
    """Look which sockets with this local port have SO_REUSEADDR, and which could be given it.

    Raises ValueError when there is none.
    """
    rows = [row for row in sockets(f"sport = :{port}", namespace=namespace) if row.raw[1] != 12]
    if not rows:
        raise ValueError(f"no TCP socket here has the port {port}")
    whose = owners({row.inode for row in rows if row.inode})
    return [_looked_at(row, whose.get(row.inode, ())) for row in rows]


def reuse_set(plan: Sequence[Lent]) -> list[Lent]:
    """Set the option where the plan says that it can be; return what came of it."""
    return [_set(lent) if lent.reach is Reach.CAN_BE_SET else lent for lent in plan]


def _looked_at(row: Row, whose: tuple[Owner, ...]) -> Lent:
    if not row.inode:
        return Lent(row, None, Reach.NO_DESCRIPTOR)
    if not whose:
        return Lent(row, None, Reach.REFUSED, f"no process of uid {row.uid} shows it to this user")
    try:
        with borrow(whose[0].pid, whose[0].fd) as borrowed:
            has = borrowed.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
    except OSError as error:
        return Lent(row, whose[0], Reach.REFUSED, error.strerror or str(error))
    return Lent(row, whose[0], Reach.HAS_IT if has else Reach.CAN_BE_SET)


def _set(lent: Lent) -> Lent:
    owner = lent.owner
    if owner is None:
        return lent
    try:
        with borrow(owner.pid, owner.fd) as borrowed:
            # the descriptor may have been closed and given to another socket since the plan
            if cookie_of(borrowed) != lent.row.cookie:
                return replace(lent, reach=Reach.NO_DESCRIPTOR)
            borrowed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    except ProcessLookupError:
        return replace(lent, reach=Reach.NO_DESCRIPTOR)
    except OSError as error:
        return replace(lent, reach=Reach.REFUSED, error=error.strerror or str(error))
    return replace(lent, reach=Reach.SET)


def cookie_of(sock: socket.socket) -> int:
    """Return the kernel's number for a socket, SO_COOKIE, the one that sock_diag(7) tells."""
    return int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, 8), sys.byteorder)
