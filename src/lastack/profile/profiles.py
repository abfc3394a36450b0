"""The profiles: Linux as measured, the textbook, RFC 9293 alone, and other systems by their
documents."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from .closing import AbortAfterFin, ClosingRules, FinWait2Excess, Unread
from .elsewhere import BSD44, FREEBSD, MACOS, WINDOWS
from .errors import ErrorRules
from .linger import LingerRules, NonblockingLinger, WaitsFor
from .ports import BindRule, PortRules
from .profile import Profile
from .rule import CHOSEN, MANUAL, MINUTE, NEVER
from .shared import AS_THE_RFC, BY_THE_RFC, NO_QUEUE, NO_RACK, NO_TRAINS, PLAIN_ACKS
from .start import Congestion, Ecn, FullRequests, StartRules
from .time_wait import ExactReset, Reopen, RestartedBy, Reuse, TimeWaitRules

LINUX: Final = Profile(name="linux", summary="Linux 6.18, measured")

_UNP = "Stevens, UNIX Network Programming, section 7.5"
_RFC = "RFC 9293"

TEXTBOOK: Final = Profile(
    name="textbook",
    summary="what books and web pages say of SO_LINGER and TIME_WAIT",
    linger=LingerRules(
        waits_for=WaitsFor.DATA_ACKED,
        nonblocking=NonblockingLinger.RETURNS,
        expiry_errno=errno.EWOULDBLOCK,
        expiry_aborts=True,
        signal_errno=errno.EINTR,
        off_keeps_seconds=False,
    ),
    closing=ClosingRules(
        unread=Unread.FIN,
        abort_after_fin_sent=AbortAfterFin.RESET,
        fin_wait_2_orphan_ns=NEVER,
        fin_wait_2_excess=FinWait2Excess.PLAIN,
    ),
    time_wait=TimeWaitRules(
        length_ns=4 * MINUTE,
        exact_reset=ExactReset.IGNORED,
        reopen=Reopen.NEVER,
        restarted_by=RestartedBy.FIN_ONLY,
        reuse=Reuse.OFF,
        reuse_by_bound=False,
        cleared_by_restart=True,
    ),
    retransmission=NO_RACK,
    acks=PLAIN_ACKS,
    acceptance=AS_THE_RFC,
    buffers=NO_TRAINS,
    start=StartRules(
        ecn=Ecn.OFF,
        full_requests=FullRequests.KEPT,
        offers_again=False,
        scales_last_syn_ack=False,
        reduces_cwnd=False,
        hystart=False,
        counts_packets=False,
        lost_syns=1,
    ),
    errors=NO_QUEUE,
    ports=PortRules(bind_rule=BindRule.TEXTBOOK, connect_exhausted=errno.EADDRNOTAVAIL),
    grades={
        **BY_THE_RFC,
        "waits_for": (MANUAL, _UNP),
        "nonblocking": (MANUAL, _UNP),
        "expiry_errno": (MANUAL, _UNP),
        "expiry_aborts": (MANUAL, _UNP),
        "unit_ns": (MANUAL, "POSIX.1"),
        "length_ns": (MANUAL, "RFC 9293 section 3.4.2, MSL 2 minutes"),
        "cleared_by_restart": (MANUAL, "the usual advice"),
        "bind_rule": (MANUAL, "the usual advice"),
        "v6only": (MANUAL, "RFC 3493 section 5.3: off by default"),
        "trains": (CHOSEN, "no book knows of it"),
        "fin_waits": (CHOSEN, "figures show the ACK of a FIN alone"),
        "full_requests": (CHOSEN, "no book knows of cookies"),
        "hystart": (CHOSEN, "younger than the books"),
        "ecn": (CHOSEN, "no book asks for it"),
        "rack": (CHOSEN, "younger than the books"),
        "tail_probe": (CHOSEN, "younger than the books"),
        "signal_errno": (CHOSEN, "POSIX.1 close(): EINTR"),
        "off_keeps_seconds": (CHOSEN, "an option is stored as it was set"),
        "unread": (CHOSEN, "no book mentions unread data"),
        "abort_after_fin_sent": (CHOSEN, "RFC 9293 section 3.10.5 sends nothing, books a RST"),
        "fin_wait_2_orphan_ns": (CHOSEN, "RFC 9293 has no limit"),
        "fin_wait_2_excess": (CHOSEN, "a limit means itself"),
        "exact_reset": (CHOSEN, "RFC 1337"),
        "reopen": (CHOSEN, "TIME_WAIT forbids the 4-tuple"),
        "restarted_by": (CHOSEN, "RFC 9293 section 3.10.7.4"),
        "reuse": (CHOSEN, "TIME_WAIT forbids the 4-tuple"),
        "reuse_by_bound": (CHOSEN, "TIME_WAIT forbids the 4-tuple"),
    },
)

RFC9293: Final = Profile(
    name="rfc9293",
    summary="the MUSTs and SHLDs of RFC 9293 and nothing else",
    linger=LingerRules(linger_supported=False),
    closing=ClosingRules(
        unread=Unread.RESET,
        fin_wait_2_orphan_ns=NEVER,
        fin_wait_2_excess=FinWait2Excess.PLAIN,
        fin_held_by_cwnd=False,
    ),
    time_wait=TimeWaitRules(
        length_ns=4 * MINUTE,
        exact_reset=ExactReset.KILLS,
        reopen=Reopen.RFC6191,
        restarted_by=RestartedBy.FIN_ONLY,
        reuse=Reuse.OFF,
        reuse_by_bound=False,
    ),
    retransmission=replace(
        NO_RACK,
        syn_retries=7,
        syn_linear=0,
        told_after=3,  # SHLD-10
    ),
    acks=PLAIN_ACKS,
    acceptance=replace(AS_THE_RFC, pointer_when_shut=True),
    buffers=replace(NO_TRAINS, window_steps=True),
    start=StartRules(
        sack=False,
        congestion=Congestion.RENO,
        full_requests=FullRequests.KEPT,
        offers_again=False,
        scales_last_syn_ack=False,
        reduces_cwnd=False,
        hystart=False,
        counts_packets=False,
        lost_syns=1,
    ),
    errors=ErrorRules(
        reset_in_close_wait=errno.ECONNRESET,
        reset_in_syn_received_active=errno.ECONNREFUSED,
        hard_unreachable=True,
        icmp_queued=False,
    ),
    grades={
        **BY_THE_RFC,
        "linger_supported": (MANUAL, f"{_RFC} knows no SO_LINGER"),
        "unread": (MANUAL, f"{_RFC} SHLD-3"),
        "fin_wait_2_orphan_ns": (MANUAL, f"{_RFC} section 3.6, no limit"),
        "fin_held_by_cwnd": (CHOSEN, "RFC 5681 limits data by cwnd, and a FIN is none"),
        "fin_wait_2_excess": (CHOSEN, "a limit means itself"),
        "length_ns": (MANUAL, f"{_RFC} section 3.4.2, MUST-13"),
        "exact_reset": (MANUAL, f"{_RFC} section 3.10.7.4, second check"),
        "reopen": (MANUAL, f"{_RFC} MAY-2, RFC 6191"),
        "restarted_by": (MANUAL, f"{_RFC} section 3.10.7.4, eighth check"),
        "pointer_when_shut": (MANUAL, f"{_RFC} MUST-66"),
        "hard_unreachable": (MANUAL, f"{_RFC} SHLD-26; RFC 5927 section 5.2 advises against it"),
        "told_after": (MANUAL, f"{_RFC} SHLD-9, SHLD-10"),
        "window_steps": (MANUAL, f"{_RFC} section 3.8.6.2.2, MUST-39"),
        "v6only": (CHOSEN, "not in the RFC; RFC 3493 section 5.3: off"),
        "reuse": (CHOSEN, "not in the RFC"),
        "reuse_by_bound": (CHOSEN, "not in the RFC"),
        "reset_in_close_wait": (MANUAL, f"{_RFC} section 3.10.7.4, second check"),
        "reset_in_syn_received_active": (MANUAL, f"{_RFC} section 3.10.7.4, second check"),
        "congestion": (MANUAL, f"{_RFC} MUST-19, RFC 5681"),
        "sack": (MANUAL, "RFC 2018 is no part of RFC 9293"),
        "trains": (CHOSEN, "not in the RFC"),
        "fin_waits": (MANUAL, f"{_RFC} section 3.10.7.4, eighth check"),
        "full_requests": (CHOSEN, f"{_RFC} section 3.9.2 leaves it open"),
        "hystart": (MANUAL, "RFC 9406 is no part of RFC 9293"),
        "ecn": (MANUAL, f"{_RFC} SHLD-8"),
        "rack": (MANUAL, "RFC 8985 is no part of RFC 9293"),
        "tail_probe": (MANUAL, "RFC 8985 is no part of RFC 9293"),
        "rto_initial_ns": (MANUAL, "RFC 6298 section 2.1"),
        "syn_retries": (MANUAL, f"{_RFC} MUST-23: at least 3 minutes; these are 247 s"),
        "syn_linear": (MANUAL, f"{_RFC} MUST-22, RFC 6298 (5.5)"),
    },
)

PROFILES: Final[Mapping[str, Profile]] = {
    one.name: one for one in (TEXTBOOK, LINUX, FREEBSD, BSD44, MACOS, WINDOWS, RFC9293)
}
"""Every profile by name, in the order in which tables show them."""
