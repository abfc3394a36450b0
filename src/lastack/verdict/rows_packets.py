"""Reasons why a packet was not taken, by a host or by the network."""

from __future__ import annotations

from typing import Final

from lastack.trace import Reason as R

from .row import COOKIES, DEFER, LISTEN, RESETS, TIME_WAIT, Row

_AGAIN: Final = "Nothing to do: TCP sends it again."
_NOTHING: Final = "Nothing to do."
_NETWORK: Final = "the simulated network"

PACKETS: Final[dict[R, Row]] = {
    # a RST that changes nothing
    R.RESET_OUTSIDE_WINDOW: Row(
        "a RST outside the window reached {host} and was ignored",
        "Nothing to do: it is old or forged.",
        "RFC 5961 section 3.2",
        RESETS,
    ),
    R.RESET_NOT_EXACT: Row(
        "a RST inside the window, not at its left edge, reached {host}, which asks back",
        "Nothing to do: a true sender answers the challenge ACK with an exact RST.",
        "RFC 5961 section 3.2",
        RESETS,
    ),
    R.RESET_WITH_BAD_ACK: Row(
        "a RST that does not acknowledge the SYN reached {host} and was ignored",
        _NOTHING,
        "RFC 9293 section 3.10.7.3",
        RESETS,
    ),
    R.REQUESTS_FULL: Row(
        "{host} had more handshakes under way than listen() allows and dropped the SYN of {peer}",
        "Give listen() a larger backlog, or switch SYN cookies on (net.ipv4.tcp_syncookies).",
        "listen(2); tcp(7) tcp_syncookies",
        COOKIES,
    ),
    R.DEFERRED: Row(
        "{host} has TCP_DEFER_ACCEPT, so the handshake of {peer} ends with its first text",
        "Nothing to do where the client speaks first; where the server does, leave the option off.",
        "tcp(7)",
        DEFER,
    ),
    R.RESET_IN_TIME_WAIT: Row(
        "a RST reached TIME-WAIT on {host} and did not end it",
        "Nothing to do: that protects a later connection of the same ports.",
        "RFC 1337 section 3",
        TIME_WAIT,
    ),
    # a host did not take it
    R.CHECKSUM: Row("{host} got a damaged packet", _AGAIN, "RFC 9293 section 3.1"),
    R.MALFORMED: Row("{host} got bytes that are no packet", _AGAIN, "RFC 9293 section 3.1"),
    R.NOT_FOR_US: Row(
        "a packet reached {host} that is for another address, or nobody has the address",
        "Check the address.",
        "RFC 1122 section 3.2.1.3",
    ),
    R.SOURCE_IMPOSSIBLE: Row(
        "{host} got a segment from a multicast or broadcast address, or from none",
        "Nothing to do: it is forged.",
        "RFC 9293 section 3.9.2.3 (MUST-63)",
    ),
    R.OUTSIDE_WINDOW: Row(
        "{host} got a segment outside its receive window and answered with an ACK",
        _AGAIN,
        "RFC 9293 section 3.10.7.4, first",
        RESETS,
    ),
    R.OLD_DUPLICATE: Row(
        "{host} got what it already has and answered with an ACK",
        "Nothing to do: an ACK was lost or late.",
        "RFC 9293 section 3.10.7.4, first",
        RESETS,
    ),
    R.PAWS: Row(
        "{host} got a segment with a timestamp older than the last",
        "Nothing to do: an old duplicate was kept out.",
        "RFC 7323 section 5.3",
        RESETS,
    ),
    R.MISSING_TIMESTAMP: Row(
        "{host} got a segment without the timestamp that was agreed",
        "Look for a middlebox that strips TCP options.",
        "RFC 7323 section 3.2",
        RESETS,
    ),
    R.NO_ACK_FLAG: Row(
        "{host} got a segment without the ACK flag",
        _NOTHING,
        "RFC 9293 section 3.10.7.4, fifth",
        RESETS,
    ),
    R.OLD_ACK: Row(
        "{host} got an acknowledgment of nothing new",
        _NOTHING,
        "RFC 9293 section 3.10.7.4, fifth",
    ),
    R.ACK_TOO_OLD: Row(
        "{host} got an acknowledgment of what is long gone, and asks back",
        "Nothing to do: it is old or forged.",
        "RFC 5961 section 5.2",
        RESETS,
    ),
    R.ACK_OF_UNSENT: Row(
        "{host} got an acknowledgment of what it has not sent",
        "Nothing to do: it is old or forged, or {peer} has another connection in mind.",
        "RFC 9293 section 3.10.7.4, fifth",
        RESETS,
    ),
    R.SYN_ON_CONNECTION: Row(
        "{host} got a SYN on an open connection, and asks back",
        "Nothing to do: if {peer} has restarted, it answers with a RST.",
        "RFC 5961 section 4.2",
        RESETS,
    ),
    R.TEXT_AFTER_FIN: Row(
        "{host} got text that lies after the FIN of {peer}",
        "Look at the TCP of {peer}.",
        "RFC 9293 section 3.10.7.4, seventh",
        RESETS,
    ),
    R.LISTEN_IGNORES: Row(
        "a listening socket on {host} ignored the segment",
        _NOTHING,
        "RFC 9293 section 3.10.7.2",
        RESETS,
    ),
    R.SYN_SENT_IGNORES: Row(
        "{host} ignored the segment during its handshake",
        _NOTHING,
        "RFC 9293 section 3.10.7.3",
        RESETS,
    ),
    R.ACCEPT_QUEUE_FULL: Row(
        "the accept queue on {host} was full",
        "Accept faster, or give listen() a larger backlog; the client sends its segment again.",
        "listen(2)",
        LISTEN,
    ),
    R.RECEIVE_BUFFER_FULL: Row(
        "the receive buffer on {host} was full",
        "Let the program read; TCP sends the segment again.",
        "RFC 9293 section 3.8.6",
    ),
    R.TIME_WAIT_ANSWER: Row(
        "TIME-WAIT on {host} answered the segment",
        _NOTHING,
        "RFC 9293 section 3.10.7.4",
        TIME_WAIT,
    ),
    R.ICMP_IGNORED: Row(
        "{host} got an ICMP message that changes no connection",
        "Nothing to do.",
        "RFC 1122 section 4.2.3.9",
        RESETS,
    ),
    R.ICMP_OUTSIDE_WINDOW: Row(
        "{host} got an ICMP error about a segment that is not in flight",
        "Nothing to do: it is old or forged.",
        "RFC 5927 section 4.1",
        RESETS,
    ),
    # the network did not deliver it
    R.LOSS: Row("the link lost the packet by chance", _AGAIN, _NETWORK),
    R.QUEUE_FULL: Row(
        "the queue of the link was full",
        "Nothing to do: TCP slows down and sends it again.",
        _NETWORK,
    ),
    R.DROP_RULE: Row("a rule dropped the packet", "Remove the rule.", _NETWORK),
    R.TOO_BIG: Row(
        "the packet was larger than the link's MTU",
        "Use one MTU along the path.",
        "RFC 1191 section 3",
    ),
    R.NOT_ARRIVED: Row(
        "{host} sent it, and the capture at {peer} does not have it",
        "Look for loss between the two, or for packets that the capture itself missed.",
        "RFC 9293 section 3.8",
    ),
    R.LINK_DOWN: Row("the link was down", "Bring the link up again.", _NETWORK),
}
