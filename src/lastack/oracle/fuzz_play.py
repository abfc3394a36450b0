"""A random script played on one side, lastack or the kernel, and all that can be seen of it."""

from __future__ import annotations

import errno
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from lastack.drill import Answer, Left, Request
from lastack.profile import MS
from lastack.sockets import names, unpack_info
from lastack.wire import Flow, Segment

from .fuzz_peer import Peer, Sent
from .fuzz_script import OPTIONS, Arrival, Call, Fuzz, Icmp, Step

_ALL_EVENTS: Final = 0x1 | 0x2 | 0x4 | 0x2000
"""POLLIN, PRI, OUT, RDHUP; ERR and HUP come unasked."""
_CLOSED: Final = "07"
"""TCP_CLOSE of Linux, in hexadecimal."""
_O_NONBLOCK: Final = 0o4002
_TEXT: Final = bytes(range(256))
_LARGEST: Final = 1 << 20
_INFO_SIZE: Final = 512
_VARIES: Final = frozenset(
    {
        "rto", "ato", "last_data_sent", "last_ack_sent", "last_data_recv", "last_ack_recv", "rtt",
        "rttvar", "rcv_rtt", "pacing_rate", "max_pacing_rate", "min_rtt", "delivery_rate",
        "busy_time", "rwnd_limited", "sndbuf_limited", "total_rto_time", "rcv_ssthresh", "rcv_wnd",
        "rcv_space", "app_limited",
    }
)  # fmt: skip
"""Fields of TCP_INFO that are times, or depend on them, or on what a device counts as the memory of
a packet."""


_COUNTED_SPOILT: Final = frozenset({"segs_in", "data_segs_in"})
"""A kernel counts a long segment before it looks at the checksum."""


class Under(Protocol):
    """A call under way; `answer` is None until it has ended."""

    answer: Answer | None


class Ground(Protocol):
    """A TCP with a socket API and a wire, reached by one script at a time. Times in ns."""

    flow: Flow

    @property
    def now(self) -> int:
        """The time since the script began."""

    def begin(self, request: Request) -> Under:
        """Make a call; only a close() that lingers is not over when this returns."""

    def kill(self) -> bool:
        """Destroy the connection as ss -K does; False if there is none."""

    def state(self) -> str:
        """The state of the connection in the socket table, LISTEN if only a listener would take
        its segments, "" if nobody."""

    def inject(self, raw: bytes) -> None:
        """Let a packet arrive."""

    def run(self, until: int) -> None:
        """Let time pass, until a packet leaves at the latest."""

    def take(self) -> Sequence[Left]:
        """The packets that left since the last call."""


class Look(NamedTuple):
    """What was seen of one step, and until the next one began.

    act: what was done, with relative numbers. packets: when, what. ready: poll() of the newest
    descriptor and of the listener. told: state by TCP_INFO, bytes readable, bytes unsent or
    unacknowledged. state: of the socket table. ended: calls that waited and ended. info: what has
    changed in TCP_INFO, "name value, ...".
    """

    at: int
    act: str
    result: str
    packets: tuple[tuple[int, Sent], ...]
    ready: str
    told: str
    state: str
    ended: str
    info: str = ""


class _Program:
    """The program's side: descriptors as a stack, the base socket at its bottom."""

    def __init__(self, ground: Ground, uncounted: frozenset[str]) -> None:
        self._ground = ground
        self._uncounted = uncounted
        self.fds: list[int] = []
        self._passive = False
        self._written = 0
        # dup() gives one socket several descriptors: which of the program's sockets each one is
        self._socket_of: dict[int, int] = {}
        self._sockets = 0
        self._renewed: set[int] = set()
        self.waiting: list[tuple[str, Under]] = []
        self._info: dict[str, int] = {}

    def call(self, step: Call) -> str:
        """Make the call of a step, and return what came of it."""
        name, arguments = step.name, step.arguments
        if name == "look":
            return ""
        if name == "kill":
            return str(self._ground.kill())
        if name == "socket":
            return self._socket(bool(arguments[0]))
        if not self.fds:
            return "no socket"
        fd = self.fds[0] if name in ("accept", "listen", "shutl", "closel") else self.fds[-1]
        if name == "unconnect":
            self._renewed.add(self._socket_of[fd])
            return _shown(self._ask("disconnect", fd))
        return self._on(fd, name, arguments)

    def _socket(self, passive: bool) -> str:
        ground = self._ground
        self._passive = passive
        answer = self._ask("socket", -1, names.AF_INET, names.SOCK_STREAM, 0)
        if answer.value < 0:
            return _shown(answer)
        fd = answer.value
        self._ask("setflags", fd, _O_NONBLOCK)
        self._ask("setsockopt", fd, names.SOL_SOCKET, names.SO_REUSEADDR, _int(1))
        self.fds.append(fd)
        self._note(fd)
        return _shown(self._ask("bind", fd, ground.flow.src, ground.flow.sport))

    def _on(self, fd: int, name: str, arguments: tuple[int, ...]) -> str:
        flow = self._ground.flow
        if name in ("shutl", "shutdown"):
            if fd == self.fds[0] and self._passive:
                self._renewed.add(self._socket_of[fd])
            answer = self._ask("shutdown", fd, arguments[0])
            if self._state(fd) == _CLOSED:
                self._renewed.add(self._socket_of[fd])  # SYN-SENT: a disconnect
            return _shown(answer)
        if name == "listen":
            return _shown(self._ask("listen", fd, arguments[0]))
        if name == "connect":
            answer = self._ask("connect", fd, flow.dst, flow.dport)
            if self._state(fd) == _CLOSED:
                self._renewed.add(self._socket_of[fd])
            return _shown(answer)
        if name in ("accept", "dup"):
            answer = self._ask(name, fd)
            if answer.value >= 0:
                self.fds.append(answer.value)
                self._note(answer.value, self._socket_of[fd] if name == "dup" else None)
                self._ask("setflags", answer.value, _O_NONBLOCK)
                answer = answer._replace(value=0)
            return _shown(answer)
        if name == "write":
            return self._write(fd, arguments[0], arguments[1] if len(arguments) > 1 else 0)
        if name == "read":
            size, flags = arguments if len(arguments) > 1 else (arguments[0], 0)
            return _shown(self._ask("read", fd, min(size, _LARGEST), flags))
        if name in ("close", "closel"):
            return self._close(fd)
        if name == "error":
            answer = self._ask("getsockopt", fd, names.SOL_SOCKET, names.SO_ERROR, 4)
            return _error(int.from_bytes(answer.data, "little"))
        if name == "linger":
            raw = struct.pack("ii", *arguments)
            return _shown(self._ask("setsockopt", fd, names.SOL_SOCKET, names.SO_LINGER, raw))
        level, option = OPTIONS[name]
        return _shown(self._ask("setsockopt", fd, level, option, _int(arguments[0])))

    def _note(self, fd: int, socket: int | None = None) -> None:
        self._sockets += socket is None
        self._socket_of[fd] = self._sockets if socket is None else socket

    def _write(self, fd: int, size: int, flags: int) -> str:
        first = self._written % len(_TEXT)
        text = (_TEXT * (size // len(_TEXT) + 2))[first : first + size]
        answer = self._ask("write", fd, text, flags | names.MSG_NOSIGNAL, None)
        self._written += max(answer.value, 0)
        return _shown(answer)

    def _close(self, fd: int) -> str:
        self.fds.remove(fd)
        under = self._ground.begin(Request("close", fd))
        if under.answer is not None:
            return _shown(under.answer)
        self.waiting.append(("close", under))
        return "waits"

    def _ask(self, name: str, fd: int, *arguments: object) -> Answer:
        answer = self._ground.begin(Request(name, fd, arguments)).answer
        assert answer is not None, f"{name} waits on a non-blocking socket"
        return answer

    def ready(self) -> str:
        """poll() of the newest descriptor and, where there are two, of the first."""
        fds = dict.fromkeys([*self.fds[-1:], *self.fds[:1]])
        if not fds:
            return ""
        wanted = tuple((fd, _ALL_EVENTS) for fd in fds)
        return " ".join(f"{bits:#x}" for _, bits in self._ask("poll", -1, wanted, 0).ready)

    def told(self) -> str:
        """State by TCP_INFO, SIOCINQ, SIOCOUTQ of the newest descriptor. SIOCOUTQ of a socket that
        was disconnected is a difference of two numbers that mean nothing any more."""
        if not self.fds:
            return ""
        fd = self.fds[-1]
        words = [self._state(fd)]
        requests = [names.SIOCINQ]
        if self._socket_of[fd] not in self._renewed:
            requests.append(names.SIOCOUTQ)
        for request in requests:
            answer = self._ask("ioctl", fd, request)
            number = int.from_bytes(answer.data, "little", signed=True)
            words.append(_error(answer.errno) if answer.errno else str(number))
        return " ".join(words)

    def info(self) -> str:
        """What has changed in TCP_INFO of the newest descriptor, in the order of the struct."""
        if not self.fds or self._socket_of[self.fds[-1]] in self._renewed:
            return ""
        raw = self._ask(
            "getsockopt", self.fds[-1], names.IPPROTO_TCP, names.TCP_INFO, _INFO_SIZE
        ).data
        now = {
            name: value for name, value in unpack_info(raw).items() if name not in self._uncounted
        }
        before, self._info = self._info, now
        changed = {name: value for name, value in now.items() if before.get(name, 0) != value}
        return ", ".join(f"{name} {value}" for name, value in changed.items())

    def _state(self, fd: int) -> str:
        return self._ask("getsockopt", fd, names.IPPROTO_TCP, names.TCP_INFO, 1).data[:1].hex()

    def ended(self) -> str:
        """Which calls that waited have ended since this was asked."""
        over = [f"{name} {_shown(one.answer)}" for name, one in self.waiting if one.answer]
        self.waiting = [(name, one) for name, one in self.waiting if one.answer is None]
        return ", ".join(over)


class Play:
    """One script on one ground."""

    def __init__(self, script: Fuzz, ground: Ground, clock: Sequence[int] = ()) -> None:
        """`clock`: when each step and the end happen, ns; none: as the script waits."""
        self._script = script
        self._ground = ground
        self._clock = clock
        self._peer = Peer(ground.flow, script.offer)
        spoilt = any(isinstance(one, Arrival) and one.spoilt for one in script.steps)
        self._program = _Program(ground, _VARIES | _COUNTED_SPOILT if spoilt else _VARIES)
        self._packets: list[tuple[int, Sent]] = []
        self._done: list[Step] = []
        self._reopened = False

    @property
    def concrete(self) -> Fuzz:
        """The script as it was played, each number of the peer's counted from an ISN."""
        return self._script.with_steps(tuple(self._done[: len(self._script.steps)]))

    def play(self) -> list[Look]:
        """Return what was seen, a look for each step and one of the end."""
        looks: list[Look] = []
        waits = [step.wait for step in self._script.steps] + [self._script.tail]
        for number, step in enumerate([*self._script.steps, Call("look")]):
            due = self._clock[number] if self._clock else self._ground.now + waits[number] * MS
            self._pass(due)
            if looks:
                looks[-1] = looks[-1]._replace(packets=self._taken(), ended=self._program.ended())
            at = self._ground.now
            act, result = self._do(step)
            self._see(at)
            looks.append(Look(at, act, result, (), *self._look(), "", self._program.info()))
            self._reopened = looks[-1].state == "TIME-WAIT"
        looks[-1] = looks[-1]._replace(packets=self._taken(), ended=self._program.ended())
        return looks

    def _pass(self, until: int) -> None:
        while True:
            self._ground.run(until)
            self._see()
            if self._ground.now >= until:
                return

    def _see(self, at: int | None = None) -> None:
        """Take what has left; `at`: when, for what answers a step at once."""
        for left in self._ground.take():
            if isinstance(left.packet, Segment):
                sent = self._peer.see(left.packet, reopened=self._reopened)
                self._packets.append((left.at if at is None else at, sent))

    def _taken(self) -> tuple[tuple[int, Sent], ...]:
        taken, self._packets = tuple(self._packets), []
        return taken

    def _do(self, step: Step) -> tuple[str, str]:
        if isinstance(step, Call):
            self._done.append(step)
            return str(step).partition(" ")[2], self._program.call(step)
        if isinstance(step, Icmp):
            step = self._peer.concrete_icmp(step)
            raw = self._peer.icmp(step)
        else:
            step = self._peer.concrete(step)
            raw = self._peer.segment(step)
        self._done.append(step)
        self._ground.inject(raw)
        return str(step).partition(" ")[2], ""

    def _look(self) -> tuple[str, str, str]:
        return self._program.ready(), self._program.told(), self._ground.state()


def _int(number: int) -> bytes:
    return struct.pack("i", number)


def _error(number: int) -> str:
    return errno.errorcode.get(number, str(number)) if number else "0"


def _shown(answer: Answer | None) -> str:
    assert answer is not None
    if answer.value < 0:
        return _error(answer.errno)
    return f"{answer.value} sum {sum(answer.data[::3])}" if answer.data else str(answer.value)
