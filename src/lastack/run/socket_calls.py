"""The socket calls that can wait, as the kernel and CPython's _socket make them together.

Whether the kernel blocks is O_NONBLOCK of the file. A timeout is Python's: it sets O_NONBLOCK,
waits in poll(2) with one absolute deadline, and makes the system call then.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from lastack.sockets import (
    AGAIN,
    ERR,
    HUP,
    IN,
    OUT,
    RDHUP,
    Control,
    NotNow,
    PairEnd,
    PipeReader,
    PipeWriter,
    Received,
    TcpSocket,
    UdpSocket,
    UnixDatagram,
    UnixName,
    UnixSocket,
    check,
    os_error,
)
from lastack.sockets import names as numbers

from .arguments import End
from .baton import SimThread, here, spin
from .blocking import wait
from .messages import close_rights, files_of

T = TypeVar("T")
Accepting = TypeVar("Accepting", TcpSocket, UnixSocket)
Stream = TcpSocket | UdpSocket | PairEnd | UnixDatagram | PipeReader | PipeWriter

_NO_MATTER: Final = 0x4040890 | numbers.MSG_PEEK | numbers.MSG_TRUNC | numbers.MSG_WAITALL | 0x0C
"""These, and MSG_DONTROUTE, MSG_CTRUNC, MSG_PROXY, MSG_EOR, MSG_CONFIRM, MSG_BATCH, MSG_ZEROCOPY,
change nothing about a send, on Linux as here (docs/kernel-notes/calls.md)."""
_SENDING: Final = (
    numbers.MSG_OOB | numbers.MSG_DONTWAIT | numbers.MSG_NOSIGNAL | numbers.MSG_MORE | _NO_MATTER
)
_RECEIVING: Final = (
    numbers.MSG_OOB | numbers.MSG_PEEK | numbers.MSG_TRUNC | numbers.MSG_DONTWAIT
    | numbers.MSG_NOSIGNAL | numbers.MSG_WAITALL | numbers.MSG_ERRQUEUE
    | numbers.MSG_CMSG_CLOEXEC | 0x04
)  # fmt: skip
_FINISHED: Final = -1


def deadline(thread: SimThread, timeout: int | None) -> int | None:
    """Return the time at which a call that starts now times out; None for no timeout.

    A timeout of 0 is none either: such a socket is non-blocking.
    """
    return thread.world.now + timeout if timeout else None


def perform(
    thread: SimThread, file: Stream, until: int | None, bits: int,
    attempt: Callable[[int], T | NotNow], call: str,
    *, dontwait: bool = False, exclusive: bool = False, give_up: int | None = None,
) -> T:  # fmt: skip
    """Make a call that may wait for `bits`. TimeoutError, or EAGAIN where it must not wait, and
    when SO_RCVTIMEO or SO_SNDTIMEO is over: at `give_up`, by default counted from now."""
    world, node = thread.world, thread.process.node
    while True:
        if until is not None:
            poll_until(file, bits, until, call)
        if not (file.nonblocking or dontwait):
            what = partial(_told, call, file)
            limit = file.waits_until(bits, world.now) if give_up is None else give_up
            answer = wait(thread, attempt, file, bits, limit, exclusive=exclusive, what=what)
            if answer is AGAIN:
                raise os_error(errno.EAGAIN)
            return answer
        answer = world.step(node, attempt)
        if answer is not AGAIN:
            return answer
        if until is None:
            spin()
            raise os_error(errno.EAGAIN)
        if file.mask(world.now) & bits:
            # Ready, and yet not (UDP after SHUT_RD). The interpreter asks again and again until
            # its time is over; only news can change the answer.
            world.park(((file, bits),), until, what=partial(_told, call, file))
            if world.now >= until:
                raise TimeoutError("timed out")


def poll_until(file: Stream, bits: int, until: int, call: str) -> None:
    """Wait as poll(2) does until the file is ready; TimeoutError when time `until` comes first."""
    world = here().world
    while not file.mask(world.now) & (bits | ERR | HUP):
        if world.now >= until:
            raise TimeoutError("timed out")
        world.park(((file, bits),), until, what=partial(_told, call, file, " with a timeout"))


def _told(call: str, file: Stream, how: str = "") -> str:
    """Say what a thread waits for."""
    return f"{call}(){how} on {file.describe()}"


def connect(file: TcpSocket, timeout: int | None, end: End) -> None:
    """connect(2), and the wait for the handshake."""
    thread = here()
    world, node = thread.world, thread.process.node
    under_way = file.connecting
    try:
        answer = world.step(node, partial(file.connect, end.address, end.port, scope=end.scope))
    except OSError as error:
        if error.errno == errno.EALREADY:
            spin()
        raise
    if answer is not AGAIN:
        return
    if not file.nonblocking:
        limit, what = file.waits_until(OUT, world.now), partial(_told, "connect", file)
        if wait(thread, file.connected, file, OUT, limit, what=what) is AGAIN:
            raise os_error(errno.EALREADY if under_way else errno.EINPROGRESS)
        return
    until = deadline(thread, timeout)
    if until is None:
        raise os_error(errno.EINPROGRESS)
    poll_until(file, OUT, until, "connect")
    number = world.step(node, file.take_error)
    if number:
        raise os_error(number)


def accept(thread: SimThread, file: Accepting, timeout: int | None) -> Accepting:
    """accept(2); of several threads that block here one is woken for each connection."""
    until = deadline(thread, timeout)
    return perform(thread, file, until, IN, file.accept, "accept", exclusive=True)


def send(
    thread: SimThread, file: Stream, until: int | None, view: memoryview, flags: int,
    call: str = "send", control: Sequence[Control] = (),
) -> int:  # fmt: skip
    """send(2): all of it where the kernel blocks, else what there is room for. `control` is that
    of sendmsg(2); its descriptors travel with the first byte."""
    if flags:
        zerocopy = numbers.MSG_ZEROCOPY if isinstance(file, TcpSocket) else 0
        _check(flags, _SENDING | zerocopy)
    dontwait = bool(flags & numbers.MSG_DONTWAIT)
    attempt = _sending(file, view, flags, control) if control else partial(file.send, view, flags)
    if file.nonblocking or dontwait:
        return perform(thread, file, until, OUT, attempt, call, dontwait=dontwait)
    give_up = file.waits_until(OUT, thread.world.now)
    sent = perform(thread, file, None, OUT, attempt, call, give_up=give_up)
    while sent < len(view):
        with view[sent:] as rest:
            attempt = partial(_send_rest, file, rest, flags, control)
            try:
                taken = perform(thread, file, None, OUT, attempt, call, give_up=give_up)
            except OSError:
                break
        if taken == _FINISHED:
            break
        sent += taken
    return sent


def _sending(
    file: Stream, view: memoryview, flags: int, control: Sequence[Control]
) -> Callable[[int], int | NotNow]:
    """Return the first attempt of a send with control data; its descriptors travel with the first
    byte."""
    if isinstance(file, TcpSocket):
        check(control)
    elif isinstance(file, UdpSocket):
        return partial(file.send, view, flags, control=control)
    elif isinstance(file, PairEnd | UnixDatagram):
        return partial(file.send, view, flags, rights=files_of(control))
    return partial(file.send, view, flags)


def _send_rest(
    file: Stream, rest: memoryview, flags: int, control: Sequence[Control], now: int
) -> int | NotNow:
    """Send on. An error that comes after some bytes were taken is for the next call to tell."""
    only_told = (  # that a send is done
        isinstance(file, TcpSocket)
        and file.endpoint is not None
        and not file.endpoint.connection.error
    )
    if file.mask(now) & ERR and not only_told:
        return _FINISHED
    if isinstance(file, UdpSocket):
        return file.send(rest, flags, now, control=control)
    return file.send(rest, flags & ~numbers.MSG_ZEROCOPY, now)  # one call, one notification


def sendall(
    thread: SimThread, file: Stream, timeout: int | None, view: memoryview, flags: int
) -> None:
    """socket.sendall: send(2) again and again, with one deadline for all."""
    until = deadline(thread, timeout) if timeout else None
    sent = send(thread, file, until, view, flags, "sendall")
    while sent < len(view):
        with view[sent:] as rest:
            sent += send(thread, file, until, rest, flags, "sendall")


def recv(
    thread: SimThread, file: Stream, timeout: int | None, size: int, flags: int, call: str = "recv"
) -> bytes:
    """recv(2): b"" is the end. MSG_WAITALL waits for `size` bytes where the kernel blocks."""
    received = recv_from(thread, file, timeout, size, flags, call)
    close_rights(received)
    return received.text


def recv_from(
    thread: SimThread, file: Stream, timeout: int | None, size: int, flags: int, call: str,
    room: int = 0,
) -> Received:  # fmt: skip
    """recvmsg(2); MSG_WAITALL makes no difference to a datagram. `room`: for control data. The
    caller takes over the files in `rights`."""
    _check(flags, _RECEIVING)
    if flags & numbers.MSG_ERRQUEUE:
        if not isinstance(file, TcpSocket):
            raise os_error(errno.EAGAIN)  # nothing asked for an error queue: it is empty
        return file.recv_error(size, room, thread.world.now)
    dontwait = bool(flags & numbers.MSG_DONTWAIT)
    give_up = file.waits_until(IN, thread.world.now)
    whole = bool(flags & numbers.MSG_WAITALL) and not (file.nonblocking or dontwait)
    whole = whole and not isinstance(file, UdpSocket | UnixDatagram)
    peeks = bool(flags & numbers.MSG_PEEK)

    def attempt(now: int) -> Received | NotNow:
        if whole and peeks and _more_may_come(file, size, now) and now < give_up:
            return AGAIN
        return _receive(file, size, flags, room, now)

    until = deadline(thread, timeout)
    received = perform(thread, file, until, IN, attempt, call, dontwait=dontwait, give_up=give_up)
    if whole and not peeks and not received.rights:
        return _rest(thread, file, received, size, flags, room, call, give_up)
    return received


def _receive(file: Stream, size: int, flags: int, room: int, now: int) -> Received | NotNow:
    if isinstance(file, UdpSocket):
        return file.recv_from(size, flags, now, room=room)
    if isinstance(file, PairEnd | UnixDatagram):
        return file.recv_from(size, flags, now)
    data = file.recv(size, flags, now)
    if data is AGAIN:
        return AGAIN
    control, told = file.brought(room) if isinstance(file, TcpSocket) else ((), 0)
    return Received(data, len(data), None, control, told)


def _more_may_come(file: Stream, size: int, now: int) -> bool:
    unread = file.ioctl(numbers.SIOCINQ) if isinstance(file, TcpSocket | UdpSocket) else None
    if unread is None:
        unread = file.unread() if isinstance(file, PairEnd | PipeReader | PipeWriter) else 0
    return unread - file.peek_from < size and not file.mask(now) & (ERR | HUP | RDHUP)


def _rest(
    thread: SimThread, file: Stream, first: Received, size: int, flags: int, room: int, call: str,
    give_up: int,
) -> Received:  # fmt: skip
    """Go on as MSG_WAITALL does until `size` bytes are there, the end, an error or the limit."""
    parts, missing, rights = [first.text], size - len(first.text), first.rights
    last = first
    while missing > 0 and parts[-1] and not rights:

        def attempt(now: int, missing: int = missing) -> Received | NotNow:
            if file.mask(now) & ERR:
                return Received(b"", 0, None)
            return _receive(file, missing, flags, room, now)

        try:
            received = perform(thread, file, None, IN, attempt, call, give_up=give_up)
        except OSError:
            break  # what has come is returned; the error is for the next call
        last = received
        parts.append(received.text)
        rights = received.rights
        missing -= len(received.text)
    text = b"".join(parts)
    return Received(text, len(text), None, last.control, last.flags, rights)


def send_to(
    thread: SimThread, file: UdpSocket, until: int | None, view: memoryview, flags: int, end: End,
    call: str, control: Sequence[Control] = (),
) -> int:  # fmt: skip
    """sendto(2) of a datagram to an address; `control` is that of sendmsg(2)."""
    _check(flags, _SENDING)
    send = partial(
        file.send_to, view, flags, end.address, end.port, control=control, scope=end.scope
    )
    dontwait = bool(flags & numbers.MSG_DONTWAIT)
    return perform(thread, file, until, OUT, send, call, dontwait=dontwait)


def send_to_name(
    thread: SimThread, file: UnixDatagram, until: int | None, view: memoryview, flags: int,
    find: Callable[[], UnixName | None], call: str, control: Sequence[Control] = (),
) -> int:  # fmt: skip
    """sendto(2) of a datagram to a name of AF_UNIX, which `find` looks up each time."""
    _check(flags, _SENDING)
    rights = files_of(control)

    def attempt(now: int) -> int | NotNow:
        return file.send_to(view, flags, find(), now, rights=rights)

    dontwait = bool(flags & numbers.MSG_DONTWAIT)
    return perform(thread, file, until, OUT, attempt, call, dontwait=dontwait)


def _check(flags: int, supported: int) -> None:
    """Refuse flags that would change what the call does and are not there."""
    if flags & ~supported:
        raise os_error(errno.EOPNOTSUPP)
