"""Reasons why bind(), listen() or connect() was refused."""

from __future__ import annotations

from typing import Final

from lastack.trace import Reason as R

from .row import PORTS, Row

_REUSE: Final = (
    "Set SO_REUSEADDR before bind(), in the old server and in the new one: on Linux both must have "
    "it."
)

CALLS: Final[dict[R, Row]] = {
    R.PORT_TAKEN: Row(
        "the port on {host} is bound by {holders}",
        "Close that socket, or choose another port.",
        "bind(2)",
        PORTS,
    ),
    R.PORT_LISTENING: Row(
        "{holders} listens on that port of {host}",
        "Stop the program that listens. SO_REUSEADDR does not help against a listening socket on "
        "Linux.",
        "bind(2); socket(7) SO_REUSEADDR",
        PORTS,
    ),
    R.PORT_IN_TIME_WAIT: Row(
        "a connection in TIME-WAIT on {host} holds the port: {holders}",
        _REUSE,
        "socket(7) SO_REUSEADDR; RFC 9293 section 3.4.2",
        PORTS,
    ),
    R.PORT_CONNECTED: Row(
        "a connection on {host} holds the port: {holders}",
        _REUSE,
        "socket(7) SO_REUSEADDR",
        PORTS,
    ),
    R.NO_PORT_FREE: Row(
        "every automatic port of {host} is taken",
        "Keep connections open and use them again, or widen ip_local_port_range.",
        "ip(7) ip_local_port_range",
        PORTS,
    ),
    R.TUPLE_TAKEN: Row(
        "{host} has a connection with the same two addresses and ports already: {holders}",
        "Bind to port 0, so that the system chooses the port.",
        "RFC 9293 section 3.3.1",
        PORTS,
    ),
    R.ADDRESS_NOT_OURS: Row(
        "the address is none of {host}'s",
        "Bind to an address of the host, or to the wildcard.",
        "bind(2)",
        PORTS,
    ),
}
