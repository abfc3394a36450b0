"""Inside a program on the kernel: writes down its socket calls. Nothing of lastack is imported.

`startup` loads this before the program begins (see `records`). The methods of
Python's `socket.socket` are wrapped, and each call on a TCP socket becomes two lines in a file, as
it begins and as it ends, with the kernel's clock, so that they can be laid beside the packets.
Bytes that C code moves by itself (TLS over a blocking socket) are not seen; a socket that was
handed over like that is said to be so.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

RECORD = "LASTACK_RECORD"
"""The variable of the environment that names the file."""
GATE = ".gate"
"""The program may run when a file of that name and this ending is there."""
_HIGH = 900
"""Descriptors of ours are above those that a program is likely to count."""


class Recorder:
    """Writes lines (ns, pid, thread, "call" or "end", name, flow, details)."""

    def __init__(self, path: str) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.fd = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH)
        os.close(fd)
        self.flows: dict[int, tuple[str, int, str, int]] = {}

    def write(self, kind: str, name: str, fd: int, **details: object) -> None:
        """Write one line."""
        row = (
            time.time_ns(), os.getpid(), threading.get_ident(), kind, name, fd,
            self.flows.get(fd), details,
        )  # fmt: skip
        os.write(self.fd, repr(row).encode() + b"\n")

    def learn(self, sock: socket.socket, peer: Any = None) -> None:
        """Note whose connection a descriptor is; `peer` is who connect() was asked for."""
        try:
            here, there = sock.getsockname(), sock.getpeername()
        except OSError:
            if not isinstance(peer, tuple):
                return
            here, there = sock.getsockname(), peer
            if here[0] in ("0.0.0.0", "::", "::ffff:0.0.0.0"):
                return  # refused: the address is given back
        self.flows[sock.fileno()] = (here[0], here[1], there[0], there[1])


def begin_process(_directory: str) -> None:
    """Wrap the calls, and wait until the gate is there: the interpreter is up before the program
    may run."""
    path, parent = os.environ[RECORD], os.getppid()
    recorder = Recorder(path)
    original = {name: getattr(socket.socket, name) for name in _CALLS}

    def wrap(name: str, told: Callable[..., dict[str, object]]) -> None:
        call = original[name]

        def wrapper(self: socket.socket, *args: Any, **more: Any) -> Any:
            fd = self.fileno()
            if self.type != socket.SOCK_STREAM or self.family not in _FAMILIES or fd < 0:
                return call(self, *args, **more)
            connects = name in ("connect", "connect_ex")
            wanted = args[0] if connects and args else None
            if connects or name in ("bind", "listen"):
                recorder.flows.pop(fd, None)  # of a socket that was closed unseen
            if fd not in recorder.flows and name.startswith(("send", "recv")):
                recorder.learn(self)  # a descriptor made by dup(), or one that came from elsewhere
            recorder.write("call", name, fd, **_asked(name, args, more))
            try:
                result = call(self, *args, **more)
            except BaseException as error:
                if connects:
                    recorder.learn(self, wanted)
                recorder.write("end", name, fd, errno=_number(error), error=type(error).__name__)
                raise
            if connects:
                recorder.learn(self, wanted)
            recorder.write("end", name, fd, **told(result))
            return result

        wrapper.__name__ = name
        setattr(socket.socket, name, wrapper)

    for name, told in _CALLS.items():
        wrap(name, told)
    _wrap_sendall(recorder)
    _wrap_accept(recorder)
    _wrap_close(recorder)
    _wrap_option(recorder)
    while not os.path.exists(path + GATE):
        if os.getppid() != parent or not os.path.isdir(os.path.dirname(path)):
            os._exit(1)  # the command was interrupted, and nobody will open the gate
        time.sleep(0.001)


def _number(error: BaseException) -> int:
    """Return the errno of a call that failed, 0 where it was never made: its name was not found."""
    if isinstance(error, (socket.gaierror, socket.herror)):
        return 0
    return getattr(error, "errno", None) or 0


_FAMILIES = (socket.AF_INET, socket.AF_INET6)


_FLAGS = {"recv": 1, "recvfrom": 1, "recv_into": 2, "recvfrom_into": 2, "recvmsg": 2}
"""Where the flags stand among the arguments."""


def _peeks(name: str, args: tuple[Any, ...], more: dict[str, Any]) -> bool:
    """Whether a call leaves what it returns."""
    place = _FLAGS.get(name, len(args))
    flags = args[place] if place < len(args) else more.get("flags", 0)
    return bool(isinstance(flags, int) and flags & socket.MSG_PEEK)


def _asked(name: str, args: tuple[Any, ...], more: dict[str, Any]) -> dict[str, object]:
    if name in ("connect", "connect_ex", "bind") and args:
        return {"address": _address(args[0])}
    if name.startswith("send") and args:
        return {"size": _length(args[0])}
    if name.startswith("recv") and args:
        size = int(args[0]) if isinstance(args[0], int) else _length(args[0])
        return {"size": size, "peek": _peeks(name, args, more)}
    return {}


def _address(given: Any) -> tuple[str, int] | None:
    """Return host and port as plain values, which a line can hold (a port may be of an IntEnum);
    None for what is no address, which the call will refuse."""
    if not isinstance(given, tuple) or len(given) < 2:
        return None
    host, port = given[:2]
    if isinstance(host, (bytes, bytearray)):
        host = bytes(host).decode(errors="replace")
    if not isinstance(host, str) or not isinstance(port, int):
        return None
    return "".join(host), int(port)


def _length(value: Any) -> int:
    try:
        return memoryview(value).nbytes
    except TypeError:
        return 0


def _moved(result: Any) -> dict[str, object]:
    return {"moved": result}


def _received(result: Any) -> dict[str, object]:
    return {"moved": len(result)}


def _received_from(result: Any) -> dict[str, object]:
    return {"moved": len(result[0]) if isinstance(result[0], bytes) else result[0]}


def _errno(result: Any) -> dict[str, object]:
    return {"errno": result}


def _nothing(_: Any) -> dict[str, object]:
    return {}


_CALLS: dict[str, Callable[..., dict[str, object]]] = {
    "bind": _nothing, "listen": _nothing, "connect": _nothing, "connect_ex": _errno,
    "send": _moved, "sendmsg": _moved, "recv": _received, "recv_into": _moved,
    "recvfrom": _received_from, "recvfrom_into": _received_from, "recvmsg": _received_from,
    "shutdown": _nothing,
}  # fmt: skip


def _wrap_sendall(recorder: Recorder) -> None:
    """As a loop of send(): a sendall() that fails does not tell how much it has sent."""
    original = socket.socket.sendall

    def sendall(self: socket.socket, data: Any, flags: int = 0) -> None:
        fd = self.fileno()
        if self.type != socket.SOCK_STREAM or self.family not in _FAMILIES or fd < 0:
            original(self, data, flags)
            return
        if fd not in recorder.flows:
            recorder.learn(self)
        recorder.write("call", "sendall", fd, size=_length(data))
        sent, errno, error = 0, 0, ""
        try:
            if self.gettimeout() is None:
                with memoryview(data) as view, view.cast("B") as octets:
                    while sent < len(octets):
                        sent += super(socket.socket, self).send(octets[sent:], flags)
            else:
                original(self, data, flags)
                sent = _length(data)
        except BaseException as failure:
            errno, error = _number(failure), type(failure).__name__
            raise
        finally:
            recorder.write("end", "sendall", fd, moved=sent, errno=errno, error=error)

    socket.socket.sendall = sendall  # type: ignore[method-assign,assignment]


def _wrap_accept(recorder: Recorder) -> None:
    original = socket.socket.accept

    def accept(self: socket.socket) -> Any:
        fd = self.fileno()
        if self.family not in _FAMILIES:
            return original(self)
        recorder.write("call", "accept", fd)
        try:
            sock, address = original(self)
        except BaseException as error:
            recorder.write("end", "accept", fd, errno=_number(error), error=type(error).__name__)
            raise
        recorder.learn(sock, address)  # who has reset already has no peer's name any more
        recorder.write("end", "accept", fd, peer=address[:2], new=recorder.flows.get(sock.fileno()))
        return sock, address

    socket.socket.accept = accept  # type: ignore[method-assign]


def _wrap_close(recorder: Recorder) -> None:
    def real_close(self: socket.socket, _ss: Any = socket.SocketType) -> None:
        fd = self.fileno()
        if fd < 0 or self.type != socket.SOCK_STREAM or self.family not in _FAMILIES:
            _ss.close(self)
            return
        recorder.write("call", "close", fd, info=_tcp_info(self))
        errno = 0
        try:
            _ss.close(self)
        except OSError as error:
            errno = error.errno or 0
            raise
        finally:
            recorder.write("end", "close", fd, errno=errno)
            recorder.flows.pop(fd, None)

    def detach(self: socket.socket) -> int:
        fd = original(self)
        if fd in recorder.flows:
            recorder.write("end", "detach", fd)
        return fd

    original = socket.socket.detach
    socket.socket._real_close = real_close  # type: ignore[attr-defined]
    socket.socket.detach = detach  # type: ignore[method-assign,assignment]


def _tcp_info(sock: socket.socket) -> bytes:
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    except (OSError, AttributeError):
        return b""


def _wrap_option(recorder: Recorder) -> None:
    original = socket.socket.setsockopt

    def setsockopt(self: socket.socket, level: int, option: int, *value: Any) -> None:
        original(self, level, option, *value)
        if len(value) != 1:
            return
        if (level, option) == (socket.SOL_SOCKET, socket.SO_LINGER):
            if isinstance(value[0], (bytes, bytearray)) and len(value[0]) == 8:
                recorder.write("end", "linger", self.fileno(), value=struct.unpack("ii", value[0]))
        elif (level, option) == (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT):
            recorder.write("end", "user timeout", self.fileno(), on=value[0] not in (0, bytes(4)))

    socket.socket.setsockopt = setsockopt  # type: ignore[method-assign,assignment]
