"""Systems that nobody ran for lastack: FreeBSD, 4.4BSD, macOS and Windows by their documents.

Each value says where it comes from; what no document says is as on Linux, graded "chosen".
"""

from __future__ import annotations

import errno
from dataclasses import replace
from typing import Final

from .buffers import WindowOpens
from .closing import AbortAfterFin, ClosingRules, FinWait2Excess, Unread
from .errors import ErrorRules
from .linger import LingerRange, LingerRules, NonblockingLinger, WaitsFor
from .ports import BindRule, PortRules
from .profile import Profile
from .retransmission import RetransmissionRules, Variance
from .rule import CHOSEN, MANUAL, MINUTE, SOURCE, S
from .shared import AS_THE_RFC, CHOSEN_AS_THE_RFC, NO_QUEUE, NO_RACK, NO_TRAINS, PLAIN_ACKS
from .start import Congestion, Ecn, FullRequests, StartRules
from .time_wait import ExactReset, NoAckFlag, Reopen, RestartedBy, Reuse, TimeWaitRules

_SOCLOSE: Final = "FreeBSD sys/kern/uipc_socket.c, soclose()"
_TIMER: Final = "FreeBSD sys/netinet/tcp_timer.h"
_TWCHECK: Final = "FreeBSD sys/netinet/tcp_timewait.c, tcp_twcheck()"
_PCBBIND: Final = "FreeBSD sys/netinet/in_pcb.c, in_pcbbind_setup()"
_BSD_BOOK: Final = "McKusick et al., The Design and Implementation of the 4.4BSD Operating System"
_XNU: Final = "XNU bsd/kern/uipc_socket.c, soclose_locked()"
_CLOSESOCKET: Final = "Microsoft, closesocket function (winsock.h)"

_ANNIVERSARY: Final = (
    "Microsoft, Announcing New Transport Advancements in the Anniversary Update for Windows 10"
)

_BSD_CLOSING: Final = ClosingRules(
    unread=Unread.FIN,
    abort_after_fin_sent=AbortAfterFin.RESET,
    fin_wait_2_orphan_ns=600 * S,
    fin_wait_2_excess=FinWait2Excess.PLAIN,
)
_BSD_TIME_WAIT: Final = TimeWaitRules(
    length_ns=MINUTE,
    exact_reset=ExactReset.IGNORED,
    reopen=Reopen.SEQUENCE,
    restarted_by=RestartedBy.FIN_ONLY,
    reuse=Reuse.OFF,
    reuse_by_bound=False,
)
_BSD_PORTS: Final = PortRules(bind_rule=BindRule.BSD, v6only=True, reconnect_after_refused=False)

_KEPT: Final = StartRules(
    full_requests=FullRequests.KEPT, offers_again=False, scales_last_syn_ack=False, hystart=False,
    counts_packets=False, lost_syns=1,
)  # fmt: skip

_BSD_GRADES: Final = {
    "rack": (SOURCE, "FreeBSD's base stack, tcp_sack.c; RACK is a module of its own"),
    "tail_probe": (SOURCE, "as rack"),
    "waits_for": (SOURCE, _SOCLOSE),
    "nonblocking": (SOURCE, _SOCLOSE),
    "expiry_errno": (SOURCE, _SOCLOSE),
    "expiry_aborts": (SOURCE, _SOCLOSE),
    "signal_errno": (SOURCE, _SOCLOSE),
    "off_keeps_seconds": (SOURCE, "FreeBSD sys/kern/uipc_socket.c, sosetopt()"),
    "unread": (SOURCE, "RFC 2525 section 2.17; tcp_usr_disconnect() flushes and sends FIN"),
    "abort_after_fin_sent": (SOURCE, "tcp_drop() sends RST in every state with a SYN received"),
    "fin_wait_2_orphan_ns": (SOURCE, f"{_TIMER}, TCPTV_MAXIDLE"),
    "fin_wait_2_excess": (CHOSEN, "a limit means itself"),
    "length_ns": (SOURCE, f"{_TIMER}, TCPTV_MSL 30 s"),
    "exact_reset": (SOURCE, _TWCHECK),
    "reopen": (SOURCE, _TWCHECK),
    "restarted_by": (SOURCE, _TWCHECK),
    "reuse": (CHOSEN, "there is no such option"),
    "reuse_by_bound": (CHOSEN, "there is no such option"),
    "bind_rule": (SOURCE, _PCBBIND),
    "v6only": (SOURCE, "FreeBSD sys/netinet6/in6_proto.c, ip6_v6only is 1"),
    "trains": (SOURCE, "FreeBSD tcp_output.c: PUSH where the send buffer ends"),
    "unscaled_in_segments": (CHOSEN, "RFC 9293 section 3.8.6: SEG.WND is RCV.WND"),
    "window_rounds_up": (SOURCE, "FreeBSD tcp_output.c: recwin is shifted, what is lost is lost"),
    "scale_fits_fixed": (SOURCE, "FreeBSD tcp_input.c: the scale follows kern.ipc.maxsockbuf"),
    "text_across_fin_resets": (MANUAL, "RFC 9293 section 3.10.7.4: ignore the segment text"),
    "fin_waits": (SOURCE, "FreeBSD tcp_input.c: a FIN sets TF_ACKNOW"),
    "full_requests": (SOURCE, "FreeBSD tcp_syncache.c: one cache for all listening sockets"),
    "ecn": (MANUAL, "FreeBSD tcp(4), net.inet.tcp.ecn.enable is 2"),
    "hystart": (CHOSEN, "of RFC 9438 alone; FreeBSD has HyStart++ (RFC 9406)"),
    "counts_packets": (SOURCE, "FreeBSD tcp_output.c: snd_cwnd and what is in flight are octets"),
    "variance": (SOURCE, "FreeBSD tcp_input.c, tcp_xmit_timer(): a quarter of the way, up or down"),
    "undone": (
        CHOSEN,
        "FreeBSD undoes the first time-out after less than half of a round trip only",
    ),
    "reduces_cwnd": (SOURCE, "FreeBSD cc_newreno.c: the smaller of cwnd and the peer's window"),
    "offers_again": (SOURCE, "FreeBSD tcp_output.c: in a SYN|ACK only with TF_RCVD_SCALE"),
    "reconnect_after_refused": (MANUAL, "Stevens, UNIX Network Programming, section 5.12"),
    "icmp_queued": (CHOSEN, "only Linux has such a queue"),
}

_SUITE: Final = "the expectation of github.com/freebsd-net/tcp-testsuite"

FREEBSD: Final = Profile(
    name="freebsd",
    summary="FreeBSD 14 by its source; nobody ran it here",
    unproven=True,
    linger=LingerRules(
        nonblocking=NonblockingLinger.RETURNS,
        expiry_errno=errno.EWOULDBLOCK,
        signal_errno=errno.EINTR,
        seconds_range=LingerRange.EDOM,
        off_keeps_seconds=False,
    ),
    closing=replace(_BSD_CLOSING, fin_again_in_closing=True),
    time_wait=replace(_BSD_TIME_WAIT, no_ack_flag=NoAckFlag.IGNORED),
    retransmission=replace(NO_RACK, syn_again_after_bad_ack=False),
    acks=PLAIN_ACKS,
    acceptance=replace(
        AS_THE_RFC, reset_at_fin=False, syn_with_fin=True, listen_resets_syn_ack=False
    ),
    errors=ErrorRules(
        reset_in_close_wait=errno.ECONNRESET,
        reset_in_syn_received_active=errno.ECONNREFUSED,
        icmp_queued=False,
    ),
    buffers=replace(NO_TRAINS, window_opens=WindowOpens.AT_ONCE, window_share=1.0),
    start=replace(_KEPT, window_scale=6),
    ports=_BSD_PORTS,
    grades={
        **_BSD_GRADES,
        "unit_ns": (SOURCE, _SOCLOSE),
        "seconds_range": (SOURCE, "FreeBSD sys/kern/uipc_socket.c, sosetopt()"),
        "fin_again_in_closing": (SOURCE, _SUITE),
        "no_ack_flag": (SOURCE, _SUITE),
        "syn_again_after_bad_ack": (SOURCE, _SUITE),
        "reset_at_fin": (SOURCE, _SUITE),
        **CHOSEN_AS_THE_RFC,
        "syn_with_fin": (SOURCE, f"{_SUITE}; net.inet.tcp.drop_synfin is 0"),
        "listen_resets_syn_ack": (SOURCE, _SUITE),
        "reset_in_close_wait": (SOURCE, _SUITE),
        "reset_in_syn_received_active": (SOURCE, _SUITE),
        "window_opens": (SOURCE, _SUITE),
        "window_share": (SOURCE, _SUITE),
        "window_scale": (SOURCE, _SUITE),
    },
)

BSD44: Final = Profile(
    name="bsd44",
    summary="4.4BSD by its source and the books about it; nobody ran it here",
    unproven=True,
    linger=LingerRules(
        unit_ns=S // 100,
        nonblocking=NonblockingLinger.RETURNS,
        expiry_errno=errno.EWOULDBLOCK,
        signal_errno=errno.EINTR,
        off_keeps_seconds=False,
    ),
    closing=_BSD_CLOSING,
    time_wait=_BSD_TIME_WAIT,
    buffers=NO_TRAINS,
    retransmission=NO_RACK,
    acks=PLAIN_ACKS,
    acceptance=AS_THE_RFC,
    errors=NO_QUEUE,
    ports=_BSD_PORTS,
    start=StartRules(
        sack=False,
        congestion=Congestion.RENO,
        ecn=Ecn.OFF,
        full_requests=FullRequests.KEPT,
        offers_again=False,
        scales_last_syn_ack=False,
        hystart=False,
        counts_packets=False,
        lost_syns=1,
    ),
    grades={
        **CHOSEN_AS_THE_RFC,
        **_BSD_GRADES,
        "v6only": (CHOSEN, "as FreeBSD; 4.4BSD itself is older than IPv6"),
        "sack": (MANUAL, f"{_BSD_BOOK}: older than RFC 2018"),
        "ecn": (MANUAL, f"{_BSD_BOOK}: older than RFC 3168"),
        "congestion": (MANUAL, f"{_BSD_BOOK}: Reno"),
        "unit_ns": (MANUAL, f"{_BSD_BOOK}; so_linger is in clock ticks"),
    },
)

MACOS: Final = Profile(
    name="macos",
    summary="macOS by the XNU source; nobody ran it here",
    unproven=True,
    linger=LingerRules(
        unit_ns=S // 100,
        nonblocking=NonblockingLinger.RETURNS,
        signal_errno=errno.EINTR,
        off_keeps_seconds=False,
    ),
    closing=replace(_BSD_CLOSING, unread=Unread.RESET_ALSO_OUT_OF_ORDER),
    time_wait=replace(_BSD_TIME_WAIT, length_ns=30 * S),
    buffers=NO_TRAINS,
    retransmission=NO_RACK,
    acks=PLAIN_ACKS,
    acceptance=AS_THE_RFC,
    errors=NO_QUEUE,
    start=_KEPT,
    ports=replace(_BSD_PORTS, v6only=False),
    grades={
        **CHOSEN_AS_THE_RFC,
        **_BSD_GRADES,
        "v6only": (SOURCE, "XNU bsd/netinet6/in6_proto.c, ip6_v6only is 0"),
        "unit_ns": (MANUAL, "SO_LINGER is in ticks of 1/100 s, SO_LINGER_SEC in seconds"),
        "expiry_errno": (SOURCE, f"{_XNU} turns EWOULDBLOCK into 0"),
        "unread": (SOURCE, "XNU bsd/netinet/tcp_usrreq.c, tcp_disconnect()"),
        "length_ns": (SOURCE, "XNU bsd/netinet/tcp_timer.h, msl 15 s"),
        "ecn": (CHOSEN, "it also asks, on some of its interfaces"),
        "rack": (CHOSEN, "as FreeBSD's base stack"),
        "tail_probe": (CHOSEN, "as FreeBSD's base stack"),
    },
)

WINDOWS: Final = Profile(
    name="windows",
    summary="Windows by Microsoft's documents; nobody ran it here",
    unproven=True,
    linger=LingerRules(
        waits_for=WaitsFor.DATA_ACKED,
        nonblocking=NonblockingLinger.REFUSES,
        expiry_aborts=True,
        seconds_range=LingerRange.U16,
        off_keeps_seconds=False,
    ),
    closing=ClosingRules(unread=Unread.RESET),
    time_wait=TimeWaitRules(
        length_ns=2 * MINUTE,
        exact_reset=ExactReset.IGNORED,
        reopen=Reopen.SEQUENCE,
        restarted_by=RestartedBy.FIN_ONLY,
        reuse=Reuse.OFF,
        reuse_by_bound=False,
    ),
    start=StartRules(
        ecn=Ecn.OFF,
        full_requests=FullRequests.KEPT,
        offers_again=False,
        scales_last_syn_ack=False,
        hystart=False,
        counts_packets=False,
        lost_syns=1,
    ),
    retransmission=RetransmissionRules(variance=Variance.RFC6298, undone=False, urgent_probe=False),
    buffers=NO_TRAINS,
    acks=PLAIN_ACKS,
    acceptance=AS_THE_RFC,
    errors=NO_QUEUE,
    ports=PortRules(bind_rule=BindRule.WINDOWS, v6only=True),
    grades={
        **CHOSEN_AS_THE_RFC,
        "icmp_queued": (CHOSEN, "as the BSDs"),
        "fin_waits": (CHOSEN, "as the BSDs"),
        "text_across_fin_resets": (MANUAL, "RFC 9293 section 3.10.7.4: ignore the segment text"),
        "trains": (CHOSEN, "as the BSDs"),
        "unscaled_in_segments": (CHOSEN, "as the BSDs"),
        "window_rounds_up": (CHOSEN, "as the BSDs"),
        "scale_fits_fixed": (CHOSEN, "as the BSDs"),
        "full_requests": (CHOSEN, "the backlog is that of accepted connections"),
        "offers_again": (CHOSEN, "as the BSDs"),
        "counts_packets": (CHOSEN, "as RFC 5681"),
        "undone": (CHOSEN, "no document asks for it"),
        "variance": (CHOSEN, "as RFC 6298"),
        "hystart": (CHOSEN, "of RFC 9438 alone; Windows has HyStart++ (RFC 9406)"),
        "ecn": (MANUAL, "Microsoft, Set-NetTCPSetting: EcnCapability is Disabled"),
        "rack": (MANUAL, _ANNIVERSARY),
        "tail_probe": (MANUAL, _ANNIVERSARY),
        "unit_ns": (MANUAL, _CLOSESOCKET),
        "waits_for": (MANUAL, _CLOSESOCKET),
        "nonblocking": (MANUAL, _CLOSESOCKET),
        "expiry_errno": (MANUAL, _CLOSESOCKET),
        "expiry_aborts": (MANUAL, _CLOSESOCKET),
        "seconds_range": (MANUAL, "Microsoft, LINGER structure: two u_short"),
        "off_keeps_seconds": (CHOSEN, "an option is stored as it was set"),
        "unread": (MANUAL, "Microsoft: a closed socket with unread data resets"),
        "length_ns": (MANUAL, "Microsoft, TcpTimedWaitDelay (Server 2003)"),
        "exact_reset": (CHOSEN, "RFC 1337"),
        "reopen": (CHOSEN, "RFC 9293 MAY-2"),
        "restarted_by": (CHOSEN, "RFC 9293 section 3.10.7.4"),
        "reuse": (CHOSEN, "there is no such option"),
        "reuse_by_bound": (CHOSEN, "there is no such option"),
        "v6only": (MANUAL, "Microsoft, Dual-Stack Sockets: IPV6_V6ONLY is on by default"),
        "bind_rule": (MANUAL, "Microsoft, Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE"),
    },
)
