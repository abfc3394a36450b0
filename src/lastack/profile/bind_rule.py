"""SO_REUSEADDR and SO_REUSEPORT: when a port that somebody holds may be bound again.

    the holder is            LINUX: shared if both set           TEXTBOOK: shared if
    -----------------------  ----------------------------------  -----------------------------
    bound, or connected      SO_REUSEADDR, or SO_REUSEPORT (*)   never
    listening                SO_REUSEPORT (*)                    never
    in TIME-WAIT             SO_REUSEADDR, or SO_REUSEPORT       the new one set SO_REUSEADDR

    the holder is            BSD: shared if the new one set      WINDOWS: shared if
    -----------------------  ----------------------------------  -----------------------------
    bound or listening       SO_REUSEADDR, at another address;   both set SO_REUSEADDR
                             or both set SO_REUSEPORT
    connected                SO_REUSEADDR                        both set SO_REUSEADDR
    in TIME-WAIT             SO_REUSEADDR                        always

(*) under the same effective uid; the uid of a connection in TIME-WAIT is not asked.
"Connected" is every state from SYN-SENT to LAST-ACK, with a descriptor or without. Addresses that
do not overlap never conflict. The same rule decides again when a bound socket calls listen().
"""

from __future__ import annotations

import errno
from enum import Enum
from typing import Final, NamedTuple

from .ports import BindRule, PortRules

_MAPPED: Final = bytes(10) + b"\xff\xff"
_ANY4: Final = bytes(4)


class Use(Enum):
    """What a holder does with its port."""

    BOUND = "bound, neither listening nor connected"
    LISTENING = "LISTEN"
    CONNECTED = "SYN-SENT to LAST-ACK"
    TIME_WAIT = "TIME-WAIT"


class Holder(NamedTuple):
    """One that has the port. `address` is packed, 4 or 16 bytes.

    Once connected, a socket that was bound to the wildcard has the concrete local address of its
    connection. The flags are those of now, not those of its bind(); a connection in TIME-WAIT
    keeps those it had. `v6only`: IPV6_V6ONLY, which a bind() to an IPv6 address sets.
    """

    address: bytes
    use: Use
    reuseaddr: bool = False
    reuseport: bool = False
    v6only: bool = False
    uid: int = 0


class Applicant(NamedTuple):
    """The socket that calls bind(), or listen() once bound."""

    address: bytes
    reuseaddr: bool = False
    reuseport: bool = False
    v6only: bool = False
    uid: int = 0


def overlap(holder: Holder, applicant: Applicant) -> bool:
    """Tell whether some packet could be for either: one address is, or covers, the other.

    0.0.0.0 covers every IPv4 address; :: covers every IPv6 address and, without IPV6_V6ONLY,
    every IPv4 address too (RFC 3493 section 5.3). ::ffff:a.b.c.d is the IPv4 address a.b.c.d.
    A connection over IPv6 whose socket could have had IPv4 ones too keeps an AF_INET socket from
    0.0.0.0, though not from any single address (docs/kernel-notes/dual-stack.md).
    """
    held, wanted = unmapped(holder.address), unmapped(applicant.address)
    return (
        held == wanted
        or _covers(held, holder.v6only, wanted)
        or _covers(wanted, applicant.v6only, held)
        or (applicant.address == _ANY4 and _was_dual(holder))
    )


def _was_dual(holder: Holder) -> bool:
    """Tell whether a connection over IPv6 was let in, or made, by a socket for both families."""
    return (
        len(unmapped(holder.address)) == 16
        and any(holder.address)
        and not holder.v6only
        and (holder.use in (Use.CONNECTED, Use.TIME_WAIT))
    )


def conflict(holder: Holder, applicant: Applicant, rules: PortRules) -> bool:
    """Tell whether bind() fails because of this holder of the same port."""
    return overlap(holder, applicant) and not _shared(holder, applicant, rules)


def refusal(applicant: Applicant, rules: PortRules) -> int:
    """Return the errno with which bind() fails because of a conflict.

    Winsock tells a socket that set SO_REUSEADDR in vain WSAEACCES.
    """
    windows = rules.bind_rule is BindRule.WINDOWS
    return errno.EACCES if windows and applicant.reuseaddr else errno.EADDRINUSE


def _shared(holder: Holder, applicant: Applicant, rules: PortRules) -> bool:
    in_time_wait = holder.use is Use.TIME_WAIT
    if rules.bind_rule is BindRule.TEXTBOOK:
        return applicant.reuseaddr and in_time_wait
    if rules.bind_rule is BindRule.BSD:
        return _shared_on_bsd(holder, applicant)
    if rules.bind_rule is BindRule.WINDOWS:
        return in_time_wait or (holder.reuseaddr and applicant.reuseaddr)
    if holder.reuseaddr and applicant.reuseaddr and holder.use is not Use.LISTENING:
        return True
    return (
        holder.reuseport and applicant.reuseport and (in_time_wait or holder.uid == applicant.uid)
    )


def _shared_on_bsd(holder: Holder, applicant: Applicant) -> bool:
    """in_pcbbind(): with SO_REUSEADDR only an exact, unconnected match is looked for."""
    if holder.reuseport and applicant.reuseport:
        return True
    if not applicant.reuseaddr:
        return False
    connected = holder.use in (Use.CONNECTED, Use.TIME_WAIT)
    return connected or unmapped(holder.address) != unmapped(applicant.address)


def _covers(wildcard: bytes, v6only: bool, address: bytes) -> bool:
    if any(wildcard):
        return False
    return len(wildcard) == len(address) or (len(wildcard) == 16 and not v6only)


def unmapped(address: bytes) -> bytes:
    """Return a.b.c.d for ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), any other as it is."""
    return address[12:] if address.startswith(_MAPPED) and len(address) == 16 else address
