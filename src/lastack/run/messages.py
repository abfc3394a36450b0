"""Control data of sendmsg and recvmsg, as programs see it: descriptors and their files."""

from __future__ import annotations

import array
import errno
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from lastack.sockets import ClosePlan, Control, File, Received, check, os_error, room_for_rights
from lastack.sockets import names as numbers

from . import arguments
from .account import give_back
from .baton import here
from .process import FIRST_DESCRIPTOR

_INT: Final = 4
_RIGHTS: Final = numbers.SOL_SOCKET, numbers.SCM_RIGHTS
Ancillary = list[tuple[int, int, bytes]]


class RealFile(File):
    """A file of the real world on its way in a message (SCM_RIGHTS): a duplicate, from the moment
    on at which it leaves. OSError for a descriptor of none."""

    def __init__(self, fd: int) -> None:
        super().__init__()
        self.fd = fd
        os.fstat(fd)

    def hold(self) -> None:
        """Take a reference; the first one is the message."""
        if not self.refs:
            self.fd = os.dup(self.fd)
        super().hold()

    def release(self, now: int, *, exiting: bool = False) -> ClosePlan | None:
        """Nobody received it, or everybody has a duplicate."""
        os.close(self.fd)
        return None


def items(ancdata: object) -> list[Control]:
    """Return the control data of sendmsg() as bytes; TypeError as the interpreter raises it."""
    if not isinstance(ancdata, Iterable):
        raise TypeError("sendmsg() argument 2 must be an iterable")
    return [_item(one) for one in ancdata]


def _item(one: Any) -> Control:
    if not isinstance(one, tuple | list) or len(one) != 3:
        raise TypeError("[sendmsg() ancillary data items] must be sequences of length 3")
    level, kind, data = one
    with arguments.readable(data) as view:
        return arguments.c_int(level), arguments.c_int(kind), bytes(view)


def files_of(control: Sequence[Control]) -> list[File]:
    """Return the files that SCM_RIGHTS names; EBADF for a descriptor of none, EINVAL for other
    control data: a socketpair carries nothing else here."""
    files: list[File] = []
    for level, kind, data in check(control):
        if (level, kind) != _RIGHTS:
            raise os_error(errno.EINVAL)
        for fd in array.array("i", data[: len(data) // _INT * _INT]):
            files.append(here().process.descriptors.get(fd) or _real_file(fd))
    return files


def _real_file(fd: int) -> RealFile:
    if 0 <= fd < FIRST_DESCRIPTOR:
        with suppress(OSError):
            return RealFile(fd)
    raise os_error(errno.EBADF)


def _receive(file: File) -> int:
    """Return the descriptor that a program gets for a file."""
    return os.dup(file.fd) if isinstance(file, RealFile) else here().process.add(file)


def unpacked(received: Received, room: int) -> tuple[Ancillary, int]:
    """Return control data and msg_flags for a program that gave `room` octets; descriptors that
    do not fit are closed."""
    control: Ancillary = list(received.control)
    flags = received.flags
    files = received.rights
    taken = files[: room_for_rights(room)]
    if taken:
        fds = array.array("i", map(_receive, taken))
        control.append((*_RIGHTS, fds.tobytes()))
    if len(taken) < len(files):
        flags |= numbers.MSG_CTRUNC
    close_rights(received)
    return control, flags


def close_rights(received: Received) -> None:
    """Give back what holds the files of a message; a call without control data closes them."""
    for file in received.rights:
        give_back(file, here())
