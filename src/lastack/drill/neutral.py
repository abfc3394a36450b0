"""The neutral form of a script: what it says of TCP, without what it says of one system.

Commands go, but for the question how many sockets are in a state; their times stay. That there are
none is not asked: where a script asks it, it is what came of a setting of its own system. SO_RCVBUF
is not asked for, windows that the target announces are not compared, nor are the options of SYNs
and of segments with timestamps. What is left of sysctl are the settings that name the rules to play
by (RFC 793 or RFC 5961, ECN, and the receive buffer that is FreeBSD's window); a profile without
such a choice plays by its own.

The host that plays it has conditions that no system has from the start and every system can have:
ACKs delayed from the first segment on (up to 60 ms), and SYNs repeated after 1 s, 3 s and 7 s.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import Final

from lastack.profile import Profile

from . import syntax as s
from .shell import Query, Setting, effects
from .syntax import Unsupported

TOLERANCE_US: Final = 60_000
_RULES: Final = frozenset({
    "net.inet.tcp.insecure_rst", "net.inet.tcp.insecure_syn", "net.inet.tcp.drop_synfin",
    "net.inet.tcp.recvspace", "net.inet.tcp.ecn.enable", "net.inet.tcp.ecn.maxretries",
    "net.ipv4.tcp_ecn",
})  # fmt: skip
DEFINED: Final = frozenset({"STANDARD"})
"""The branch of `#ifdef` that is taken."""


def conditions(profile: Profile) -> Profile:
    """Return the profile under the conditions of the neutral form."""
    return profile.with_field("quick", 0).with_field("syn_linear", 0)


def neutral(script: s.Script) -> s.Script:
    """Return the neutral form."""
    kept: list[s.Event] = []
    delay = 0
    for event in script.events:
        changed = _neutral(event, script)
        if changed is None:
            delay += event.when.first if event.when.anchor is s.Anchor.PREVIOUS else 0
            continue
        kept.append(_later(changed, delay))
        delay = 0
    least = max(script.number("tolerance_usecs", 0), TOLERANCE_US)
    options = (*script.options, ("tolerance_usecs", str(least)))
    return replace(script, options=options, before=(), events=tuple(kept), after=())


def _later(event: s.Event, delay: int) -> s.Event:
    """Return the event with the delay of what stood before it; absolute times hold as they are."""
    when = event.when
    if when.anchor is not s.Anchor.PREVIOUS or not delay:
        return event
    action = event.action
    if isinstance(action, s.Call) and action.until is not None:
        action = replace(action, until=action.until + delay)
    later = s.When(when.anchor, when.first + delay, when.last + delay)
    return replace(event, when=later, action=action)


def _neutral(event: s.Event, script: s.Script) -> s.Event | None:
    """Return the neutral form of an event, None if it goes."""
    action = event.action
    if isinstance(action, s.Command):
        return event if _stays(action, script) else None
    if isinstance(action, s.Call) and _asks_for_buffer(action):
        return None
    if isinstance(action, s.TcpPacket) and not action.inbound:
        return replace(event, action=_lenient(action))
    return event


def _stays(command: s.Command, script: s.Script) -> bool:
    """Tell whether a command asks for states, or settles by which rules is played."""
    try:
        found = list(effects(command.text, PurePath(script.path).parent))
    except Unsupported:
        return False
    if any(isinstance(effect, Setting) for effect in found):
        return all(isinstance(effect, Setting) and effect.name in _RULES for effect in found)
    return any(isinstance(effect, Query) and effect.number for effect in found)


def _asks_for_buffer(call: s.Call) -> bool:
    return call.name == "getsockopt" and any(
        isinstance(word, s.Word) and word.name == "SO_RCVBUF" for word in call.arguments
    )


def _lenient(packet: s.TcpPacket) -> s.TcpPacket:
    options = packet.options
    stamped = any(option.name == "TS" for option in options or ())
    if "S" in packet.flags or stamped:
        options = None
    return replace(packet, window=None, options=options)
