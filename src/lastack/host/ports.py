"""Local ports: bind(), the second look at listen(), and the automatic choice (RFC 6056).

Who is on a port are `Binding`s (one a socket) and the entries of the TIME-WAIT table. Whether
one more may join them is `profile.conflict`'s to say. What no rule of reuse changes:

    bind(0)     takes a port that nobody with an overlapping address has, whatever the options
    connect()   takes a port that is free or was only ever chosen by connect(); there the caller
                looks for a 4-tuple that is not in use. A bind() spoils the port for connect()
                until the last of its connections has left TIME-WAIT

One port of each pair (even and odd, counted from the first) is connect()'s, the other bind()'s;
either turns to the other's when its own are taken.
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final, Protocol

from lastack.profile import Applicant, Holder, PortRules, Use, conflict, overlap, refusal, unmapped
from lastack.state import CLOSED, LISTEN, TIME_WAIT, State
from lastack.trace import Reason
from lastack.wire import ANY4, ANY6, is_any, is_loopback, mapped, show_endpoint

from .timewaits import Counts, Place, TimeWaits

_MASK: Final = 0xFFFF_FFFF
_TURNS: Final = 256
_LEAST_MTU6: Final = 1280
"""Of a link that carries IPv6 (RFC 8200 section 5); Linux takes its addresses off a smaller one."""

_REASONS: Final = {
    Use.LISTENING: Reason.PORT_LISTENING,
    Use.BOUND: Reason.PORT_TAKEN,
    Use.CONNECTED: Reason.PORT_CONNECTED,
    Use.TIME_WAIT: Reason.PORT_IN_TIME_WAIT,
}
"""What to tell when holders differ: the first of these that is there, the hardest to get rid of."""


class PortError(Exception):
    """A call is refused: `errno` for the program, `reason` and `holders` for the report.

    A holder reads "LISTEN 0.0.0.0:80", "bound 0.0.0.0:80" or "TIME-WAIT 10.0.0.1:80 (12 times)".
    """

    def __init__(self, errno: int, reason: Reason, holders: tuple[str, ...] = ()) -> None:
        super().__init__(errno, reason, holders)
        self.errno = errno
        self.reason = reason
        self.holders = holders


class Owner(Protocol):
    """What a binding asks of the socket or the connection behind it."""

    @property
    def state(self) -> State:
        """CLOSED while merely bound."""


class Binding:
    """One socket's hold on a port; port 0 while it has none.

    The owner keeps the options up to date, and when it connects sets `connected` and makes a
    wildcard `address` the concrete one. `ipv6` marks an AF_INET6 socket, whose address may yet be
    an IPv4 one (that of ::ffff:a.b.c.d). `auto` marks a port that connect() chose, `chosen` one
    that bind() was asked to choose, `inherited` one that came from a listener: they are free as
    soon as the connection is over, even with the descriptor open (docs/kernel-notes/kill.md).
    `shown` is what getsockname() goes on telling then.
    """

    __slots__ = (
        "address", "port", "reuseaddr", "reuseport", "ipv6", "v6only", "uid", "owner", "connected",
        "auto", "inherited", "chosen", "shown",
    )  # fmt: skip

    def __init__(
        self,
        owner: Owner | None = None,
        *,
        reuseaddr: bool = False,
        reuseport: bool = False,
        ipv6: bool = False,
        v6only: bool = False,
        uid: int = 0,
    ) -> None:
        self.address = ANY6 if ipv6 else ANY4
        self.port = 0
        self.shown = 0
        self.reuseaddr = reuseaddr
        self.reuseport = reuseport
        self.ipv6 = ipv6
        self.v6only = v6only
        self.uid = uid
        self.owner = owner
        self.connected = False
        self.auto = False
        self.chosen = False
        self.inherited = False

    @property
    def use(self) -> Use:
        """What the owner does with the port."""
        state = self._state
        if state is LISTEN:
            return Use.LISTENING
        return Use.BOUND if state is CLOSED and not self.connected else Use.CONNECTED

    @property
    def _state(self) -> State:
        return CLOSED if self.owner is None else self.owner.state

    def closeness(self, address: bytes) -> int:
        """Return how well a packet to `address` fits: 3 for the address itself, 2 for the
        wildcard of its family, 1 for that of an AF_INET6 socket, 0 for not at all."""
        mine = self.address
        if mine == address:
            return 3
        if any(mine):
            return 0
        if len(mine) == len(address):
            return 1 if self.ipv6 and len(mine) == 4 else 2
        return 1 if len(mine) == 16 and not self.v6only else 0

    def as_holder(self) -> Holder:
        """Return what `profile.conflict` asks of one that has the port."""
        return Holder(self.address, self.use, self.reuseaddr, self.reuseport, self.v6only, self.uid)

    def as_applicant(self, address: bytes) -> Applicant:
        """Return what `profile.conflict` asks of one that wants the address on some port."""
        address = mapped(address) if self.ipv6 else address
        return Applicant(address, self.reuseaddr, self.reuseport, self.v6only, self.uid)

    def __str__(self) -> str:
        name = "bound" if self.use is Use.BOUND else self._state.value
        return f"{name} {show_endpoint(self.address, self.port)}"


class Ports:
    """The ports of one host. Every look-up costs O(sockets on that port)."""

    def __init__(self, rules: PortRules, timewaits: TimeWaits, seed: int = 0) -> None:
        self._rules = rules
        self._timewaits = timewaits
        self._seed = seed & _MASK
        # Most ports have one holder, and a dict for that one would cost it 230 bytes.
        self._bindings: dict[int, Binding | dict[Binding, None]] = {}
        self._spoilt: set[int] = set()
        self._chosen = 0
        self._turns = [0] * _TURNS

    def bind(
        self, binding: Binding, address: bytes, port: int, local_addresses: Collection[bytes]
    ) -> None:
        """Give an unbound binding `address` (or the wildcard) and `port`; 0 chooses one.

        PortError: EADDRNOTAVAIL for an address that is not the host's; EADDRINUSE for a port
        that may not be shared; `bind_exhausted` when there is none to choose.
        """
        if not _is_ours(address, local_addresses):
            raise PortError(errno.EADDRNOTAVAIL, Reason.ADDRESS_NOT_OURS)
        binding.chosen = port == 0
        if port == 0:
            port = self._choose(binding.as_applicant(address))
        else:
            self._check(binding, address, port)
        self._enter(binding, address, port)
        binding.auto = False
        self._spoilt.add(port)

    def bind_address(
        self, binding: Binding, address: bytes, local_addresses: Collection[bytes]
    ) -> None:
        """Give an unbound binding an address and no port yet; PortError EADDRNOTAVAIL."""
        if not _is_ours(address, local_addresses):
            raise PortError(errno.EADDRNOTAVAIL, Reason.ADDRESS_NOT_OURS)
        binding.address = address

    def may_listen(self, binding: Binding) -> None:
        """PortError EADDRINUSE if the bound socket may not listen beside those on its port now.

        bind() let sockets with SO_REUSEADDR share a port; of those only one may listen.
        """
        self._check(binding, binding.address, binding.port)

    def add_auto(self, binding: Binding, address: bytes, port: int) -> None:
        """Note that connect() chose `port`, one of `candidates_for_connect`."""
        self._enter(binding, address, port)
        binding.auto = True
        binding.connected = True

    def inherit(self, listener: Binding, address: bytes) -> Binding:
        """Return the binding of a connection that reached `listener` at `address`.

        It has the listener's options of now; the caller sets `owner`.
        """
        child = Binding(
            reuseaddr=listener.reuseaddr,
            reuseport=listener.reuseport,
            ipv6=listener.ipv6,
            v6only=listener.v6only,
            uid=listener.uid,
        )
        self._enter(child, address, listener.port)
        child.connected = child.inherited = True
        return child

    def release(self, binding: Binding) -> None:
        """Let go of the port; nothing happens if there is none."""
        held = self._bindings.get(binding.port)
        if held is binding:
            del self._bindings[binding.port]
        elif isinstance(held, dict) and binding in held:
            del held[binding]
            if not held:
                del self._bindings[binding.port]
        binding.port = 0
        binding.auto = binding.connected = False

    # --- the automatic choice ------------------------------------------------------------------

    def usable_for_connect(self, port: int) -> bool:
        """Tell whether connect() may choose the port, 4-tuples apart."""
        if port not in self._spoilt:
            return True
        if port in self._bindings or any(self._timewaits.ports_in_use(port)):
            return False
        self._spoilt.discard(port)  # whoever bound it has gone, and the last TIME-WAIT too
        return True

    def candidates_for_connect(self, hash_hint: int) -> Iterator[int]:
        """Yield the ports that connect() may choose, in the order in which to try them.

        `hash_hint` stands for the rest of the 4-tuple (see `flow_hint`): the ports begin at an
        offset that depends on it, and the next time right after the last one that was asked for
        (RFC 6056 section 3.3.4). When they end, connect() fails with `connect_exhausted`.
        """
        low, size, step = self._range()
        h = _mix(hash_hint & _MASK ^ self._seed, hash_hint >> 32 & _MASK)
        turn, offset = h % _TURNS, h // _TURNS
        passed = self._turns[turn]
        start = passed + offset - offset % step
        for first in range(start, start + step):
            for distance in range(0, size, step):
                port = low + (first + distance) % size
                if self.usable_for_connect(port):
                    self._turns[turn] = passed + distance + step
                    yield port

    def _choose(self, applicant: Applicant) -> int:
        low, size, step = self._range()
        start = _mix(self._seed, self._chosen)
        self._chosen += 1
        start = start - start % step + step - 1
        for first in range(start, start - step, -1):
            for distance in range(0, size, step):
                port = low + (first + distance) % size
                if not any(
                    overlap(holder, applicant) for holder, _, _ in self._holders(applicant, port)
                ):
                    return port
        raise PortError(self._rules.bind_exhausted, Reason.NO_PORT_FREE)

    def _range(self) -> tuple[int, int, int]:
        """Return the first automatic port, how many there are, and the step between tries."""
        low = self._rules.ephemeral_low
        size = self._rules.ephemeral_high - low + 1
        if not self._rules.parity or size == 1:
            return low, size, 1
        return low, size - size % 2, 2  # Linux never uses the last port of an odd range

    # --- who is there --------------------------------------------------------------------------

    def _enter(self, binding: Binding, address: bytes, port: int) -> None:
        binding.address = address
        binding.port = binding.shown = port
        held = self._bindings.setdefault(port, binding)
        if isinstance(held, dict):
            held[binding] = None
        elif held is not binding:
            self._bindings[port] = {held: None, binding: None}

    def _check(self, binding: Binding, address: bytes, port: int) -> None:
        applicant = binding.as_applicant(address)
        uses: set[Use] = set()
        texts: Counter[str] = Counter()
        for holder, text, times in self._holders(applicant, port, but=binding):
            if conflict(holder, applicant, self._rules):
                uses.add(holder.use)
                texts[text] += times
        if uses:
            reason = next(reason for use, reason in _REASONS.items() if use in uses)
            raise PortError(
                refusal(applicant, self._rules),
                reason,
                tuple(text if n == 1 else f"{text} ({n} times)" for text, n in texts.items()),
            )

    def _holders(
        self, applicant: Applicant, port: int, but: Binding | None = None
    ) -> Iterator[tuple[Holder, str, int]]:
        """Yield who has the port, how to call it, and how many are like it."""
        held = self._bindings.get(port, ())
        for binding in (held,) if isinstance(held, Binding) else held:
            if binding is not but:
                yield binding.as_holder(), str(binding), 1
        for (address, v6only), counts in self._in_time_wait(applicant, port):
            text = f"{TIME_WAIT.value} {show_endpoint(address, port)}"
            total, reuseaddr, reuseport, both = counts
            for times, one, other in (
                (total - reuseaddr - reuseport + both, False, False),
                (reuseaddr - both, True, False),
                (reuseport - both, False, True),
                (both, True, True),
            ):
                if times:
                    yield Holder(address, Use.TIME_WAIT, one, other, v6only), text, times

    def _in_time_wait(self, applicant: Applicant, port: int) -> Iterable[tuple[Place, Counts]]:
        address = unmapped(applicant.address)
        if is_any(address):
            return self._timewaits.ports_in_use(port)
        places = [Place(address)] if len(address) == 4 else [Place(address), Place(address, True)]
        return [(one, self._timewaits.held(address, port, one.v6only)) for one in places]


def source_for(
    remote: bytes, local_addresses: Collection[bytes], mtu_to: Callable[[bytes], int]
) -> bytes:
    """Return the address from which a host reaches `remote` (MUST-44).

    PortError ENETUNREACH when it has none of the family, and over a link too small for IPv6.
    """
    if is_loopback(remote) or remote in local_addresses:
        return remote
    for address in local_addresses:
        if len(address) == len(remote):
            if len(address) == 16 and mtu_to(remote) < _LEAST_MTU6:
                break
            return address
    raise PortError(errno.ENETUNREACH, Reason.ADDRESS_NOT_OURS)


def flow_hint(local: bytes, remote: bytes, remote_port: int) -> int:
    """Return what `Ports.candidates_for_connect` takes for a connection to `remote`."""
    hint = remote_port
    addresses = local + remote
    for i in range(0, len(addresses), 4):
        hint = _mix(hint, int.from_bytes(addresses[i : i + 4], "big"))
    return hint


def _mix(a: int, b: int) -> int:
    """Return 32 bits that depend on every bit of both, which have 32 bits too."""
    h = (a ^ 0x9E37_79B9) * 0x2C1B_3C6D
    h = ((h ^ h >> 32) & _MASK ^ b) * 0x297A_2D39
    return (h ^ h >> 32) & _MASK


def _is_ours(address: bytes, local_addresses: Collection[bytes]) -> bool:
    plain = unmapped(address)
    return is_any(plain) or is_loopback(plain) or plain in local_addresses
