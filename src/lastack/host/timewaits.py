"""The table of connections in TIME-WAIT (RFC 9293 section 3.4.2), and nothing of their rules.

A busy host has hundreds of thousands of them, each for a minute, so an entry is one row of
typed columns (50 bytes) and a cell or two of a hash index (4 bytes each), where an object and a
dict would take several times that:

    key        remote and local address (IPv4 itself, or the number of an interned IPv6 one), ports
    TCP        snd_nxt rcv_nxt ts_recent window conn
    bits       the flags, rcv_wscale, the address family
    time       kept by `fifos`: expires, and the neighbours in the FIFO of that duration

With arrays growing ahead of need that makes 62 bytes an entry at 100,000, 60 at a million.

The index is open addressing with linear probing at a load of at most 2/3; removal shifts the
rest of the cluster back, so there are no tombstones. The hash is seeded: peers choose 4-tuples,
and regular ones (consecutive ports) would cluster in a plain multiplicative hash.

An orphan in FIN-WAIT-2 waits here too, marked `fin_wait_2`: it needs nothing that is not here.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Final, NamedTuple

from lastack.profile import NEVER
from lastack.tcp import Entry
from lastack.wire import Flow

from .fifos import NIL, Fifos
from .interned import InternedAddresses


class Place(NamedTuple):
    """A local address, and whether its sockets had IPV6_V6ONLY."""

    address: bytes
    v6only: bool = False


class Counts(NamedTuple):
    """How many entries hold one place and port, and with which options.

    `reuseaddr` and `reuseport` each include those that have `both`.
    """

    total: int = 0
    reuseaddr: int = 0
    reuseport: int = 0
    both: int = 0


_MASK: Final = 0xFFFF_FFFF
_LEAST_INDEX: Final = 64
_UNKNOWN: Final = -1

_WSCALE: Final = 0xF
_TS_OK: Final = 0x10
_REUSEADDR: Final = 0x20
_REUSEPORT: Final = 0x40
_V6ONLY: Final = 0x80
_FIN_WAIT_2: Final = 0x100
_IPV6: Final = 0x200
_TOS: Final = 0xFC
_TOS_SHIFT: Final = 8
"""Of `bits`: the upper six are Diffserv's."""


class TimeWaits:
    """At most `limit` entries (net.ipv4.tcp_max_tw_buckets), found by flow, expired in order.

    `now` is in ns and never goes back. Both addresses of a flow are of one family.
    """

    def __init__(self, limit: int, seed: int = 0) -> None:
        self._limit = limit
        self._seed_remote = seed & _MASK ^ 0x9E37_79B9
        self._seed_local = seed >> 32 & _MASK ^ 0x7F4A_7C15
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._count = 0
        self._next_expiry = NEVER  # _UNKNOWN after a change: it is asked before every event
        self._remote = array("I")
        self._local = array("I")
        self._ports = array("I")  # remote << 16 | local
        self._snd_nxt = array("I")
        self._rcv_nxt = array("I")
        self._ts_recent = array("I")
        self._window = array("H")
        self._bits = array("H")
        self._conn = array("I")
        self._columns = (
            self._remote, self._local, self._ports, self._snd_nxt, self._rcv_nxt, self._ts_recent,
            self._window, self._bits, self._conn,
        )  # fmt: skip
        self._index = array("I", bytes(4 * _LEAST_INDEX))  # slot + 1, 0 for an empty cell
        self._fifos = Fifos()
        self._addresses = InternedAddresses()
        self._locals: dict[int, int] = {}  # place: address, family, IPV6_V6ONLY -> entries
        self._places: dict[int, int] = {}  # place, port -> four counts of 32 bits

    # --- entries -------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self._count

    def add(self, entry: Entry, duration: int, now: int) -> bool:
        """Take an entry in for `duration` ns; `entry.entered` and `.expires` are not looked at.

        False, and nothing happens, when the limit is reached or the flow is there already.
        """
        flow = entry.flow
        if self._count >= self._limit or self._find(flow) != NIL:
            return False
        if 3 * (self._count + 1) > 2 * len(self._index):
            self._grow_index()
        bits = (
            entry.rcv_wscale
            | (entry.tos << _TOS_SHIFT)
            | (_TS_OK if entry.ts_ok else 0)
            | (_REUSEADDR if entry.reuseaddr else 0)
            | (_REUSEPORT if entry.reuseport else 0)
            | (_V6ONLY if entry.v6only else 0)
            | (_FIN_WAIT_2 if entry.fin_wait_2 else 0)
            | (_IPV6 if len(flow.src) == 16 else 0)
        )
        slot = self._take_slot()
        self._remote[slot] = self._addresses.take(flow.src)
        self._local[slot] = self._addresses.take(flow.dst)
        self._ports[slot] = flow.sport << 16 | flow.dport
        self._snd_nxt[slot] = entry.snd_nxt
        self._rcv_nxt[slot] = entry.rcv_nxt
        self._ts_recent[slot] = entry.ts_recent
        self._window[slot] = entry.window
        self._bits[slot] = bits
        self._conn[slot] = entry.conn
        self._into_index(slot)
        self._fifos.append(slot, duration, now)
        self._next_expiry = _UNKNOWN
        self._count += 1
        self._count_place(slot, 1)
        return True

    def get(self, flow: Flow) -> Entry | None:
        """Return the entry of an incoming flow, or None."""
        slot = self._find(flow)
        return None if slot == NIL else self._entry(slot)

    def restart(self, flow: Flow, duration: int, now: int) -> None:
        """Let the entry's time begin again with `duration` ns; KeyError if there is none."""
        slot = self._slot(flow)
        self._fifos.unlink(slot)
        self._fifos.append(slot, duration, now)
        self._next_expiry = _UNKNOWN

    def change(
        self,
        flow: Flow,
        *,
        ts_recent: int | None = None,
        rcv_nxt: int | None = None,
        fin_wait_2: bool | None = None,
    ) -> None:
        """Set what is given and leave the rest; KeyError if there is no such entry."""
        slot = self._slot(flow)
        if ts_recent is not None:
            self._ts_recent[slot] = ts_recent
        if rcv_nxt is not None:
            self._rcv_nxt[slot] = rcv_nxt
        if fin_wait_2 is not None:
            self._bits[slot] = self._bits[slot] & ~_FIN_WAIT_2 | (_FIN_WAIT_2 if fin_wait_2 else 0)

    def remove(self, flow: Flow) -> Entry | None:
        """Take the entry out and return it, or None."""
        slot = self._find(flow)
        return None if slot == NIL else self._take_out(slot)

    def clear(self) -> list[Entry]:
        """Take all out, in the order in which they would have expired."""
        gone = list(self)
        self._start_afresh()
        return gone

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries in order of expiry; the table must not change meanwhile."""
        return map(self._entry, self._fifos)

    def __sizeof__(self) -> int:
        """Return the bytes of the columns and the index; interned addresses come on top."""
        columns = sum(column.__sizeof__() for column in self._columns)
        parts = columns + self._index.__sizeof__() + self._fifos.__sizeof__()
        return object.__sizeof__(self) + parts

    # --- time ----------------------------------------------------------------------------------

    @property
    def next_expiry(self) -> int:
        """When the first entry expires in ns; NEVER when none does."""
        if self._next_expiry == _UNKNOWN:
            slot = self._fifos.first()
            self._next_expiry = NEVER if slot == NIL else min(self._fifos.expires[slot], NEVER)
        return self._next_expiry

    def expire(self, now: int) -> list[Entry]:
        """Take out and return what is due at `now`, the earliest first.

        Of entries that are due at the same time the one that has waited longest comes first.
        """
        gone: list[Entry] = []
        while self._count:
            slot = self._fifos.first()
            if self._fifos.expires[slot] > now:
                break
            gone.append(self._take_out(slot))
        return gone

    # --- what bind() asks ----------------------------------------------------------------------

    def held(self, address: bytes, port: int, v6only: bool = False) -> Counts:
        """Count the entries with this local address, port and IPV6_V6ONLY."""
        place = self._addresses.find(address) << 2 | (len(address) == 16) << 1 | v6only
        return _counts(self._places.get(place << 16 | port, 0))

    def ports_in_use(self, port: int) -> Iterator[tuple[Place, Counts]]:
        """Yield each place with entries on this port; costs O(local addresses)."""
        for place in self._locals:
            packed = self._places.get(place << 16 | port, 0)
            if packed:
                address = self._addresses.show(place >> 2, place & 2 == 2)
                yield Place(address, place & 1 == 1), _counts(packed)

    def _count_place(self, slot: int, step: int) -> None:
        bits = self._bits[slot]
        place = self._local[slot] << 2 | (bits & _IPV6 != 0) << 1 | (bits & _V6ONLY != 0)
        _add(self._locals, place, step)
        # Which of the four counts: SO_REUSEADDR and SO_REUSEPORT, neighbours, as a number.
        which = bits // _REUSEADDR & 3
        _add(self._places, place << 16 | self._ports[slot] & 0xFFFF, step << 32 * which)

    # --- rows ----------------------------------------------------------------------------------

    def _slot(self, flow: Flow) -> int:
        slot = self._find(flow)
        if slot == NIL:
            raise KeyError(flow)
        return slot

    def _entry(self, slot: int) -> Entry:
        bits = self._bits[slot]
        ipv6 = bits & _IPV6 != 0
        ports = self._ports[slot]
        expires = self._fifos.expires[slot]
        show = self._addresses.show
        return Entry(
            Flow(
                show(self._remote[slot], ipv6), ports >> 16,
                show(self._local[slot], ipv6), ports & 0xFFFF,
            ),
            self._snd_nxt[slot],
            self._rcv_nxt[slot],
            self._ts_recent[slot],
            self._window[slot],
            self._conn[slot],
            bits & _TS_OK != 0,
            bits & _REUSEADDR != 0,
            bits & _REUSEPORT != 0,
            bits & _V6ONLY != 0,
            bits & _FIN_WAIT_2 != 0,
            bits & _WSCALE,
            bits >> _TOS_SHIFT & _TOS,
            expires - self._fifos.duration(slot),
            min(expires, NEVER),
        )  # fmt: skip

    def _take_slot(self) -> int:
        slot = self._fifos.take_slot()
        if slot == len(self._ports):
            for column in self._columns:
                column.append(0)
        return slot

    def _take_out(self, slot: int) -> Entry:
        entry = self._entry(slot)
        self._count_place(slot, -1)
        self._out_of_index(slot)
        self._fifos.unlink(slot)
        self._fifos.leave_slot(slot)
        self._next_expiry = _UNKNOWN
        ipv6 = self._bits[slot] & _IPV6 != 0
        self._addresses.give_back(self._remote[slot], ipv6)
        self._addresses.give_back(self._local[slot], ipv6)
        self._count -= 1
        if not self._count:
            self._start_afresh()  # gives the memory of a burst back
        return entry

    # --- index ---------------------------------------------------------------------------------

    def _hash(self, remote: int, local: int, ports: int) -> int:
        # 32 bits by 30 bits: no product leaves the 62 bits of a machine integer. Each step folds
        # the high half, where every bit of its factor has left a trace, into the low one.
        h = (remote ^ self._seed_remote) * 0x2C1B_3C6D
        h = ((h ^ h >> 32) & _MASK ^ ports) * 0x297A_2D39
        h = ((h ^ h >> 32) & _MASK ^ local ^ self._seed_local) * 0x3543_9A65
        return (h ^ h >> 32) & _MASK

    def _find(self, flow: Flow) -> int:
        if not self._count:
            return NIL
        ipv6 = len(flow.src) == 16
        remote = self._addresses.find(flow.src)
        local = self._addresses.find(flow.dst)
        if remote < 0 or local < 0:
            return NIL
        ports = flow.sport << 16 | flow.dport
        index = self._index
        mask = len(index) - 1
        at = self._hash(remote, local, ports) & mask
        while index[at]:
            slot = index[at] - 1
            if (
                self._ports[slot] == ports
                and self._remote[slot] == remote
                and self._local[slot] == local
                and (self._bits[slot] & _IPV6 != 0) == ipv6
            ):
                return slot
            at = at + 1 & mask
        return NIL

    def _home(self, slot: int) -> int:
        h = self._hash(self._remote[slot], self._local[slot], self._ports[slot])
        return h & len(self._index) - 1

    def _into_index(self, slot: int) -> None:
        mask = len(self._index) - 1
        at = self._home(slot)
        while self._index[at]:
            at = at + 1 & mask
        self._index[at] = slot + 1

    def _out_of_index(self, slot: int) -> None:
        index = self._index
        mask = len(index) - 1
        hole = self._home(slot)
        while index[hole] != slot + 1:
            hole = hole + 1 & mask
        at = hole + 1 & mask
        while index[at]:
            # What lies further from home than the hole is may move back into the hole.
            if (at - self._home(index[at] - 1) & mask) >= (at - hole & mask):
                index[hole] = index[at]
                hole = at
            at = at + 1 & mask
        index[hole] = 0

    def _grow_index(self) -> None:
        slots = [cell - 1 for cell in self._index if cell]
        self._index = array("I", bytes(8 * len(self._index)))
        for slot in slots:
            self._into_index(slot)


def _counts(packed: int) -> Counts:
    neither, reuseaddr, reuseport, both = (packed >> shift & _MASK for shift in (0, 32, 64, 96))
    return Counts(
        total=neither + reuseaddr + reuseport + both,
        reuseaddr=reuseaddr + both,
        reuseport=reuseport + both,
        both=both,
    )


def _add(counts: dict[int, int], key: int, step: int) -> None:
    left = counts.get(key, 0) + step
    if left:
        counts[key] = left
    else:
        del counts[key]
