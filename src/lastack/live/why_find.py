"""Finding out why bind() fails here.

The kernel's table tells the sockets, a borrowed descriptor their options, three trial binds what
the kernel makes of them. What nobody can be asked, the options of a socket without a descriptor,
follows from the answers: on Linux SO_REUSEADDR shares a port only if both sockets have it.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from lastack.profile import Applicant, unmapped
from lastack.state import CLOSED, LISTEN

from .borrow import SocketOptions, lent_options
from .diag import sockets
from .namespaces import Namespace
from .owners import owners
from .ports import PortSettings, is_outgoing, port_settings
from .probe import Probe, applicant_for, foretell_bind, probe_bind, stands
from .row import Row
from .why import Cause, Held, Why, culprits

WILDCARD: Final = bytes(4)
WILDCARD_6: Final = bytes(16)

_WORST_FIRST: Final = (
    Cause.LISTENING, Cause.DUAL_STACK, Cause.BOUND, Cause.OUTGOING, Cause.CONNECTED, Cause.ENDING,
    Cause.TIME_WAIT,
)  # fmt: skip


def why_bind(
    address: bytes | None, port: int, *, probe: bool = True, namespace: Namespace | None = None
) -> Why:
    """Say why a socket cannot be bound to a packed address and a port; port 0: to any.

    address None means every address: 0.0.0.0 and, if that is free, ::. With `probe` the port is
    taken for some microseconds to ask the kernel itself. Raises Unsupported, PermissionError.
    """
    if address is not None:
        return _why(address, port, probe, namespace)
    four = _why(WILDCARD, port, probe, namespace)
    if four.probe.plain != 0:
        return four
    try:
        six = _why(WILDCARD_6, port, probe, namespace)
    except OSError as error:
        if error.errno == errno.EAFNOSUPPORT:
            return four  # a kernel without IPv6
        raise
    return six if six.probe.plain == errno.EADDRINUSE else four


def decide(error: int, port: int, in_the_way: Sequence[Held], wanted: bytes) -> Cause:
    """Name what is in the way, from the errno of a plain bind() and the sockets that refuse."""
    if error == 0:
        return Cause.FREE
    if error == errno.EACCES:
        return Cause.PRIVILEGED
    if error == errno.EADDRNOTAVAIL:
        return Cause.ADDRESS_NOT_OURS
    if error != errno.EADDRINUSE:
        return Cause.OTHER
    if port == 0:
        return Cause.PORTS_EXHAUSTED
    found = {_kind(held, wanted) for held in in_the_way}
    return next((cause for cause in _WORST_FIRST if cause in found), Cause.UNSEEN)


def hold(rows: Sequence[Row], settings: PortSettings, *, read: bool = True) -> tuple[
    tuple[Held, ...], int, str
]:  # fmt: skip
    """Return the sockets with their owners and options, how many processes hid theirs, and the
    first refusal to lend a descriptor, or ""."""
    whose = owners({row.inode for row in rows if row.inode})
    listening = frozenset(row.local[1] for row in rows if row.state is LISTEN)
    found: list[Held] = []
    refused = ""
    for row in rows:
        theirs = whose.get(row.inode, ())
        chosen: SocketOptions | None = None
        if read and theirs:
            chosen, why = lent_options(theirs[0].pid, theirs[0].fd)
            refused = refused or why
        outgoing = is_outgoing(row, settings, listening)
        reuseaddr = None if chosen is None else chosen.reuseaddr
        found.append(Held(row, theirs, chosen, reuseaddr, outgoing))
    return tuple(found), whose.hidden, refused


def _why(address: bytes, port: int, ask: bool, namespace: Namespace | None) -> Why:
    settings = port_settings(namespace)
    applicant = applicant_for(address, namespace)
    wanted = f"sport = :{port}" if port else ""
    rows = [
        row
        for row in sockets(wanted, info=True, namespace=namespace)
        if (port or settings.automatic(row.local[1])) and stands(row, applicant)
    ]
    # without a port everything may be in the way, and reading thousands of options says nothing
    holders, hidden, refused = hold(rows, settings, read=port != 0)
    if ask or port == 0:
        # bind() to port 0 takes no port that anybody waits for
        probe = probe_bind(address, port, namespace=namespace)
    else:
        held = [(one.row, one.options) for one in holders]
        probe = foretell_bind(applicant, port, held, settings, namespace=namespace)
    with_option = applicant._replace(reuseaddr=True)
    holders = _concluded(holders, probe, with_option)
    # EADDRNOTAVAIL and EACCES have nothing to do with those who are there
    in_the_way = holders if probe.plain == errno.EADDRINUSE else ()
    if probe.with_reuseaddr != 0:
        in_the_way = culprits(in_the_way, with_option)
    cause = decide(probe.plain, port, in_the_way, address)
    return Why(with_option, port, probe, cause, holders, in_the_way, settings, hidden, refused)


def _concluded(holders: tuple[Held, ...], probe: Probe, applicant: Applicant) -> tuple[Held, ...]:
    """Fill in SO_REUSEADDR where no descriptor tells it and the kernel's answer does."""
    if not probe.asked or probe.plain != errno.EADDRINUSE:
        return holders
    if probe.with_reuseaddr == 0:
        return tuple(replace(held, reuseaddr=True) for held in holders)
    unread = [held for held in holders if held.options is None]
    if len(unread) == 1 and not culprits(holders, applicant, sure=True):
        alone = unread[0]
        return tuple(replace(held, reuseaddr=False) if held is alone else held for held in holders)
    return holders


def _kind(held: Held, wanted: bytes) -> Cause:
    row = held.row
    if row.state is LISTEN:
        same = len(unmapped(row.local[0])) == len(unmapped(wanted))
        return Cause.LISTENING if same else Cause.DUAL_STACK
    if row.state is CLOSED:
        return Cause.BOUND
    if held.outgoing:
        return Cause.OUTGOING
    if held.kernel_only:
        return Cause.TIME_WAIT
    return Cause.ENDING if row.orphan else Cause.CONNECTED
