"""The settings (sysctl) of a namespace, as a script makes them."""

from __future__ import annotations

import contextlib
from pathlib import Path
from socket import IPPROTO_TCP, TCP_CONGESTION, TCP_QUICKACK
from typing import Final

from lastack.drill import NO_QUEUE, QUEUE, Unsupported

from .namespace import Namespace, command
from .system_calls import CALLS

_CONGESTION: Final = "net.ipv4.tcp_congestion_control"
_THE_SAME: Final = {"net.inet.tcp.ecn.enable": "net.ipv4.tcp_ecn"}
"""Settings of another system that mean the same."""
_PARAMETERS: Final = Path("/sys/module")
_AVAILABLE: Final = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")


class Settings:
    """Changes nothing outside of its namespace.

    `congestion` is the algorithm that new sockets are to have, cubic at first. It is no sysctl
    here: but for the first namespace the kernel takes none for a default that it does not allow to
    everybody, and a machine's own default may be one that paces (bbr).

    `neutral`: what is not there is passed over, and accepted sockets are to delay ACKs from
    the first segment on, for which the kernel has an option only.
    """

    def __init__(self, space: Namespace) -> None:
        self._space = space
        self._device = ""
        self._waiting = ""
        self.congestion = "cubic"
        self.neutral = False

    def be_neutral(self) -> None:
        """Take the conditions of the neutral form, see drill.neutral."""
        self.neutral = True
        self.set("net.ipv4.tcp_syn_linear_timeouts", "0")

    def set(self, name: str, value: str) -> None:
        """Make a setting. Unsupported for one that a namespace does not have, or that is the whole
        machine's and has another value."""
        try:
            self._set(name, value)
        except Unsupported:
            if not self.neutral:
                raise

    def device_is(self, name: str) -> None:
        """There is a device now; the queue that a script wants goes in front of it."""
        self._device = name
        if self._waiting:
            self._queue(self._waiting)

    def _queue(self, words: str) -> None:
        if not self._device:
            self._waiting = words
            return
        place = ["dev", self._device, "root"]
        # the device's own queue comes back; to "replace" a pfifo by one would leave its limit
        with contextlib.suppress(OSError):
            self._space.call(lambda: command(["tc", "qdisc", "delete", *place]))
        if words == NO_QUEUE:
            return
        try:
            self._space.call(lambda: command(["tc", "qdisc", "add", *place, *words.split()]))
        except OSError as error:
            raise Unsupported(str(error)) from None

    def prepare(self, fd: int, request: str) -> None:
        """Prepare a socket that a call has opened."""
        if request == "socket":
            CALLS["setsockopt"](fd, IPPROTO_TCP, TCP_CONGESTION, self.congestion.encode())
        # on a socket that connects it would delay the last ACK of the handshake too
        if self.neutral and request == "accept":
            CALLS["setsockopt"](fd, IPPROTO_TCP, TCP_QUICKACK, bytes(4))

    def _set(self, name: str, value: str) -> None:
        name, value = name.strip(), value.strip()
        name = _THE_SAME.get(name, name)
        if name == QUEUE:
            self._queue(value)
            return
        module, _, parameter = name.partition(".")
        path = _PARAMETERS / module / "parameters" / parameter
        if parameter and path.is_file():
            if path.read_text("ascii").split() != [value]:
                raise Unsupported(f"{name}={value}: a setting of the whole machine")
            return
        if not name.startswith("net."):
            raise Unsupported(f"sysctl {name}: not a setting of a network namespace")
        if name == _CONGESTION:
            if value not in _AVAILABLE.read_text("ascii").split():
                raise Unsupported(f"sysctl {name}={value}: this kernel has it not loaded")
            self.congestion = value
            return
        path = Path("/proc/sys") / name.replace(".", "/")
        self._space.call(lambda: _write(path, name, value))


def _write(path: Path, name: str, value: str) -> None:
    try:
        if path.stat().st_mode & 0o200:
            path.write_text(value, encoding="ascii")
        elif path.read_text("ascii").split() != value.split():
            raise Unsupported(f"sysctl {name}={value}: a setting of the whole machine")
    except FileNotFoundError:
        raise Unsupported(f"sysctl {name}: this kernel has no such setting") from None
    except OSError as error:
        raise Unsupported(f"sysctl {name}={value}: {error.strerror}") from None
