"""Rules and grades that several of the profiles have which are no measured Linux."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .acceptance import AcceptanceRules, OldAck, WindowCheck, WindowUpdate
from .acks import AckRules
from .buffers import BufferRules
from .errors import ErrorRules
from .retransmission import RetransmissionRules, Variance
from .rule import CHOSEN, MANUAL

AS_THE_RFC: Final = AcceptanceRules(
    window_check=WindowCheck.OVERLAP,
    window_update=WindowUpdate.RFC9293,
    old_ack=OldAck.MAX_WINDOW,
    request_echo=False,
    text_across_fin_resets=False,
)
PLAIN_ACKS: Final = AckRules(
    fin_waits=False, quick_while_opening=False, window_stays=False, size_follows=False
)
NO_RACK: Final = RetransmissionRules(
    rack=False, tail_probe=False, variance=Variance.RFC6298, undone=False, urgent_probe=False
)
NO_TRAINS: Final = BufferRules(
    trains=False, window_rounds_up=False, unscaled_in_segments=False, scale_fits_fixed=False
)
NO_QUEUE: Final = ErrorRules(icmp_queued=False)

_NO_ECHO: Final = (CHOSEN, "no RFC asks for it")
_NO_QUEUE: Final = (CHOSEN, "only Linux has such a queue")
_FIELD: Final = (MANUAL, "RFC 9293 section 3.8.6: SEG.WND is RCV.WND")
_NO_ESTIMATE: Final = (CHOSEN, "no document of the system knows such an estimate")
_NO_SCALE: Final = (MANUAL, "RFC 7323 section 2.2: no window of a SYN is scaled")

BY_THE_RFC: Final[Mapping[str, tuple[str, str]]] = {
    "window_check": (MANUAL, "RFC 9293 table 6"),
    "window_update": (MANUAL, "RFC 9293 section 3.10.7.4, fifth"),
    "old_ack": (MANUAL, "RFC 5961 section 5.2"),
    "request_echo": _NO_ECHO,
    "text_across_fin_resets": (MANUAL, "RFC 9293 section 3.10.7.4: ignore the segment text"),
    "scale_fits_fixed": (CHOSEN, "the scale is a matter of the system, not of the socket"),
    "window_rounds_up": (MANUAL, "RFC 7323 section 2.3: SEG.WND = RCV.WND >> Rcv.Wind.Shift"),
    "unscaled_in_segments": _FIELD,
    "scales_last_syn_ack": _NO_SCALE,
    "icmp_queued": _NO_QUEUE,
    "offers_again": (MANUAL, "RFC 7323 sections 2.2 and 3.2: in a SYN|ACK only what the SYN had"),
    "reduces_cwnd": (MANUAL, "RFC 5681 (4): FlightSize"),
    "counts_packets": (MANUAL, "RFC 5681 section 2: cwnd and FlightSize are amounts of data"),
    "lost_syns": (MANUAL, "RFC 5681 section 3.1: after one that was lost"),
    "variance": (MANUAL, "RFC 6298 section 2"),
    "undone": (MANUAL, "RFC 3522 is no part of RFC 9293"),
    "urgent_probe": (MANUAL, "RFC 9293 section 3.8.6.1: one octet, or one segment"),
    "quick_while_opening": (MANUAL, "RFC 5681 section 4.2: an ACK may be delayed from the first"),
    "window_stays": (MANUAL, "RFC 9293 SHLD-19: every second full-sized segment"),
    "size_follows": (MANUAL, "RFC 5681 section 2: the largest segment received"),
}
"""Grades of profiles that are made from RFCs."""
CHOSEN_AS_THE_RFC: Final[Mapping[str, tuple[str, str]]] = {
    "window_check": (CHOSEN, "as the RFC"),
    "window_update": (CHOSEN, "as the RFC"),
    "old_ack": (CHOSEN, "as the RFC"),
    "request_echo": _NO_ECHO,
    "unscaled_in_segments": (CHOSEN, "as the RFC"),
    "lost_syns": (CHOSEN, "as the RFC"),
    "scales_last_syn_ack": (CHOSEN, "as the RFC"),
    "icmp_queued": _NO_QUEUE,
    "urgent_probe": (CHOSEN, "one probe is a probe"),
    "quick_while_opening": _NO_ESTIMATE,
    "window_stays": _NO_ESTIMATE,
    "size_follows": _NO_ESTIMATE,
}
"""Grades of systems whose documents were not asked what of `AS_THE_RFC` is true of them."""
