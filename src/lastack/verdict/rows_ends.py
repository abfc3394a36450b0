"""Reasons that end a connection: a RST sent or taken, a give-up, a host that went away."""

from __future__ import annotations

from typing import Final

from lastack.trace import Reason as R

from .row import CLOSE, LISTEN, RESETS, RETRANSMISSION, TIME_WAIT, URGENT, Row

_READ_FIRST: Final = (
    "Read the request to its end before close(); or shutdown(SHUT_WR), read until EOF, then "
    "close()."
)
_ACCEPT: Final = "Accept faster, or give listen() a larger backlog."

ENDS: Final[dict[R, Row]] = {
    # an ABORT of the program's own
    R.LINGER_ZERO: Row(
        "{call} on {host} was an abort: SO_LINGER is on with l_linger 0",
        "Leave SO_LINGER off: close() then returns at once and the queue is still sent. Keep "
        "l_linger 0 for connections whose data nobody needs.",
        "RFC 9293 section 3.10.5; socket(7)",
        CLOSE,
    ),
    R.UNREAD_AT_CLOSE: Row(
        "{call} on {host} found {unread}",
        _READ_FIRST,
        "RFC 9293 section 3.6.1 (SHLD-3); RFC 2525 section 2.17",
        CLOSE,
    ),
    R.LINGER_EXPIRED: Row(
        "{call} on {host} lingered {waited}, then threw away what was not acknowledged",
        "Give SO_LINGER more time; or shutdown(SHUT_WR), read until EOF, then close() without "
        "SO_LINGER.",
        "socket(7)",
        CLOSE,
    ),
    R.LINGER2_NEGATIVE: Row(
        "{host} has TCP_LINGER2 below 0, so the closed connection did not wait in FIN-WAIT-2",
        "Leave TCP_LINGER2 at its default where the peer may still send.",
        "tcp(7)",
        CLOSE,
    ),
    R.DATA_AFTER_CLOSE: Row(
        "data from {peer} reached {host} after its close()",
        "Let {host} call shutdown(SHUT_WR) and read until EOF before close(), or let {peer} stop "
        "sending when it reads EOF.",
        "RFC 9293 section 3.6.1 (SHLD-3)",
        CLOSE,
    ),
    R.DATA_AFTER_SHUTDOWN: Row(
        "data from {peer} reached {host} after it had shut down both directions",
        "Use shutdown(SHUT_WR) alone and read until EOF.",
        "RFC 9293 section 3.6.1; shutdown(2)",
        CLOSE,
    ),
    R.TEXT_ACROSS_FIN: Row(
        "{peer} sent text across its own FIN",
        "Look at the TCP of {peer}: a FIN ends its stream.",
        "RFC 9293 section 3.10.7.4, seventh",
        CLOSE,
    ),
    R.LISTENER_CLOSED: Row(
        "{host} closed its listening socket before it accepted the connection",
        "Accept what is in the queue before the listening socket is closed; the client should "
        "try again.",
        "accept(2)",
        LISTEN,
    ),
    R.ACCEPT_QUEUE_OVERFLOW: Row(
        "the accept queue on {host} was full and its rule is to reset",
        _ACCEPT,
        "listen(2); tcp(7) tcp_abort_on_overflow",
        LISTEN,
    ),
    R.URGENT_SKIPPED: Row(
        "the program on {host} read past an urgent byte that it had not taken with MSG_OOB",
        "Take it with recv(1, MSG_OOB) when poll() shows POLLPRI, or set SO_OOBINLINE; better, "
        "send no urgent data.",
        "RFC 9293 section 3.8.5; RFC 6093 section 3.1",
        URGENT,
    ),
    R.DISCONNECT: Row(
        "connect() to no address on {host} dissolved the connection",
        "Use shutdown(SHUT_WR) and close() where the data matters.",
        "connect(2); RFC 9293 section 3.10.5",
        CLOSE,
    ),
    R.ABORTED: Row(
        "{host} aborted the connection: close() found unread data, or SO_LINGER was on with "
        "l_linger 0, or the socket was killed; the packets do not tell which",
        "On {host} read to the end before close(), and leave SO_LINGER off. Under `lastack audit` "
        "the program tells which line it was.",
        "RFC 9293 section 3.10.5",
        CLOSE,
    ),
    R.KILLED: Row(
        "the administrator of {host} killed the connection",
        "Nothing in the programs is wrong; connect again.",
        "ss(8) --kill",
        TIME_WAIT,
    ),
    # a RST from where there is no connection
    R.NO_CONNECTION: Row(
        "{host} knows no such connection: its end is gone",
        "Find out how {host} lost it: a restart, a timer, or a close that {peer} did not hear of.",
        "RFC 9293 section 3.10.7.1",
        RESETS,
    ),
    R.PORT_CLOSED: Row(
        "nobody listens on that port of {host}",
        "Start the server first, and check address and port; the client may try again.",
        "RFC 9293 section 3.10.7.1",
        RESETS,
    ),
    R.ACK_IN_LISTEN: Row(
        "a listening socket on {host} got a segment of a connection it does not know",
        "An earlier connection of the same ports has not ended at {peer}: let it close there.",
        "RFC 9293 section 3.10.7.2",
        RESETS,
    ),
    R.BAD_ACK_IN_SYN_SENT: Row(
        "{peer} acknowledged a SYN that {host} had not sent: it has an old connection of these "
        "ports",
        "Nothing: the RST clears the old connection and the SYN is sent again.",
        "RFC 9293 section 3.10.7.3; section 3.5.1",
        RESETS,
    ),
    R.BAD_ACK_IN_SYN_RECEIVED: Row(
        "the last segment of the handshake acknowledged what {host} had not sent",
        "Nothing: an old duplicate; the handshake goes on.",
        "RFC 9293 section 3.10.7.4, fifth",
        RESETS,
    ),
    R.SYN_IN_SYN_RECEIVED: Row(
        "another SYN reached {host} during the handshake",
        "Nothing: {peer} began anew and will send its SYN again.",
        "RFC 9293 section 3.10.7.4, fourth",
        RESETS,
    ),
    R.RESET_BY_PEER: Row(
        "{host} sent a RST and its reason is not in sight",
        "Look at {host}: close() with unread data, SO_LINGER with l_linger 0, or a restart are the "
        "usual reasons.",
        "RFC 9293 section 3.10.7.4, second",
        RESETS,
    ),
    R.REFUSED: Row(
        "the SYN was answered with a RST by {host}",
        "Start the server first, and check address and port.",
        "RFC 9293 section 3.10.7.3",
        RESETS,
    ),
    # an end without a segment
    R.GIVE_UP_DATA: Row(
        "{host} gave up after {tries}: {peer} acknowledged nothing",
        "Check the path between the two; the send queue is lost, so the program has to repeat it.",
        "RFC 9293 section 3.8.3; tcp(7) tcp_retries2",
        RETRANSMISSION,
    ),
    R.USER_TIMEOUT: Row(
        "{host} gave up: TCP_USER_TIMEOUT ran out and {peer} had acknowledged nothing",
        "Check the path between the two, or give TCP_USER_TIMEOUT more time.",
        "RFC 5482; tcp(7) TCP_USER_TIMEOUT",
        RETRANSMISSION,
    ),
    R.KEEPALIVE_UNANSWERED: Row(
        "{host} gave up: {peer} answered no keep-alive",
        "The peer, or the path to it, is gone; connect again when it is back.",
        "RFC 9293 section 3.8.4; tcp(7) tcp_keepalive_time",
        RETRANSMISSION,
    ),
    R.GIVE_UP_ORPHAN: Row(
        "{host} had closed and gave up after {tries}; no program was left to be told",
        "Call shutdown(SHUT_WR) and read until EOF before close(): then the program learns it.",
        "RFC 9293 section 3.8.3; tcp(7) tcp_orphan_retries",
        RETRANSMISSION,
    ),
    R.GIVE_UP_SYN: Row(
        "{host} gave up connecting after {tries}: nothing answered",
        "Check the address, the path and what filters it; a closed port would have answered.",
        "RFC 9293 section 3.8.3; tcp(7) tcp_syn_retries",
        RETRANSMISSION,
    ),
    R.GIVE_UP_SYN_ACK: Row(
        "{host} gave up after {tries}: {peer} did not finish the handshake",
        "Nothing on {host}: {peer} went away, or its segments are lost on the way.",
        "RFC 9293 section 3.8.3; tcp(7) tcp_synack_retries",
        RETRANSMISSION,
    ),
    R.GIVE_UP_ZERO_WINDOW: Row(
        "{host} gave up after {tries} of a window that {peer} kept shut",
        "Let {peer} read, or close; it holds a full receive queue.",
        "RFC 9293 section 3.8.6.1",
        RETRANSMISSION,
    ),
    R.FIN_WAIT_2_OVER: Row(
        "{host} had closed, and {peer} did not close in time",
        "Let {peer} close when it reads EOF.",
        "RFC 9293 section 3.6; tcp(7) tcp_fin_timeout",
        CLOSE,
    ),
    R.NETWORK_RESTART: Row(
        "the network of {host} was restarted and its connections with it",
        "Nothing in the programs is wrong; connect again.",
        "a rule of the simulated host",
        TIME_WAIT,
    ),
    R.HOST_GONE: Row(
        "{host} was switched off",
        "Let {peer} set a time limit or SO_KEEPALIVE: without data it never notices.",
        "RFC 9293 section 3.8.4",
    ),
    R.UNREACHABLE: Row(
        "a router told {host} by ICMP that {peer} cannot be reached",
        "Check the route and what filters it.",
        "RFC 9293 section 3.9.2.2; RFC 1122 section 4.2.3.9",
        RESETS,
    ),
    R.CLOSED_WHILE_CONNECTING: Row(
        "{host} closed before the handshake ended",
        "Wait until connect() succeeds, or give it more time.",
        "RFC 9293 section 3.10.4",
        CLOSE,
    ),
}
