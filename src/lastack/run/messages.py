"""Control data of sendmsg and recvmsg, as programs see it: descriptors and their files."""

from __future__ import annotations

import array
import errno
from collections.abc import Iterable, Sequence
from typing import Any, Final

from lastack.sockets import Control, File, Received, check, os_error, room_for_rights
from lastack.sockets import names as numbers

from . import arguments
from .account import give_back
from .baton import here

_INT: Final = 4
_RIGHTS: Final = numbers.SOL_SOCKET, numbers.SCM_RIGHTS
Ancillary = list[tuple[int, int, bytes]]


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
    """Return the files that SCM_RIGHTS names; EBADF for a descriptor that is none of the
    simulation, EINVAL for other control data: a socketpair carries nothing else here."""
    files: list[File] = []
    for level, kind, data in check(control):
        if (level, kind) != _RIGHTS:
            raise os_error(errno.EINVAL)
        for fd in array.array("i", data[: len(data) // _INT * _INT]):
            file = here().process.descriptors.get(fd)
            if file is None:
                raise os_error(errno.EBADF)
            files.append(file)
    return files


def unpacked(received: Received, room: int) -> tuple[Ancillary, int]:
    """Return control data and msg_flags for a program that gave `room` octets; descriptors that
    do not fit are closed."""
    control: Ancillary = list(received.control)
    flags = received.flags
    files = received.rights
    taken = files[: room_for_rights(room)]
    if taken:
        process = here().process
        fds = array.array("i", [process.add(file) for file in taken])
        control.append((*_RIGHTS, fds.tobytes()))
    if len(taken) < len(files):
        flags |= numbers.MSG_CTRUNC
    close_rights(received)
    return control, flags


def close_rights(received: Received) -> None:
    """Give back what holds the files of a message; a call without control data closes them."""
    for file in received.rights:
        give_back(file, here())
