"""The kernel's trace points of RSTs, read through a private tracefs and a private buffer.

tracefs is mounted for nobody to see (fsopen(2), fsmount(2), Linux 5.2): no mount point is needed
and none is left. An instance has its own buffer, so no other tracer is disturbed. Needs root.
The trace points see every network namespace of the machine.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
from pathlib import Path
from typing import Final

from .errors import Unsupported, need_linux

# one number on every architecture (asm-generic/unistd.h)
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
_FSOPEN_CLOEXEC, _FSMOUNT_CLOEXEC, _CMD_CREATE = 1, 1, 6
_EVENTS: Final = ("tcp/tcp_send_reset", "tcp/tcp_receive_reset")
_PREFIX: Final = "lastack-"
_CHUNK: Final = 1 << 16


class ResetTrace:
    """Lines of the two trace points, from the moment it is made; a context manager.

    Raises PermissionError, or Unsupported where the kernel has no such trace points.
    """

    def __init__(self) -> None:
        need_linux("the reason of an RST")
        self._name = f"instances/{_PREFIX}{os.getpid()}-{id(self):x}"
        self._instance = self._pipe = -1
        self._rest = b""
        self._root = _mount()
        try:
            self._remove_left_behind()
            os.mkdir(self._name, dir_fd=self._root)
            self._instance = os.open(self._name, os.O_DIRECTORY, dir_fd=self._root)
            # a reader that polls is woken by the first line, not by a half full buffer
            self._write("buffer_percent", "0")
            for event in _EVENTS:
                self._write(f"events/{event}/enable", "1")
            self._pipe = os.open("trace_pipe", os.O_RDONLY | os.O_NONBLOCK, dir_fd=self._instance)
        except FileNotFoundError as error:
            self.close()
            raise Unsupported(f"this kernel has no trace point {error.filename}") from None
        except BaseException:
            self.close()
            raise

    def fileno(self) -> int:
        """The descriptor, for select(2)."""
        return self._pipe

    def read(self) -> list[str]:
        """Return the lines that are there; never waits."""
        while select.select([self._pipe], (), (), 0)[0]:
            try:
                chunk = os.read(self._pipe, _CHUNK)
            except BlockingIOError:
                break
            if not chunk:
                break
            self._rest += chunk
        *lines, self._rest = self._rest.split(b"\n")
        return [line.decode("ascii", "replace") for line in lines]

    def close(self) -> None:
        """Stop tracing and remove the instance; tracefs goes with its last descriptor."""
        for descriptor in (self._pipe, self._instance):
            if descriptor >= 0:
                os.close(descriptor)
        if self._root >= 0:
            with contextlib.suppress(FileNotFoundError):
                os.rmdir(self._name, dir_fd=self._root)
            os.close(self._root)
        self._root = self._instance = self._pipe = -1

    def __enter__(self) -> ResetTrace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, name: str, text: str) -> None:
        descriptor = os.open(name, os.O_WRONLY, dir_fd=self._instance)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)

    def _remove_left_behind(self) -> None:
        """Remove the instance of a lastack that was killed and could not do it itself."""
        place = os.open("instances", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._root)
        try:
            for name in os.listdir(place):
                pid = name.removeprefix(_PREFIX).partition("-")[0]
                if name.startswith(_PREFIX) and not Path(f"/proc/{pid}").exists():
                    with contextlib.suppress(OSError):
                        os.rmdir(name, dir_fd=place)
        finally:
            os.close(place)


def _mount() -> int:
    """Return a descriptor of the root of a detached tracefs."""
    try:
        context = _syscall(_FSOPEN, b"tracefs", _FSOPEN_CLOEXEC)
        try:
            _syscall(_FSCONFIG, context, _CMD_CREATE, None, None, 0)
            return _syscall(_FSMOUNT, context, _FSMOUNT_CLOEXEC, 0)
        finally:
            os.close(context)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES):
            raise PermissionError(
                errno.EPERM, "the reason of an RST is told to root only (tracefs, CAP_SYS_ADMIN)"
            ) from None
        if error.errno == errno.ENOSYS:
            raise Unsupported("the reason of an RST needs fsopen(2), Linux 5.2") from None
        if error.errno == errno.ENODEV:
            raise Unsupported("this kernel has no tracefs (CONFIG_TRACING)") from None
        raise


def _syscall(number: int, *arguments: int | bytes | None) -> int:
    words = [ctypes.c_long(a) if isinstance(a, int) else ctypes.c_char_p(a) for a in arguments]
    result = int(ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *words))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
