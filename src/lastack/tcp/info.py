"""What TCP_INFO tells of a connection, as values; `sockets` knows the kernel's layout."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from lastack.profile import UNLIMITED
from lastack.state import CLOSED, SYN_SENT, State
from lastack.wire import seq

from .codepoints import NONE_CAME
from .flight import DUP_THRESH
from .meter import Meter
from .tcb import UNSET, Tcb

_DEFAULT_MSS: Final = 536
_LEAST_MSS: Final = 88
"""Of a connection whose peer has not said anything: what we may send, what it sends."""


class Trouble(IntEnum):
    """What the sender thinks of the path (tcpi_ca_state)."""

    OPEN = 0
    DISORDER = 1
    CWR = 2
    RECOVERY = 3
    LOSS = 4


@dataclass(frozen=True)
class Info:
    """Times in ns, durations since an event as the time of the event, -1 for never; cwnd, unacked,
    sacked, lost and retrans in segments; rtt 0 and min_rtt NEVER before the first measurement;
    ssthresh UNLIMITED before the first loss, else in bytes, of `path_mss` a segment. bytes_acked
    and bytes_received count sequence numbers: a FIN is one more, and so is the SYN of the side that
    connected."""

    state: State
    trouble: Trouble
    retransmits: int
    probes: int
    backoff: int
    timestamps: bool
    sack: bool
    window_scaling: bool
    ecn: bool
    ecn_seen: bool
    send_wscale: int
    receive_wscale: int
    rto: int
    ack_timeout: int
    mss: int
    path_mss: int
    receive_mss: int
    advertised_mss: int
    unacked: int
    sacked: int
    lost: int
    retrans: int
    receive_ssthresh: int
    rtt: int
    rtt_variance: int
    min_rtt: int
    ssthresh: int
    cwnd: int
    receive_rtt: int
    receive_space: int
    bytes_acked: int
    bytes_received: int
    unsent: int
    delivered: int
    delivered_ce: int
    delivery_rate: int
    program_limited: bool
    duplicates: int
    send_window: int
    receive_window: int
    reordering: int
    reorders: int
    out_of_order: int
    received_ce: int
    received_octets: tuple[int, ...]
    meter: Meter


def info_of(tcb: Tcb, meter: Meter) -> Info:
    """Collect it."""
    unacked, sacked, lost, retrans = _in_flight(tcb)
    # a queue that was thrown away takes the backoff along
    thrown = tcb.state is CLOSED and not (tcb.fin_received and tcb.fin_acked())
    opened = tcb.buffers.read_per_trip > 0
    opening = not opened and not meter.answered
    control = tcb.congestion
    cwnd, ssthresh = control.cwnd, control.ssthresh
    if tcb.state is SYN_SENT and tcb.retransmits:
        # on Linux the loss of a SYN is one like others, until the connection is open
        cwnd, ssthresh = control.mss, control.reduced(cwnd)
    syn = int(not tcb.passive and tcb.syn_acked())
    fin = int(tcb.fin_acked())
    # a queue that was destroyed begins at its end
    acked = max(min(tcb.sendq.start, tcb.position_of(tcb.snd_una)), 0)
    # the SYN of a simultaneous open counts twice
    delivery = tcb.flight.delivery if tcb.flight is not None else None
    if delivery is not None:
        delivered = delivery.count
    else:
        delivered = _delivered(tcb, meter.data_segs_out - meter.total_retrans - unacked + sacked)
    fin_sent = tcb.fin_seq != UNSET
    queued = tcb.sendq.end + (tcb.fin_queued and not fin_sent and tcb.syn_acked())
    return Info(
        state=tcb.state, trouble=_trouble(tcb), retransmits=tcb.retransmits,
        probes=tcb.probes_out, timestamps=tcb.ts_ok, sack=tcb.sack_ok,
        backoff=0 if thrown else tcb.rtt.backoff or tcb.rtt.probe_backoff,
        window_scaling=tcb.scale_ok, ecn=tcb.ecn_ok,
        ecn_seen=tcb.codepoints is not NONE_CAME,

        send_wscale=tcb.snd_wscale, receive_wscale=tcb.rcv_wscale if tcb.scale_ok else 0,
        rto=tcb.rtt.rto,
        ack_timeout=tcb.acks.delay if meter.data_segs_in else 0,
        mss=_first_mss(tcb) if opening else tcb.send_size(), path_mss=control.mss,
        receive_mss=_LEAST_MSS if opening else tcb.rcv_mss,
        advertised_mss=tcb.largest_text() if opened else tcb.advertised_mss,
        unacked=unacked, sacked=sacked, lost=lost, retrans=retrans,
        receive_ssthresh=tcb.rcv_ssthresh, rtt=max(tcb.rtt.srtt, 0),
        rtt_variance=tcb.rtt.rttvar, min_rtt=tcb.rtt.least,
        ssthresh=min(ssthresh, UNLIMITED), cwnd=cwnd // control.mss,
        receive_rtt=tcb.sizing.round_trip if tcb.sizing is not None else 0,
        receive_space=tcb.buffers.read_per_trip, bytes_acked=acked + syn + fin,
        bytes_received=tcb.recvq.ready + int(tcb.fin_received),
        unsent=max(queued - tcb.position_of(tcb.snd_nxt) + fin_sent, 0),
        delivered=delivered + (syn and meter.answered),
        delivered_ce=delivery.marked if delivery is not None else 0,
        delivery_rate=delivery.rate(tcb.send_size()) if delivery is not None else 0,
        program_limited=delivery.limited if delivery is not None else True,
        duplicates=delivery.duplicates if delivery is not None else 0,
        send_window=tcb.snd_wnd, receive_window=max(seq.diff(tcb.rcv_adv, tcb.rcv_wup), 0),
        reordering=tcb.flight.reordering if tcb.flight is not None else DUP_THRESH,
        reorders=tcb.flight.reorders if tcb.flight is not None else 0,
        out_of_order=tcb.out_of_order, received_ce=tcb.codepoints.marked,
        received_octets=tuple(tcb.codepoints.octets),
        meter=meter,
    )  # fmt: skip


def _first_mss(tcb: Tcb) -> int:
    """What may be sent to a peer that has not said anything."""
    return min(_DEFAULT_MSS, tcb.mss) - 12 * tcb.offers_ts


def _delivered(tcb: Tcb, segments: int) -> int:
    """Return how many of ours have arrived, SYN and FIN included; a FIN in flight is no data."""
    fin = tcb.fin_seq != UNSET
    return int(tcb.syn_acked()) + max(segments + int(fin), 0)


def _in_flight(tcb: Tcb) -> tuple[int, int, int, int]:
    """Return how many segments are unacknowledged, of those how many the peer holds, are lost, and
    are in the network again."""
    if not tcb.syn_acked() and tcb.state is not CLOSED:
        again = int(tcb.retransmits > 0)
        return 1, 0, again, again
    if tcb.flight is None:
        unacked = -(-tcb.in_flight() // tcb.mss) if tcb.state is not CLOSED else 0
        held = sum(last - first for first, last in tcb.board.ranges)
        lost = again = 0
        if tcb.rxt_nxt != UNSET:  # go-back-N: after a timeout everything counts as lost
            lost, again = unacked, -(-max(seq.diff(tcb.rxt_nxt, tcb.snd_una), 0) // tcb.mss)
        return unacked, min(-(-held // tcb.mss), unacked), lost, again
    flight = tcb.flight.segments
    # the queue of a connection that is gone is empty; what was lost of it stays noted
    unacked = sum(one.count for one in flight) if tcb.state is not CLOSED else 0
    if tcb.rack is None:
        held = max(min(tcb.dupacks, unacked - 1), 0)
    else:
        held = sum(one.count for one in flight if one.held)
    lost = sum(one.gone for one in flight)
    again = sum(one.repeated for one in flight)
    return unacked, held, lost, again


def _trouble(tcb: Tcb) -> Trouble:
    if tcb.rxt_nxt != UNSET or tcb.retransmits:
        return Trouble.LOSS
    flight = tcb.flight
    if flight is not None and flight.timed_out and any(one.gone for one in flight.segments):
        return Trouble.LOSS
    if tcb.recovering:
        return Trouble.RECOVERY
    if tcb.flight is not None and not tcb.sack_ok and tcb.snd_una == tcb.recover != tcb.iss:
        # without SACK a recovery ends with something above what was in flight (RFC 6582 section 4)
        return Trouble.LOSS if tcb.flight.timed_out else Trouble.RECOVERY
    if tcb.reducing:
        return Trouble.CWR
    _, held, _, _ = _in_flight(tcb)
    return Trouble.DISORDER if held else Trouble.OPEN
