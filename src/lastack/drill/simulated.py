"""A simulated host as the target of a script: virtual time, descriptors, calls that wait."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from typing import Final

from lastack.host import Host
from lastack.profile import NEVER, Profile
from lastack.sockets import Epoll, File, TcpSocket, os_error
from lastack.trace import Journal, Listener
from lastack.wire import Packet, copy_packet

from . import waiting
from .shell import NO_QUEUE, QUEUE
from .sysctls import follow
from .systemcalls import CALLS, Unfinished
from .target import Answer, Left, Request

_STORM: Final = 100_000
"""More steps than any script has at one point in time: the host answers itself without end."""
FIRST_DESCRIPTOR: Final = 3
_FULL: Final = "pfifo limit 0"


Account = Callable[[Answer, int], None]
"""Writes down in the trace how a call ended."""


class Call:
    """A call under way: it is attempted again whenever something has happened. A writer sleeps
    until its file `sleeps_on` has news, as it does on a kernel, which does not wake it for little
    room."""

    def __init__(
        self, attempt: Callable[[int], Answer | Unfinished], account: Account | None,
        sleeps_on: File | None = None,
    ) -> None:  # fmt: skip
        self.sleeps_on = sleeps_on
        self._attempt = attempt
        self._account = account
        self.answer: Answer | None = None
        self.ended = 0
        self.until = NEVER

    def go_on(self, now: int) -> None:
        """Attempt once more."""
        try:
            result = self._attempt(now)
        except OSError as error:
            result = Answer(-1, error.errno or errno.EIO)
        if isinstance(result, Unfinished):
            self.until = result.until
        else:
            self.answer = result
            self.ended = now
            if self._account is not None:
                self._account(result, now)


class Simulated:
    """One host, which the script's peer reaches without delay. `mtu` is that of the path."""

    def __init__(
        self, profile: Profile, addresses: Iterable[bytes], *, mtu: int = 1500,
        listeners: Iterable[Listener] = (), lenient: bool = False,
    ) -> None:  # fmt: skip
        """`listeners` see the trace; without any none is made. `lenient`: a setting that the
        profile cannot follow is passed over."""
        self._now = 0
        self._profile = profile
        self._lenient = lenient
        self._journal = Journal()
        self._journal.listeners += listeners
        scribe = self._journal.scribe("host") if self._journal.listeners else None
        self.host = Host("host", profile, list(addresses), scribe=scribe)
        self.host.mtu_to = lambda _: mtu
        self.files: dict[int, File] = {}
        self._left: list[Left] = []
        self._calls: list[Call] = []
        self._news: set[File] = set()
        self._watchers = waiting.Watchers()

    @property
    def now(self) -> int:
        """Virtual time."""
        return self._now

    # -- calls ---------------------------------------------------------------------------------

    def begin(self, request: Request) -> Call:
        """Make a call."""
        sleeps_on = self.files.get(request.fd) if request.name == "write" else None
        call = Call(CALLS[request.name](self, request), self._account(request), sleeps_on)
        self._attempt(call)
        if call.answer is None:
            self._calls.append(call)
        return call

    def _account(self, request: Request) -> Account | None:
        """Write down that a call on a socket begins; return what writes down its end."""
        file = self.files.get(request.fd)
        if not isinstance(file, TcpSocket) or not self._journal.listeners:
            return None
        size = [str(len(a)) for a in request.arguments[:1] if isinstance(a, bytes)]
        file.called(request.name, " ".join((request.name, *size)), "", self._now)

        def ended(answer: Answer, now: int) -> None:
            text = errno.errorcode.get(answer.errno, "") if answer.errno else str(answer.value)
            file.returned(request.name, text, answer.errno, now)

        return ended

    def file(self, fd: int) -> File:
        """Return what a descriptor refers to; EBADF."""
        if fd not in self.files:
            raise os_error(errno.EBADF)
        return self.files[fd]

    def add(self, file: File) -> int:
        """Give a file the lowest free descriptor."""
        fd = FIRST_DESCRIPTOR
        while fd in self.files:
            fd += 1
        file.hold()
        self.files[fd] = file
        return fd

    def new_epoll(self) -> Epoll:
        """Return an empty epoll set."""
        return Epoll(self._watchers.wake, self._watchers.watch, self._watchers.unwatch)

    # -- time and packets ----------------------------------------------------------------------

    def inject(self, packet: Packet) -> None:
        """Let a packet arrive now."""
        if self._journal.listeners:
            packet = copy_packet(packet, self._journal.next_packet())
        self.host.packet_arrives(packet, self._now)
        self._collect()

    def run(self, until: int) -> None:
        """Let time pass until a packet has left, a call has ended, or `until` is reached."""
        for _ in range(_STORM):
            ended = self._go_on()
            if ended or self._left:
                return
            following = min([self.host.next_timeout, *(call.until for call in self._calls)])
            if following > until:
                self._now = max(self._now, until)
                return
            self._now = max(self._now, following)
            self.host.timeout(self._now)
            self._collect()
        raise RuntimeError("the host is busy without end at one point in time")

    def take(self) -> list[Left]:
        """Return the packets that left since the last call."""
        left, self._left = self._left, []
        return left

    def _go_on(self) -> bool:
        """Attempt every call under way; tell whether one has ended."""
        news, self._news = self._news, set()
        for call in self._calls:
            if call.sleeps_on is None or call.sleeps_on in news or call.until <= self._now:
                self._attempt(call)
        before = len(self._calls)
        self._calls = [call for call in self._calls if call.answer is None]
        return len(self._calls) < before

    def _attempt(self, call: Call) -> None:
        call.go_on(self._now)
        self._collect()

    def _collect(self) -> None:
        self._left += [Left(self._now, packet) for packet in self.host.take_packets()]
        for file, events in self.host.take_ready():
            if isinstance(file, File):
                self._news.add(file)
                self._watchers.wake(file, events)

    # -- to look at ----------------------------------------------------------------------------

    def states(self) -> list[str]:
        """Return the state of every row of the socket table."""
        return [row.state.value for row in self.host.snapshot()]

    def forget(self, state: str) -> None:
        """Kill what is in a state."""
        for row in self.host.snapshot():
            if row.state.value == state:
                self.host.kill(row.conn, self._now)
        self._collect()

    def change(self, name: str, value: str) -> bool:
        """Tell whether the host keeps to a setting: its profile does not change any more, but the
        queue in front of its link does."""
        if name == QUEUE and value in (NO_QUEUE, _FULL):
            self.host.set_link_full(value == _FULL)
            return True
        return follow(self._profile, name, value, own_only=self._lenient) == self._profile

    def close(self) -> None:
        """Nothing is left of a simulation."""
