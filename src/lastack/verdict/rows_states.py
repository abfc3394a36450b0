"""Reasons for a change of state that are part of a connection's orderly life, and TIME-WAIT's."""

from __future__ import annotations

from typing import Final

from lastack.trace import Reason as R

from .row import CLOSE, TIME_WAIT, Row

_NOTHING: Final = "Nothing to do."

STATES: Final[dict[R, Row]] = {
    R.OPEN_CALL: Row("{host} called connect()", _NOTHING, "RFC 9293 section 3.10.1"),
    R.LISTEN_CALL: Row("{host} called listen()", _NOTHING, "RFC 9293 section 3.10.1"),
    R.SYN_ARRIVED: Row("a SYN reached {host}", _NOTHING, "RFC 9293 section 3.10.7.2"),
    R.SYN_ACK_ARRIVED: Row(
        "{peer} answered the SYN of {host}", _NOTHING, "RFC 9293 section 3.10.7.3"
    ),
    R.HANDSHAKE_DONE: Row(
        "{peer} acknowledged the SYN of {host}", _NOTHING, "RFC 9293 section 3.10.7.4, fifth"
    ),
    R.CLOSE_CALL: Row(
        "{call} on {host} ends its direction with a FIN behind the data",
        "Nothing to do. That close() returned says nothing about what {peer} has read.",
        "RFC 9293 section 3.10.4",
        CLOSE,
    ),
    R.SHUTDOWN_CALL: Row(
        "shutdown() on {host} ends its direction with a FIN behind the data",
        "Nothing to do: read until EOF, then close().",
        "RFC 9293 section 3.6.1; shutdown(2)",
        CLOSE,
    ),
    R.FIN_SENT: Row(
        "{host} sent its FIN; packets do not tell close() from shutdown()",
        _NOTHING,
        "RFC 9293 section 3.6",
        CLOSE,
    ),
    R.CAPTURE_BEGAN: Row(
        "the connection was open when the capture began",
        "Start the capture before the connection, to see who opened it and how.",
        "RFC 9293 section 3.3.2",
    ),
    R.FIN_ARRIVED: Row(
        "{peer} has sent its last byte",
        "When recv() tells EOF, send what is left and close().",
        "RFC 9293 section 3.10.7.4, eighth",
    ),
    R.FIN_ACKED: Row(
        "{peer} has everything that {host} sent, in its TCP",
        "Nothing to do. Whether its program has read it, only an answer of that program tells.",
        "RFC 9293 section 3.10.7.4, fifth",
        CLOSE,
    ),
    R.TIME_WAIT_OVER: Row(
        "TIME-WAIT on {host} is over", _NOTHING, "RFC 9293 section 3.10.8", TIME_WAIT
    ),
    R.TIME_WAIT_RESET: Row(
        "a RST with the next sequence number ended TIME-WAIT on {host}",
        "Nothing to do; RFC 1337 tells why some systems ignore such a RST.",
        "RFC 1337 section 3; tcp(7) tcp_rfc1337",
        TIME_WAIT,
    ),
    R.TIME_WAIT_REOPENED: Row(
        "a new SYN from {peer} took over the connection in TIME-WAIT on {host}",
        _NOTHING,
        "RFC 9293 section 3.6.1 (MAY-2); RFC 6191",
        TIME_WAIT,
    ),
    R.TIME_WAIT_REUSED: Row(
        "connect() on {host} took over its own connection in TIME-WAIT",
        _NOTHING,
        "RFC 6191; tcp(7) tcp_tw_reuse",
        TIME_WAIT,
    ),
    R.TIME_WAIT_RESTARTED: Row(
        "a segment from {peer} reached TIME-WAIT on {host}, which began again",
        "Nothing to do: {peer} had not heard the last ACK.",
        "RFC 9293 section 3.10.7.4, eighth",
        TIME_WAIT,
    ),
    R.TIME_WAIT_LIMIT: Row(
        "{host} has too many TIME-WAITs and kept none for this connection",
        "Let the clients close first, or keep connections open longer.",
        "tcp(7) tcp_max_tw_buckets",
        TIME_WAIT,
    ),
}
