"""The TIME-WAIT table against a dict of entries."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lastack.host import Counts, Place, TimeWaits
from lastack.profile import NEVER
from lastack.tcp import Entry
from lastack.wire import Flow

U32 = st.integers(0, 0xFFFF_FFFF)
DURATIONS = st.sampled_from([1, 5, 7, 60, 120, NEVER])
FEW = 3


def flows_of(width: int) -> st.SearchStrategy[Flow]:
    """Few enough that random calls meet the same flows again, and not small numbers only."""
    addresses = st.sampled_from(
        [bytes(width - 1) + bytes([n]) for n in range(FEW)] + [b"\xff" * width]
    )
    ports = st.sampled_from([0, 1, 80, 65535])
    return st.builds(Flow, addresses, ports, addresses, ports)


FLOWS = flows_of(4) | flows_of(16)
ENTRIES = st.builds(
    Entry,
    flow=FLOWS,
    snd_nxt=U32,
    rcv_nxt=U32,
    ts_recent=U32,
    window=st.integers(0, 0xFFFF),
    conn=st.integers(0, 1000),
    ts_ok=st.booleans(),
    reuseaddr=st.booleans(),
    reuseport=st.booleans(),
    v6only=st.booleans(),
    fin_wait_2=st.booleans(),
    rcv_wscale=st.integers(0, 14),
    tos=st.integers(0, 63).map(lambda bits: 4 * bits),
    entered=st.just(0),
    expires=st.just(0),
)


class TableAgainstDict(RuleBasedStateMachine):
    """The dict keeps its entries in the order in which their time began."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.limit = 60  # beyond 42 the first index has been replaced
        self.table = TimeWaits(self.limit, seed=3)
        self.model: dict[Flow, Entry] = {}

    def in_order(self) -> list[Entry]:
        return sorted(self.model.values(), key=lambda entry: entry.expires)

    @rule(entry=ENTRIES, duration=DURATIONS)
    def add(self, entry: Entry, duration: int) -> None:
        room = entry.flow not in self.model and len(self.model) < self.limit
        assert self.table.add(entry, duration, self.now) is room
        if room:
            self.begin(entry, duration)

    @rule(entries=st.lists(ENTRIES, max_size=40), duration=DURATIONS)
    def add_many(self, entries: list[Entry], duration: int) -> None:
        for entry in entries:
            self.add(entry, duration)

    @rule(flow=FLOWS)
    def get(self, flow: Flow) -> None:
        assert self.table.get(flow) == self.model.get(flow)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), duration=DURATIONS)
    def restart(self, data: st.DataObject, duration: int) -> None:
        flow = data.draw(st.sampled_from(list(self.model)))
        self.table.restart(flow, duration, self.now)
        self.begin(self.model.pop(flow), duration)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), ts_recent=st.none() | U32, rcv_nxt=st.none() | U32)
    def change(self, data: st.DataObject, ts_recent: int | None, rcv_nxt: int | None) -> None:
        flow = data.draw(st.sampled_from(list(self.model)))
        fin_wait_2 = data.draw(st.none() | st.booleans())
        self.table.change(flow, ts_recent=ts_recent, rcv_nxt=rcv_nxt, fin_wait_2=fin_wait_2)
        entry = self.model[flow]
        if ts_recent is not None:
            entry = entry._replace(ts_recent=ts_recent)
        if rcv_nxt is not None:
            entry = entry._replace(rcv_nxt=rcv_nxt)
        if fin_wait_2 is not None:
            entry = entry._replace(fin_wait_2=fin_wait_2)
        self.model[flow] = entry

    @rule(flow=FLOWS)
    def remove(self, flow: Flow) -> None:
        assert self.table.remove(flow) == self.model.pop(flow, None)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def remove_one_that_is_there(self, data: st.DataObject) -> None:
        self.remove(data.draw(st.sampled_from(list(self.model))))

    @rule(elapsed=st.integers(0, 30))
    def expire(self, elapsed: int) -> None:
        self.now += elapsed
        due = [entry for entry in self.in_order() if entry.expires <= self.now]
        assert self.table.expire(self.now) == due
        for entry in due:
            del self.model[entry.flow]

    @rule()
    def clear(self) -> None:
        assert self.table.clear() == self.in_order()
        self.model.clear()

    @invariant()
    def same(self) -> None:
        entries = self.in_order()
        assert len(self.table) == len(entries)
        assert list(self.table) == entries
        assert self.table.next_expiry == min((entry.expires for entry in entries), default=NEVER)
        assert all(self.table.get(entry.flow) == entry for entry in entries)

    @invariant()
    def same_counts(self) -> None:
        places: dict[int, dict[Place, Counts]] = {}
        for entry in self.model.values():
            addresses = places.setdefault(entry.flow.dport, {})
            place = Place(entry.flow.dst, entry.v6only)
            have = addresses.get(place, Counts())
            addresses[place] = Counts(
                have.total + 1,
                have.reuseaddr + entry.reuseaddr,
                have.reuseport + entry.reuseport,
                have.both + (entry.reuseaddr and entry.reuseport),
            )
        for port in (0, 1, 80, 65535):
            expected = places.get(port, {})
            assert dict(self.table.ports_in_use(port)) == expected
            for place, counts in expected.items():
                assert self.table.held(place.address, port, place.v6only) == counts

    def begin(self, entry: Entry, duration: int) -> None:
        expires = min(self.now + duration, NEVER)
        self.model[entry.flow] = entry._replace(entered=self.now, expires=expires)


TestTableAgainstDict = TableAgainstDict.TestCase
TestTableAgainstDict.settings = settings(stateful_step_count=30)
