"""A host that loses its power: every table is gone, and not one segment tells of it."""

from __future__ import annotations

from lastack.trace import POWER_CUT, Fault, Reason

from .host import Host


def power_off(host: Host, now: int) -> None:
    """End every connection and TIME-WAIT where it stands (RFC 9293 section 3.4.3: a crash with
    loss of memory). The host is of no use afterwards; one that comes back is another `Host`."""
    if host.scribe is not None:
        host.scribe.begin(Fault(POWER_CUT), now)
    for connection in host.connections():
        connection.abandon_reading(Reason.HOST_GONE, now)
        connection.vanish(Reason.HOST_GONE, now)
    for entry in list(host.waiting.table):
        host.waiting.remove(entry.flow, Reason.HOST_GONE, now)
