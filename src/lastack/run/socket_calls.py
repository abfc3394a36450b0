"""The socket calls that can wait, as the kernel and CPython's _socket make them together.

Whether the kernel blocks is O_NONBLOCK of the file. A timeout is Python's: it sets O_NONBLOCK,
waits in poll(2) with one absolute deadline, and makes the system call then.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Final, TypeVar

from lastack.sockets import (
    AGAIN,
    ERR,
    HUP,
    IN,
    OUT,
    NotNow,
    PairEnd,
    PipeReader,
    PipeWriter,
    Received,
    TcpSocket,
    UdpSocket,
    UnixSocket,
    os_error,
)
from lastack.sockets import names as numbers

from .baton import here, spin
from .blocking import wait

T = TypeVar("T")
Accepting = TypeVar("Accepting", TcpSocket, UnixSocket)
Stream = TcpSocket | UdpSocket | PairEnd | PipeReader | PipeWriter

MSG_WAITALL: Final = 0x100
_SUPPORTED: Final = (
    numbers.MSG_OOB | numbers.MSG_PEEK | numbers.MSG_DONTWAIT | numbers.MSG_NOSIGNAL | MSG_WAITALL
)  # fmt: skip
_FINISHED: Final = -1


def deadline(timeout: int | None) -> int | None:
    """Return the time at which a call that starts now times out; None for no timeout.

    A timeout of 0 is none either: such a socket is non-blocking.
    """
    return here().world.now + timeout if timeout else None


def perform(
    file: Stream, until: int | None, bits: int, attempt: Callable[[int], T | NotNow], call: str,
    *, dontwait: bool = False, exclusive: bool = False,
) -> T:  # fmt: skip
    """Make a call that may wait for `bits`. TimeoutError, or EAGAIN where it must not wait."""
    thread = here()
    world, node = thread.world, thread.process.node
    while True:
        if until is not None:
            poll_until(file, bits, until, call)
        answer = world.step(node, attempt)
        if answer is not AGAIN:
            return answer
        if not (file.nonblocking or dontwait):
            what = f"{call}() on {file.describe()}"
            answer = wait(attempt, node, file, bits, exclusive=exclusive, what=what)
            assert answer is not AGAIN, "a wait without a limit ended without an answer"
            return answer
        if until is None:
            spin()
            raise os_error(errno.EAGAIN)
        if file.mask(world.now) & bits:
            # Ready, and yet not (UDP after SHUT_RD). The interpreter asks again and again until
            # its time is over; only news can change the answer.
            world.park(((file, bits),), until, what=f"{call}() on {file.describe()}")
            if world.now >= until:
                raise TimeoutError("timed out")


def poll_until(file: Stream, bits: int, until: int, call: str) -> None:
    """Wait as poll(2) does until the file is ready; TimeoutError when time `until` comes first."""
    world = here().world
    while not file.mask(world.now) & (bits | ERR | HUP):
        if world.now >= until:
            raise TimeoutError("timed out")
        what = f"{call}() with a timeout on {file.describe()}"
        world.park(((file, bits),), until, what=what)


def connect(file: TcpSocket, timeout: int | None, address: bytes, port: int) -> None:
    """connect(2), and the wait for the handshake."""
    thread = here()
    world, node = thread.world, thread.process.node
    try:
        answer = world.step(node, file.connect, address, port)
    except OSError as error:
        if error.errno == errno.EALREADY:
            spin()
        raise
    if answer is not AGAIN:
        return
    if not file.nonblocking:
        wait(file.connected, node, file, OUT, what=f"connect() on {file.describe()}")
        return
    until = deadline(timeout)
    if until is None:
        raise os_error(errno.EINPROGRESS)
    poll_until(file, OUT, until, "connect")
    number = world.step(node, file.take_error)
    if number:
        raise os_error(number)


def accept(file: Accepting, timeout: int | None) -> Accepting:
    """accept(2); of several threads that block here one is woken for each connection."""
    return perform(file, deadline(timeout), IN, file.accept, "accept", exclusive=True)


def send(file: Stream, until: int | None, view: memoryview, flags: int, call: str = "send") -> int:
    """send(2): all of it where the kernel blocks, else what there is room for."""
    _check(flags)
    dontwait = bool(flags & numbers.MSG_DONTWAIT)
    if file.nonblocking or dontwait:
        return perform(
            file, until, OUT, lambda now: file.send(view, flags, now), call, dontwait=dontwait
        )
    sent = 0
    while True:
        with view[sent:] as rest:

            def attempt(now: int, sent: int = sent, rest: memoryview = rest) -> int | NotNow:
                # An error that comes after some bytes were taken is for the next call to tell.
                if sent and file.mask(now) & ERR:
                    return _FINISHED
                return file.send(rest, flags, now)

            try:
                taken = perform(file, None, OUT, attempt, call)
            except OSError:
                if sent:
                    return sent
                raise
        if taken == _FINISHED:
            return sent
        sent += taken
        if sent >= len(view):
            return sent


def sendall(file: Stream, timeout: int | None, view: memoryview, flags: int) -> None:
    """socket.sendall: send(2) again and again, with one deadline for all."""
    until = deadline(timeout)
    sent = 0
    while True:
        with view[sent:] as rest:
            sent += send(file, until, rest, flags, "sendall")
        if sent >= len(view):
            return


def recv(file: Stream, timeout: int | None, size: int, flags: int, call: str = "recv") -> bytes:
    """recv(2): b"" is the end. MSG_WAITALL waits for `size` bytes where the kernel blocks."""
    if isinstance(file, UdpSocket):
        return recv_from(file, timeout, size, flags, call).text
    _check(flags)
    dontwait = bool(flags & numbers.MSG_DONTWAIT)
    until = deadline(timeout)
    data = perform(
        file, until, IN, lambda now: file.recv(size, flags, now), call, dontwait=dontwait
    )
    if not flags & MSG_WAITALL or flags & numbers.MSG_PEEK or file.nonblocking or dontwait:
        return data
    parts = [data]
    missing = size - len(data)
    while missing > 0 and parts[-1]:

        def attempt(now: int, missing: int = missing) -> bytes | NotNow:
            return b"" if file.mask(now) & ERR else file.recv(missing, flags, now)

        try:
            parts.append(perform(file, None, IN, attempt, call))
        except OSError:
            break  # what has come is returned; the error is for the next call
        missing -= len(parts[-1])
    return b"".join(parts)


def recv_from(file: UdpSocket, timeout: int | None, size: int, flags: int, call: str) -> Received:
    """recvfrom(2) of a datagram; MSG_WAITALL makes no difference to one."""
    _check(flags)
    return perform(
        file, deadline(timeout), IN, lambda now: file.recv_from(size, flags, now), call,
        dontwait=bool(flags & numbers.MSG_DONTWAIT),
    )  # fmt: skip


def send_to(
    file: UdpSocket, timeout: int | None, view: memoryview, flags: int, end: tuple[bytes, int],
    call: str,
) -> int:  # fmt: skip
    """sendto(2) of a datagram to (address, port)."""
    _check(flags)
    return perform(
        file, deadline(timeout), OUT, lambda now: file.send_to(view, flags, *end, now), call,
        dontwait=bool(flags & numbers.MSG_DONTWAIT),
    )  # fmt: skip


def _check(flags: int) -> None:
    """Refuse flags that would change what the call does and are not there."""
    if flags & ~_SUPPORTED:
        raise os_error(errno.EOPNOTSUPP)
