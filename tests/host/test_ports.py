"""bind(), listen() and the automatic port (docs/kernel-notes/bind.md, RFC 6056)."""

import errno
from dataclasses import replace
from itertools import pairwise

import pytest

from lastack.host import Binding, PortError, Ports, TimeWaits, flow_hint
from lastack.profile import LINUX, MINUTE, TEXTBOOK, PortRules
from lastack.state import State
from lastack.tcp import Entry
from lastack.trace import Reason
from lastack.wire import ANY4, ANY6, LOOPBACK4, Flow, pack_address

SERVER = pack_address("10.0.0.1")
SERVER2 = pack_address("10.0.0.2")
CLIENT = pack_address("10.9.9.9")
OURS = {SERVER, SERVER2, pack_address("2001:db8::1")}
FOUR = replace(LINUX.ports, ephemeral_low=40000, ephemeral_high=40003)
NOT_LISTENING = [state for state in State if state not in (State.LISTEN, State.TIME_WAIT)]


class Socket:
    """All that a binding asks of a socket."""

    def __init__(self, state: State = State.CLOSED) -> None:
        self.state = state


class Machine:
    """The ports of one host with the calls a test makes on them."""

    def __init__(self, rules: PortRules = LINUX.ports, seed: int = 0) -> None:
        self.timewaits = TimeWaits(1000)
        self.ports = Ports(rules, self.timewaits, seed)

    def bind(
        self,
        address: bytes = ANY4,
        port: int = 80,
        options: str = "",
        state: State = State.CLOSED,
        *,
        v6only: bool = False,
        uid: int = 0,
    ) -> Binding:
        """Bind a socket with options "A" (SO_REUSEADDR), "P" (SO_REUSEPORT), then change state."""
        owner = Socket()
        reuseaddr, reuseport = "A" in options, "P" in options
        binding = Binding(owner, reuseaddr=reuseaddr, reuseport=reuseport, v6only=v6only, uid=uid)
        self.ports.bind(binding, address, port, OURS)
        owner.state = state
        return binding

    def refused(self, address: bytes = ANY4, port: int = 80, options: str = "") -> PortError:
        with pytest.raises(PortError) as caught:
            self.bind(address, port, options)
        return caught.value

    def listen(self, binding: Binding) -> None:
        self.ports.may_listen(binding)
        assert isinstance(binding.owner, Socket)
        binding.owner.state = State.LISTEN

    def connect(self, remote: bytes = CLIENT, local: bytes = SERVER) -> Binding:
        """Connect an unbound socket to a destination that it has no connection to yet."""
        hint = flow_hint(local, remote, 443)
        binding = Binding(Socket(State.ESTABLISHED))
        self.ports.add_auto(binding, local, next(self.ports.candidates_for_connect(hint)))
        return binding

    def time_wait(
        self, port: int = 80, options: str = "", local: bytes = SERVER, sport: int = 5000
    ) -> None:
        entry = Entry(
            Flow(CLIENT, sport, local, port), 0, 0, 0, 0, 1,
            reuseaddr="A" in options, reuseport="P" in options,
        )  # fmt: skip
        assert self.timewaits.add(entry, MINUTE, 0)


# --- whose address ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "::", "10.0.0.1", "127.0.0.1", "127.9.9.9", "::1", "::ffff:10.0.0.1"]
)
def test_an_address_of_the_host_is_bound(address: str) -> None:
    binding = Machine().bind(pack_address(address), 80)
    assert (binding.address, binding.port) == (pack_address(address), 80)


@pytest.mark.parametrize("address", ["203.0.113.1", "2001:db8::2", "::ffff:203.0.113.1"])
def test_a_foreign_address_is_not(address: str) -> None:
    error = Machine().refused(pack_address(address))
    assert (error.errno, error.reason) == (errno.EADDRNOTAVAIL, Reason.ADDRESS_NOT_OURS)


# --- who is there already --------------------------------------------------------------------


@pytest.mark.parametrize("state", NOT_LISTENING)
def test_both_need_so_reuseaddr_and_then_every_state_but_listen_is_shared(state: State) -> None:
    for held, wanted in [("", ""), ("", "A"), ("A", ""), ("A", "P"), ("P", "A")]:
        machine = Machine()
        machine.bind(SERVER, 80, held, state)
        assert machine.refused(ANY4, 80, wanted).errno == errno.EADDRINUSE
    for options in ("A", "P"):
        machine = Machine()
        machine.bind(SERVER, 80, options, state)
        assert machine.bind(ANY4, 80, options).port == 80


def test_a_listener_is_not_shared_by_so_reuseaddr() -> None:
    machine = Machine()
    machine.bind(SERVER, 80, "A", State.LISTEN)
    error = machine.refused(ANY4, 80, "A")
    assert error.errno == errno.EADDRINUSE
    assert error.reason is Reason.PORT_LISTENING
    assert error.holders == ("LISTEN 10.0.0.1:80",)
    assert machine.bind(SERVER2, 80, "A").port == 80  # another address is no conflict
    assert machine.bind(SERVER, 81).port == 81


def test_a_listener_is_shared_by_so_reuseport_of_one_user() -> None:
    machine = Machine()
    machine.bind(SERVER, 80, "P", State.LISTEN, uid=7)
    machine.bind(SERVER, 80, "P", State.LISTEN, uid=7)
    with pytest.raises(PortError):
        machine.bind(SERVER, 80, "P", uid=8)


@pytest.mark.parametrize(("held", "wanted", "shared"), [
    ("", "", False), ("", "A", False), ("A", "", False), ("A", "A", True),
    ("P", "P", True), ("A", "P", False), ("AP", "A", True), ("AP", "P", True),
])  # fmt: skip
def test_time_wait_is_shared_if_both_generations_set_the_option(
    held: str, wanted: str, shared: bool
) -> None:
    machine = Machine()
    machine.time_wait(80, held)
    other = machine.bind(SERVER2, 80)  # a TIME-WAIT has the address of its connection
    machine.ports.release(other)
    if shared:
        machine.listen(machine.bind(ANY4, 80, wanted))
    else:
        error = machine.refused(ANY4, 80, wanted)
        assert (error.errno, error.reason) == (errno.EADDRINUSE, Reason.PORT_IN_TIME_WAIT)
        assert error.holders == ("TIME-WAIT 10.0.0.1:80",)
        assert machine.refused(SERVER, 80, wanted).holders == error.holders


def test_one_time_wait_without_the_option_among_many_is_enough() -> None:
    machine = Machine()
    for sport in range(3):
        machine.time_wait(80, "A", sport=sport)
    machine.time_wait(80, "P", sport=3)
    assert machine.bind(ANY4, 80, "AP").port == 80
    machine.time_wait(80, "", sport=4)
    machine.time_wait(80, "", sport=5)
    assert machine.refused(SERVER, 80, "AP").holders == ("TIME-WAIT 10.0.0.1:80 (2 times)",)
    machine.timewaits.expire(MINUTE)
    assert machine.bind(SERVER, 80, "AP").port == 80


def test_the_textbook_asks_the_new_socket_alone() -> None:
    machine = Machine(TEXTBOOK.ports)
    machine.time_wait(80, "")
    assert machine.refused(ANY4, 80).reason is Reason.PORT_IN_TIME_WAIT
    machine.listen(machine.bind(ANY4, 80, "A"))
    for state in NOT_LISTENING:
        machine = Machine(TEXTBOOK.ports)
        machine.bind(SERVER, 80, "A", state)
        assert machine.refused(ANY4, 80, "A").errno == errno.EADDRINUSE


def test_a_connected_socket_gives_the_wildcard_up() -> None:
    machine = Machine()
    first = machine.bind(ANY4, 80)
    assert machine.refused(SERVER2, 80).holders == ("bound 0.0.0.0:80",)
    first.address, first.connected = SERVER, True
    assert machine.bind(SERVER2, 80).port == 80
    assert machine.refused(SERVER, 80).reason is Reason.PORT_CONNECTED


def test_the_options_count_as_they_are_when_the_other_binds() -> None:
    machine = Machine()
    first = machine.bind(SERVER, 80)
    first.reuseaddr = True
    second = machine.bind(SERVER, 80, "A")
    second.reuseaddr = False
    assert machine.refused(SERVER, 80, "A").holders == ("bound 10.0.0.1:80",)


def test_ipv6_only_decides_whether_the_families_meet() -> None:
    machine = Machine()
    machine.bind(ANY4, 80, state=State.LISTEN)
    assert machine.refused(ANY6).reason is Reason.PORT_LISTENING
    machine.bind(ANY6, 80, v6only=True)
    assert machine.refused(pack_address("::1")).holders == ("bound [::]:80",)
    dual = Machine()
    dual.bind(ANY6, 80)
    assert dual.refused(LOOPBACK4).holders == ("bound [::]:80",)
    dual.time_wait(81, local=SERVER)
    assert dual.refused(ANY6, 81).holders == ("TIME-WAIT 10.0.0.1:81",)
    assert dual.refused(pack_address("::ffff:10.0.0.1"), 81).errno == errno.EADDRINUSE


def test_the_reason_names_the_holder_that_is_hardest_to_get_rid_of() -> None:
    machine = Machine()
    machine.time_wait(80, "A")
    machine.bind(ANY4, 80, "A", State.ESTABLISHED)
    listener = machine.bind(ANY4, 80, "A")
    machine.listen(listener)
    error = machine.refused(ANY4, 80)
    assert error.reason is Reason.PORT_LISTENING
    assert sorted(error.holders) == [
        "ESTABLISHED 0.0.0.0:80", "LISTEN 0.0.0.0:80", "TIME-WAIT 10.0.0.1:80",
    ]  # fmt: skip
    machine.ports.release(listener)
    assert machine.refused(ANY4, 80).reason is Reason.PORT_CONNECTED


# --- listen() --------------------------------------------------------------------------------


def test_of_two_bound_with_so_reuseaddr_one_listens() -> None:
    machine = Machine()
    first, second = machine.bind(options="A"), machine.bind(options="A")
    machine.listen(first)
    with pytest.raises(PortError) as caught:
        machine.listen(second)
    assert caught.value.errno == errno.EADDRINUSE
    assert caught.value.holders == ("LISTEN 0.0.0.0:80",)
    machine.ports.release(first)
    machine.listen(second)


def test_both_listen_with_so_reuseport() -> None:
    machine = Machine()
    first, second = machine.bind(options="P"), machine.bind(options="P")
    machine.listen(first)
    machine.listen(second)


def test_listening_again_beside_a_connection_needs_so_reuseaddr() -> None:
    machine = Machine()
    listener = machine.bind(ANY4, 80)
    machine.listen(listener)
    child = machine.ports.inherit(listener, SERVER)
    child.owner = Socket(State.ESTABLISHED)
    with pytest.raises(PortError) as caught:
        machine.listen(listener)
    assert caught.value.holders == ("ESTABLISHED 10.0.0.1:80",)
    listener.reuseaddr = child.reuseaddr = True
    machine.listen(listener)


def test_a_connection_inherits_port_and_options_of_its_listener() -> None:
    machine = Machine()
    listener = machine.bind(ANY4, 80, "AP", State.LISTEN, uid=7)
    child = machine.ports.inherit(listener, SERVER)
    assert (child.address, child.port, child.connected) == (SERVER, 80, True)
    assert (child.reuseaddr, child.reuseport, child.uid) == (True, True, 7)
    assert not child.auto
    child.owner = Socket(State.CLOSE_WAIT)
    machine.ports.release(listener)
    assert machine.refused(ANY4, 80).holders == ("CLOSE-WAIT 10.0.0.1:80",)
    assert machine.bind(ANY4, 80, "A").port == 80


# --- the automatic port ----------------------------------------------------------------------


@pytest.mark.parametrize("options", ["", "A", "P", "AP"])
@pytest.mark.parametrize("state", [State.CLOSED, State.LISTEN])
def test_bind_0_never_shares_a_port(options: str, state: State) -> None:
    machine = Machine(FOUR)
    ports = [machine.bind(SERVER, 0, options, state).port for _ in range(4)]
    assert sorted(ports) == [40000, 40001, 40002, 40003]
    error = machine.refused(SERVER, 0, options)
    assert (error.errno, error.reason) == (errno.EADDRINUSE, Reason.NO_PORT_FREE)


def test_bind_0_shares_a_port_with_another_address_only() -> None:
    machine = Machine(replace(FOUR, ephemeral_high=40000))
    assert machine.bind(SERVER, 0).port == machine.bind(SERVER2, 0).port == 40000
    assert machine.refused(ANY4, 0).reason is Reason.NO_PORT_FREE


def test_connections_and_time_waits_keep_bind_0_away() -> None:
    machine = Machine(replace(FOUR, ephemeral_high=40001))
    connection = machine.connect()
    assert connection.auto
    machine.time_wait({40000: 40001, 40001: 40000}[connection.port], "AP")
    assert machine.refused(SERVER, 0, "AP").errno == errno.EADDRINUSE
    machine.ports.release(connection)
    assert machine.bind(SERVER, 0).port in (40000, 40001)


def test_the_errno_of_bind_0_is_the_profiles() -> None:
    machine = Machine(replace(FOUR, ephemeral_high=40000, bind_exhausted=errno.EADDRNOTAVAIL))
    machine.bind(SERVER, 0)
    assert machine.refused(SERVER, 0).errno == errno.EADDRNOTAVAIL


def test_connect_and_bind_0_have_one_parity_each_while_it_lasts() -> None:
    rules = replace(FOUR, ephemeral_low=41000, ephemeral_high=41009)
    machine = Machine(rules)
    bound = [machine.bind(SERVER, 0).port for _ in range(10)]
    assert all(port % 2 == 1 for port in bound[:5])
    assert sorted(bound) == list(range(41000, 41010))
    ports = list(Machine(rules).ports.candidates_for_connect(12345))
    assert all(port % 2 == 0 for port in ports[:5])
    assert sorted(ports) == list(range(41000, 41010))
    plain = list(Machine(replace(rules, parity=False)).ports.candidates_for_connect(12345))
    steps = {(after - before) % 10 for before, after in pairwise(plain)}
    assert steps == {1}


def test_the_last_port_of_an_odd_range_is_never_used() -> None:
    rules = replace(FOUR, ephemeral_high=40002)
    assert sorted(Machine(rules).ports.candidates_for_connect(1)) == [40000, 40001]
    machine = Machine(rules)
    assert sorted(machine.bind(SERVER, 0).port for _ in range(2)) == [40000, 40001]
    assert machine.refused(SERVER, 0).reason is Reason.NO_PORT_FREE
    every = Machine(replace(rules, parity=False)).ports.candidates_for_connect(1)
    assert sorted(every) == [40000, 40001, 40002]


def test_connects_to_one_place_take_one_port_after_the_other() -> None:
    machine = Machine(replace(FOUR, ephemeral_low=50000, ephemeral_high=50999), seed=5)
    hint = flow_hint(SERVER, CLIENT, 443)
    chosen = [next(machine.ports.candidates_for_connect(hint)) for _ in range(20)]
    assert {(b - a) % 1000 for a, b in pairwise(chosen)} == {2}
    elsewhere = next(machine.ports.candidates_for_connect(flow_hint(SERVER, CLIENT, 444)))
    assert (elsewhere - chosen[-1]) % 1000 != 2


def test_the_seed_decides_and_nothing_else() -> None:
    def bound(seed: int) -> list[int]:
        machine = Machine(seed=seed)
        return [machine.bind(SERVER, 0).port for _ in range(10)]

    def connected(seed: int) -> list[int]:
        machine = Machine(seed=seed)
        return [machine.connect(bytes([10, 0, 1, n])).port for n in range(10)]

    for choices in (bound, connected):
        assert choices(1) == choices(1)
        assert not set(choices(1)) & set(choices(2))


def test_bind_0_does_not_hand_out_the_same_port_again_at_once() -> None:
    machine = Machine()
    first, second = (machine.bind(SERVER, 0) for _ in range(2))
    assert abs(first.port - second.port) > 2
    port = second.port
    machine.ports.release(second)
    assert machine.bind(SERVER, 0).port != port


def test_connections_to_different_places_share_ports() -> None:
    machine = Machine(FOUR)
    for remote in (CLIENT, SERVER2):
        hint = flow_hint(SERVER, remote, 443)
        taken: set[int] = set()
        for _ in range(4):
            port = next(p for p in machine.ports.candidates_for_connect(hint) if p not in taken)
            machine.ports.add_auto(Binding(Socket(State.ESTABLISHED)), SERVER, port)
            taken.add(port)
        assert taken == {40000, 40001, 40002, 40003}
        assert set(machine.ports.candidates_for_connect(hint)) == taken  # for the next place


@pytest.mark.parametrize("options", ["", "A", "P"])
def test_connect_keeps_off_ports_that_somebody_bound(options: str) -> None:
    machine = Machine(FOUR)
    bindings = [machine.bind(LOOPBACK4, port, options) for port in (40000, 40001, 40003)]
    assert list(machine.ports.candidates_for_connect(0)) == [40002]
    assert not machine.ports.usable_for_connect(40000)
    machine.bind(LOOPBACK4, 40002, options)
    assert list(machine.ports.candidates_for_connect(0)) == []
    machine.ports.release(bindings[0])
    assert machine.ports.usable_for_connect(40000)


def test_a_bound_port_stays_off_until_its_last_connection_has_left_time_wait() -> None:
    machine = Machine(FOUR)
    client = machine.bind(SERVER, 40000)
    machine.time_wait(40000)
    machine.ports.release(client)
    assert not machine.ports.usable_for_connect(40000)
    machine.time_wait(40001)  # of a connection whose port connect() had chosen
    assert machine.ports.usable_for_connect(40001)
    machine.timewaits.expire(MINUTE)
    assert machine.ports.usable_for_connect(40000)
    machine.ports.add_auto(Binding(Socket(State.ESTABLISHED)), SERVER, 40000)
    assert machine.ports.usable_for_connect(40000)  # for another destination


def test_a_port_of_connect_is_bound_by_the_usual_rule() -> None:
    machine = Machine(FOUR)
    connection = machine.connect()
    assert machine.refused(SERVER, connection.port, "A").reason is Reason.PORT_CONNECTED
    assert machine.bind(SERVER2, connection.port).port == connection.port
    connection.reuseaddr = True
    assert machine.bind(SERVER, connection.port, "A").port == connection.port


def test_releasing_twice_is_releasing_once() -> None:
    machine = Machine()
    binding = machine.connect()
    machine.ports.release(binding)
    machine.ports.release(binding)
    assert (binding.port, binding.auto, binding.connected) == (0, False, False)
    machine.ports.bind(binding, SERVER, 80, OURS)
    machine.ports.release(binding)
    assert machine.bind(SERVER, 80).port == 80
