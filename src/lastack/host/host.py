"""A host: the connections, listeners and ports of one machine, without a clock or a network.

Packets and time go in, packets and wake-ups come out. Orphans, connections that no program has any
more, live here until they are done; so does what goes on after close() has returned.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from hashlib import blake2s

from lastack.profile import NEVER, Profile, Reuse
from lastack.tcp import (
    OVER,
    Buffers,
    Connection,
    Entry,
    initial_sequence,
    reset_for,
    timestamp_offset,
)
from lastack.trace import (
    Arrived,
    Dropped,
    Fault,
    Opened,
    Reason,
    ResetSent,
    Scribe,
    Sent,
    SocketRow,
)
from lastack.wire import (
    ACK,
    RST,
    SYN,
    ChecksumError,
    Datagram,
    Flow,
    IcmpMessage,
    Packet,
    Segment,
    WireError,
    is_any,
    is_loopback,
    is_unicast,
    itself,
    parse,
    seq,
)

from . import errors, snapshot
from .agenda import Agenda
from .datagrams import Datagrams
from .endpoint import Endpoint, Listener, Options, header_length
from .handshakes import Handshakes
from .listen import choose
from .paths import Paths
from .ports import Binding, PortError, Ports, flow_hint, source_for
from .timewaits import TimeWaits
from .waiting import WaitingRoom

_NO_LINK = 1500
_OVER = 0x201D
"""What poll(2) says of a killed listener: IN, OUT, ERR, HUP and RDHUP."""


class Host:
    """One machine. `mtu_to` tells the MTU towards an address; the world sets it."""

    def __init__(
        self, name: str, profile: Profile, addresses: Sequence[bytes], *, seed: int = 0,
        scribe: Scribe | None = None,
    ) -> None:  # fmt: skip
        self.name = name
        self.profile = profile
        self.addresses = tuple(addresses)
        self.scribe = scribe
        self.mtu_to: Callable[[bytes], int] = lambda _: _NO_LINK
        self._secret = blake2s(f"{name}/{seed}".encode(), digest_size=16).digest()
        table = TimeWaits(profile.time_wait.limit, seed)
        self._paths = Paths(profile.errors.path_mtu_kept_ns)
        self.waiting = WaitingRoom(profile, table, self._secret, scribe)
        self.ports = Ports(profile.ports, self.waiting.table, seed)
        self.datagrams = Datagrams(self, profile.ports, seed)
        self.handshakes = Handshakes(self, self._secret)
        self._endpoints: dict[Flow, Endpoint] = {}
        self._listeners: dict[int, list[Listener]] = {}
        self._agenda = Agenda()
        self._packets: list[Packet] = []
        self._ready: dict[object, int] = {}
        self._next_conn = 0
        self._entered = False

    # -- from below ----------------------------------------------------------------------------

    def packet_arrives(self, packet: Packet, now: int) -> None:
        """Take a packet from the network. Whatever it says, nothing is raised."""
        self._enter()
        try:
            if isinstance(packet, Segment):
                self._segment_arrives(packet, now)
            elif isinstance(packet, Datagram):
                self.datagrams.arrives(packet, now)
            elif not self.datagrams.icmp_arrives(packet, now):
                self._icmp_arrives(packet, now)
        finally:
            self._entered = False

    def bytes_arrive(self, data: bytes, now: int) -> None:
        """Take a packet as bytes; what cannot be parsed is dropped with its reason."""
        try:
            packet = parse(data)
        except WireError as error:
            wrong = isinstance(error, ChecksumError)
            if self.scribe is not None:
                reason = Reason.CHECKSUM if wrong else Reason.MALFORMED
                self.scribe.write(Dropped(0, 0, reason), now)
            return
        self.packet_arrives(packet, now)

    def timeout(self, now: int) -> None:
        """Let every timer that is due expire; an early call does nothing."""
        self._enter()
        try:
            while (endpoint := self._agenda.pop(now)) is not None:
                if endpoint.listener is None or not self.handshakes.lost(endpoint, now):
                    endpoint.connection.timeout(now)
                self.settle(endpoint, now)
            self.waiting.expire(now)
        finally:
            self._entered = False

    def _enter(self) -> None:
        assert not self._entered, "the engine was entered while it was at work"
        self._entered = True

    # -- out -----------------------------------------------------------------------------------

    def take_packets(self) -> list[Packet]:
        """Return the packets to send, in order, and forget them."""
        packets, self._packets = self._packets, []
        return packets

    def take_ready(self) -> list[tuple[object, int]]:
        """Return (file, poll bits) for every file with news since the last call."""
        ready, self._ready = self._ready, {}
        return list(ready.items())

    def take_news(self) -> tuple[list[Packet], list[tuple[object, int]]]:
        """Do `take_packets` and `take_ready` at once, written out: it is asked after every call and
        every arrival."""
        packets, ready = self._packets, self._ready
        if packets:
            self._packets = []
        if ready:
            self._ready = {}
        return packets, list(ready.items())

    @property
    def next_timeout(self) -> int:
        """When to call `timeout`, NEVER if no timer runs."""
        return self.timeout_before(NEVER)

    def timeout_before(self, limit: int) -> int:
        """Return `next_timeout` if it is before `limit`, else `limit`; cheap when nothing is."""
        return min(self._agenda.before(limit), self.waiting.table.next_expiry)

    # -- for sockets ---------------------------------------------------------------------------

    def new_conn(self) -> int:
        """Return the number of a new incarnation."""
        if self.scribe is not None:
            return self.scribe.journal.next_conn()
        self._next_conn += 1
        return self._next_conn

    def wake(self, owner: object, events: int) -> None:
        """Note news for a file."""
        if owner is not None and events:
            self._ready[owner] = self._ready.get(owner, 0) | events

    def settle(self, endpoint: Endpoint, now: int) -> None:
        """Collect what a connection has to send and to tell; call it after each use of one."""
        segments, events, due = endpoint.connection.take_news(now)
        if segments:
            self._packets += segments
        if endpoint.listener is not None and not endpoint.queued:
            self.handshakes.settled(endpoint, endpoint.listener)
        if events:
            self.wake(endpoint.owner, events)
        if due == OVER:
            self._gone(endpoint, now)
        elif due < endpoint.scheduled:
            self._agenda.schedule(endpoint, due)

    def _into_table(self, endpoint: Endpoint, taken: tuple[Entry, int], now: int) -> None:
        entry, duration = taken
        binding = endpoint.binding
        if binding.reuseaddr or binding.reuseport or binding.v6only:
            entry = entry._replace(
                reuseaddr=binding.reuseaddr, reuseport=binding.reuseport, v6only=binding.v6only
            )
        self._endpoints.pop(entry.flow, None)
        self.waiting.enter(entry, duration, now)

    def _gone(self, endpoint: Endpoint, now: int) -> None:
        taken = endpoint.connection.take_entry()
        if taken is not None:
            self._into_table(endpoint, taken, now)
        flow = endpoint.connection.flow.reversed()
        if self._endpoints.get(flow) is endpoint:
            del self._endpoints[flow]
        # A port that bind() gave belongs to the socket; any other is free again.
        binding = endpoint.binding
        named = binding.port and not (binding.auto or binding.chosen or binding.inherited)
        if endpoint.owner is None or not named:
            self.ports.release(binding)
        else:
            binding.connected = False

    # -- LISTEN --------------------------------------------------------------------------------

    def listen(
        self, binding: Binding, backlog: int, options: Options, buffers: Buffers, owner: object,
        conn: int,
    ) -> Listener:  # fmt: skip
        """Begin to listen on a bound port; PortError when another socket listens there.

        Connections from the port, open or being opened, stay as they are (MUST-41, MUST-42).
        """
        self.ports.may_listen(binding)
        listener = Listener(conn, binding, backlog, options, buffers, owner, self.profile.start)
        binding.owner = listener
        self._listeners.setdefault(binding.port, []).append(listener)
        return listener

    def unlisten(self, listener: Listener, reason: Reason, now: int) -> None:
        """Stop listening: connections in the accept queue are reset; handshakes under way are
        forgotten at their next timer, and whatever comes for one before that is met with a RST."""
        listener.stop()
        here = self._listeners.get(listener.binding.port, [])
        if listener in here:
            here.remove(listener)
        for endpoint in list(listener.queue):
            endpoint.connection.abandon_reading(reason, now)
            endpoint.connection.abort(reason, now)
            endpoint.listener = None
            self.settle(endpoint, now)
        listener.queue.clear()
        if listener.binding.chosen:
            self.ports.release(listener.binding)

    def _listener_for(self, flow: Flow) -> Listener | None:
        """Return the listening socket for a segment."""
        return choose(self._listeners.get(flow.dport, ()), flow)

    # -- OPEN ----------------------------------------------------------------------------------

    def connect(
        self, binding: Binding, remote: bytes, port: int, buffers: Buffers, owner: object,
        conn: int, options: Options, now: int,
    ) -> Endpoint:  # fmt: skip
        """OPEN, active: choose address and port where there is none, and send SYN.

        PortError: EADDRNOTAVAIL when every port is taken or the 4-tuple is in use; ENETUNREACH
        for an address that is not one host's (MUST-46).
        """
        remote = itself(remote)
        if not is_unicast(remote):
            raise PortError(errno.ENETUNREACH, Reason.ADDRESS_NOT_OURS)
        local = binding.address
        if is_any(local) or binding.port == 0:
            local = self._source_for(remote) if is_any(local) else local
        old = self._choose_port(binding, local, remote, port, now)
        flow = Flow(local, binding.port, remote, port)  # for its whole life (MUST-45)
        binding.address = local
        endpoint = self.new_endpoint(flow, binding, buffers, conn, options.maxseg, old, now)
        endpoint.owner = owner
        endpoint.connection.set_ip_fields(options.ip_fields(flow))
        if self.scribe is not None:
            self.scribe.write(Opened(conn, flow, True, 0), now)
        endpoint.connection.open(now)
        self.settle(endpoint, now)
        return endpoint

    def _source_for(self, remote: bytes) -> bytes:
        return source_for(remote, self.addresses, self.mtu_to)

    def _choose_port(
        self, binding: Binding, local: bytes, remote: bytes, port: int, now: int
    ) -> Entry | None:
        """Settle the local port; return the TIME-WAIT that the new connection takes over."""
        if binding.port:
            flow = Flow(remote, port, local, binding.port)
            if flow in self._endpoints or not self._may_reuse(flow, bound=True, now=now):
                raise PortError(errno.EADDRNOTAVAIL, Reason.TUPLE_TAKEN)
            return self.waiting.remove(flow, Reason.TIME_WAIT_REUSED, now)
        for candidate in self.ports.candidates_for_connect(flow_hint(local, remote, port)):
            flow = Flow(remote, port, local, candidate)
            if flow in self._endpoints or not self._may_reuse(flow, bound=False, now=now):
                continue
            old = self.waiting.remove(flow, Reason.TIME_WAIT_REUSED, now)
            self.ports.add_auto(binding, local, candidate)
            return old
        raise PortError(self.profile.ports.connect_exhausted, Reason.NO_PORT_FREE)

    def _may_reuse(self, flow: Flow, *, bound: bool, now: int) -> bool:
        """Tell whether connect() may take the 4-tuple; RFC 6191 is for timestamps only."""
        entry = self.waiting.table.get(flow)
        if entry is None:
            return True
        rules = self.profile.time_wait
        if entry.fin_wait_2 or not entry.ts_ok:
            return False
        if bound:
            return rules.reuse_by_bound
        loopback = is_loopback(flow.src) or flow.src == flow.dst
        allowed = rules.reuse is Reuse.ON or (rules.reuse is Reuse.LOOPBACK and loopback)
        return allowed and now - entry.entered > rules.reuse_delay_ns

    def new_endpoint(
        self, flow: Flow, binding: Binding, buffers: Buffers, conn: int, maxseg: int,
        old: Entry | None, now: int, iss: int = -1,
    ) -> Endpoint:  # fmt: skip
        """Enter a connection into the table; `iss` is chosen unless it is given."""
        if iss < 0:
            iss = initial_sequence(flow, self._secret, now)
        if old is not None:
            iss = (old.snd_nxt + self.profile.time_wait.reopen_isn_gap) & seq.MASK
        connection = self.new_connection(flow, buffers, conn, maxseg, iss, self.scribe, now)
        endpoint = Endpoint(connection, binding)
        endpoint.path_mtu = self._paths.told(flow.dst, now)
        self._endpoints[flow.reversed()] = endpoint
        return endpoint

    def new_connection(
        self, flow: Flow, buffers: Buffers, conn: int, maxseg: int, iss: int,
        scribe: Scribe | None, now: int,
    ) -> Connection:  # fmt: skip
        """Return a connection that no table has yet."""
        link, told = self.mtu_to(flow.dst), self._paths.told(flow.dst, now)
        mss = min(link, told or link) - header_length(flow)
        return Connection(
            self.profile, flow, conn=conn, iss=iss, mss=min(mss, maxseg or mss), buffers=buffers,
            scribe=scribe, ts_offset=timestamp_offset(flow, self._secret),
        )  # fmt: skip

    def set_link_full(self, full: bool) -> None:
        """The queue in front of the link takes nothing, or takes packets again. Connections that
        begin later do not know of it."""
        for endpoint in self._endpoints.values():
            endpoint.connection.set_link_full(full)

    def send(self, seg: Segment) -> None:
        """Queue a segment that belongs to no connection."""
        self._packets.append(seg)

    # -- a segment -----------------------------------------------------------------------------

    def _is_mine(self, address: bytes) -> bool:
        # no broadcast and no multicast address is (MUST-57)
        return address in self.addresses or is_loopback(address)

    def _segment_arrives(self, seg: Segment, now: int) -> None:
        endpoint = self._endpoints.get(seg.flow)
        if endpoint is not None:
            tcp = endpoint.connection
            if self.scribe is not None:
                self.scribe.begin(Arrived(tcp.conn, seg.number, seg), now)
            refuses = self.handshakes.refuses_last_ack
            if endpoint.listener is None or not refuses(endpoint, seg, now):
                tcp.segment_arrives(seg, now)
                self.settle(endpoint, now)
            return
        if not self._is_mine(seg.flow.dst):
            self._drop_unknown(seg, Reason.NOT_FOR_US, now)
            return
        if not is_unicast(seg.flow.src):
            # MUST-63; any other segment of such a source would draw a RST that goes to everybody
            self._drop_unknown(seg, Reason.SOURCE_IMPOSSIBLE, now)
            return
        listener = self._listener_for(seg.flow)
        entry = self.waiting.table.get(seg.flow)
        if entry is not None:
            self._begin(entry.conn, seg, now)
            old = self.waiting.segment_arrives(
                entry, seg, self._packets, listening=listener is not None, now=now
            )
            if old is not None and listener is not None:
                self.handshakes.arrives(listener, seg, now, old=old)
        elif listener is not None:
            self._begin(listener.conn, seg, now)
            self.handshakes.arrives(listener, seg, now)
        else:
            self._begin(0, seg, now)
            syn = seg.flags & (SYN | ACK) == SYN
            self.reply_reset(seg, Reason.PORT_CLOSED if syn else Reason.NO_CONNECTION, 0, now)

    def _icmp_arrives(self, message: IcmpMessage, now: int) -> None:
        """An ICMP error about a packet of ours (MUST-54)."""
        endpoint = self._endpoints.get(message.quoted.reversed())
        self._begin(endpoint.connection.conn if endpoint is not None else 0, message, now)
        reason: Reason | None = Reason.NO_CONNECTION
        if endpoint is not None:
            reason = errors.tell(endpoint, message, self._paths, self.profile.errors, now)
            self.settle(endpoint, now)
        if reason is not None and self.scribe is not None:
            self.scribe.write(Dropped(0, message.number, reason), now)

    def _begin(self, conn: int, packet: Packet, now: int) -> None:
        if self.scribe is not None:
            self.scribe.begin(Arrived(conn, packet.number, packet), now)

    def _drop_unknown(self, packet: Packet, reason: Reason, now: int) -> None:
        self._begin(0, packet, now)
        if self.scribe is not None:
            self.scribe.write(Dropped(0, packet.number, reason), now)

    def reply_reset(self, seg: Segment, reason: Reason, conn: int, now: int) -> None:
        """Answer a segment that belongs to no connection (3.10.7.1); a RST is never answered."""
        if seg.flags & RST:
            if self.scribe is not None:
                self.scribe.write(Dropped(conn, seg.number, reason), now)
            return
        number = self.scribe.journal.next_packet() if self.scribe is not None else 0
        reset = reset_for(seg, number)
        self._packets.append(reset)
        if self.scribe is not None:
            self.scribe.write(ResetSent(conn, reason, seg.number), now)
            self.scribe.write(Sent(conn, number, reset, 0, 0, False), now)

    # -- what an administrator does ------------------------------------------------------------

    def kill(self, conn: int, now: int) -> bool:
        """Close a connection by force, as SOCK_DESTROY does; False if there is none.

        A TIME-WAIT and an orphan in FIN-WAIT-2 go silently, a connection with a RST; a listening
        socket does as after shutdown(), and is told. docs/kernel-notes/kill.md
        """
        error = self.profile.errors.destroyed
        found = snapshot.find(conn, self._listening(), self._endpoints.values(), self.waiting.table)
        if isinstance(found, Endpoint):
            found.connection.kill(error, now)
            self.settle(found, now)
        elif isinstance(found, Listener):
            found.error, found.killed = error, True
            self.unlisten(found, Reason.KILLED, now)
            self.wake(found.owner, _OVER)
        elif found is not None:
            self.waiting.remove(found.flow, Reason.KILLED, now)
        return found is not None

    def restart_network(self, now: int) -> None:
        """Take every interface down and up again: "/etc/init.d/networking restart"."""
        if self.scribe is not None:
            self.scribe.begin(Fault("network restart"), now)
        if not self.profile.time_wait.cleared_by_restart:
            return
        for entry in list(self.waiting.table):
            self.waiting.remove(entry.flow, Reason.NETWORK_RESTART, now)

    # -- to look at ----------------------------------------------------------------------------

    def snapshot(self) -> list[SocketRow]:
        """Return the socket table: listening sockets, connections, TIME-WAITs."""
        table = self.waiting.table
        return list(snapshot.rows(self._listening(), self._endpoints.values(), table))

    @property
    def may_serve(self) -> bool:
        """Whether a socket may listen, or take datagrams from anybody: not before one has begun."""
        return bool(self._listeners) or self.datagrams.in_use

    def _listening(self) -> list[Listener]:
        return [one for several in self._listeners.values() for one in several]

    def connections(self) -> list[Connection]:
        """Return every connection that is not closed, orphans included."""
        return [endpoint.connection for endpoint in self._endpoints.values()]
