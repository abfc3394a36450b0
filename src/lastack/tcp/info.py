"""What TCP_INFO tells of a connection, as values; `sockets` knows the kernel's layout."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from lastack.profile import UNLIMITED
from lastack.state import State
from lastack.wire import seq

from .meter import Meter
from .rack import DUP_THRESH
from .tcb import UNSET, Tcb


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
    ssthresh UNLIMITED before the first loss. bytes_acked and bytes_received count sequence numbers:
    a FIN is one more, and so is the SYN of the side that connected."""

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
    receive_space: int
    bytes_acked: int
    bytes_received: int
    unsent: int
    delivered: int
    send_window: int
    receive_window: int
    reordering: int
    reorders: int
    meter: Meter


def info_of(tcb: Tcb, meter: Meter) -> Info:
    """Collect it."""
    unacked, sacked, lost, retrans = _in_flight(tcb)
    syn = int(not tcb.passive and tcb.syn_acked())
    fin = int(tcb.fin_acked())
    # a queue that was destroyed begins at its end
    acked = max(min(tcb.sendq.start, tcb.position_of(tcb.snd_una)), 0)
    out = meter.data_segs_out - meter.total_retrans
    unread_start = min(tcb.sent_end(), tcb.sendq.end)
    return Info(
        state=tcb.state, trouble=_trouble(tcb), retransmits=tcb.retransmits,
        probes=tcb.probes_out, backoff=tcb.rtt.backoff, timestamps=tcb.ts_ok, sack=tcb.sack_ok,
        window_scaling=tcb.scale_ok, ecn=tcb.ecn_ok, ecn_seen=tcb.ecn_seen,
        send_wscale=tcb.snd_wscale, receive_wscale=tcb.rcv_wscale, rto=tcb.rtt.rto,
        ack_timeout=tcb.acks.delay if meter.data_segs_in else 0, mss=tcb.send_size(),
        receive_mss=tcb.rcv_mss, advertised_mss=tcb.largest_text(),
        unacked=unacked, sacked=sacked, lost=lost, retrans=retrans,
        receive_ssthresh=tcb.rcv_ssthresh, rtt=max(tcb.rtt.srtt, 0),
        rtt_variance=tcb.rtt.rttvar, min_rtt=tcb.rtt.least,
        ssthresh=min(tcb.congestion.ssthresh, UNLIMITED), cwnd=tcb.congestion.cwnd // tcb.mss,
        receive_space=tcb.buffers.read_per_trip, bytes_acked=acked + syn + fin,
        bytes_received=tcb.recvq.ready + int(tcb.fin_received),
        unsent=tcb.sendq.end - unread_start, delivered=_delivered(tcb, out - unacked + sacked),
        send_window=tcb.snd_wnd, receive_window=max(seq.diff(tcb.rcv_adv, tcb.rcv_wup), 0),
        reordering=tcb.rack.reordering if tcb.rack is not None else DUP_THRESH,
        reorders=tcb.rack.reorders if tcb.rack is not None else 0, meter=meter,
    )  # fmt: skip


def _delivered(tcb: Tcb, segments: int) -> int:
    """Return how many of ours have arrived, SYN and FIN included; a FIN in flight is no data."""
    fin = tcb.fin_seq != UNSET
    return 1 + max(segments + int(fin), 0)


def _in_flight(tcb: Tcb) -> tuple[int, int, int, int]:
    """Return how many segments are unacknowledged, of those how many the peer holds, are lost, and
    are in the network again."""
    if tcb.rack is None:
        unacked = -(-tcb.in_flight() // tcb.mss)
        held = sum(last - first for first, last in tcb.board.ranges)
        lost = again = 0
        if tcb.rxt_nxt != UNSET:  # go-back-N: after a timeout everything counts as lost
            lost, again = unacked, -(-max(seq.diff(tcb.rxt_nxt, tcb.snd_una), 0) // tcb.mss)
        return unacked, min(-(-held // tcb.mss), unacked), lost, again
    flight = tcb.rack.segments
    held = sum(one.count for one in flight if one.held)
    lost = sum(one.lost for one in flight)
    again = sum(one.again and not (one.held or one.lost) for one in flight)
    return sum(one.count for one in flight), held, lost + again, again


def _trouble(tcb: Tcb) -> Trouble:
    if tcb.rxt_nxt != UNSET or tcb.retransmits:
        return Trouble.LOSS
    if tcb.recovering:
        return Trouble.RECOVERY
    if tcb.reducing:
        return Trouble.CWR
    return Trouble.DISORDER if tcb.dupacks or tcb.board.ranges else Trouble.OPEN
