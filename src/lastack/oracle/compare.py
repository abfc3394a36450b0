"""What differs between a run in a simulated world and the same programs on the kernel.

Endings, errnos and exit statuses are compared exactly; bytes exactly where a connection ended in
order, and within a fifth where a RST cut it off. A difference that is a race of the programs, and
not of two TCPs, carries its explanation.
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

from lastack.state import FIN_WAIT_1, LAST_ACK, TIME_WAIT
from lastack.trace import Arrived, Called, Event, Opened, Returned, StateChanged
from lastack.verdict import Book, ConnectionStory
from lastack.wire import RST, Segment

from .differ import differences

_SHARE: Final = 0.2
_WAITS: Final = frozenset({0, errno.EAGAIN, errno.EINPROGRESS, errno.EALREADY, errno.EINTR})
_ON_CONNECTIONS: Final = ("recv", "send", "shutdown")
_CALLS: Final = (*_ON_CONNECTIONS, "connect", "close", "bind", "listen", "accept")
_AUTOMATIC: Final = 32768
"""From here on ports are automatic ones: net.ipv4.ip_local_port_range."""
_BY_THE_READER: Final = frozenset({"UNREAD_AT_CLOSE", "DATA_AFTER_CLOSE", "DATA_AFTER_SHUTDOWN"})
_ACCOUNTS: Final = ("accepted", "read", "unread", "queued", "destroyed")

CUT_OFF: Final = "where a RST cuts a stream off depends on how far the programs have got"
OTHER_LENGTH: Final = "all was read in both; the programs wrote texts of other lengths"
NO_ORDER: Final = "both close of their own accord: neither waited for the other's FIN"
ASSASSINATED: Final = "a RST met a TIME-WAIT: which segment comes last is a race (RFC 1337)"
LEFT_EARLY: Final = "one end closed before all had reached it: how much it had read is a race"
NOT_SEEN: Final = "other code moves these bytes (TLS, os.read): its calls are not seen"

Told = Mapping[str, Any]


@dataclass(frozen=True)
class Side:
    """One of the two runs: as `run --json` has it, its events and their book, and what each
    program wrote to its stdout."""

    told: Told
    events: Sequence[Event]
    book: Book
    output: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Difference:
    """where: a host or a connection; what: "ending", "bytes client to server", "errnos". explained
    says why it is none of the two TCPs, "" if that is not known."""

    where: str
    what: str
    lastack: object
    kernel: object
    explained: str = ""


def compare(lastack: Side, kernel: Side) -> list[Difference]:
    """Compare two runs of the same programs."""
    found = [*_programs(lastack, kernel)]
    ours, theirs = _by_name(lastack), _by_name(kernel)
    for name in sorted({*ours, *theirs}):
        for mine, other in _matched(ours.get(name, []), theirs.get(name, [])):
            if mine is None or other is None:
                there = ("not there" if one is None else "there" for one in (mine, other))
                found.append(Difference(name, "connection", next(there), next(there)))
            else:
                found += _connection(name, mine, other)
    told = {one.explained for one in found}
    if any(one["raced"] for many in (*ours.values(), *theirs.values()) for one in many):
        told.add(NO_ORDER)
    raced = next((why for why in (NO_ORDER, LEFT_EARLY) if why in told), "")
    if not raced and _assassinated(kernel.events) != _assassinated(lastack.events):
        raced = ASSASSINATED
    hurried = {
        host
        for one in found if one.explained == LEFT_EARLY
        for host in one.where.partition(":")[0].split(" to ")
    }  # fmt: skip
    left, right = _errnos(lastack.events), _errnos(kernel.events)
    for host in sorted({*left, *right}):
        if left.get(host) != right.get(host):
            why = LEFT_EARLY if host in hurried else ""
            said = _said(left.get(host)), _said(right.get(host))
            found.append(Difference(host, "errnos", *said, why))
    waits = [Counter(_time_waits(run.told)) for run in (lastack, kernel)]
    if waits[0] != waits[1]:
        found.append(Difference("all", "TIME-WAIT", _said(waits[0]), _said(waits[1]), raced))
    return found


def _programs(lastack: Side, kernel: Side) -> Iterable[Difference]:
    pairs = zip(lastack.told["programs"], kernel.told["programs"], strict=True)
    for number, (ours, theirs) in enumerate(pairs):
        host, ways = ours["host"], [_way(one) for one in (ours, theirs)]
        if ways[0] != ways[1]:
            yield Difference(host, "exit", *ways)
        for mine, other in differences(lastack.output[number], kernel.output[number], _SHARE):
            yield Difference(host, "output", mine, other)


def _way(program: Told) -> str:
    if program["hung"]:
        return "hung"
    return "stopped" if program["stopped"] else f"exit status {program['exit']}"


def _by_name(run: Side) -> dict[str, list[Told]]:
    """Name connections by what two runs have in common: hosts, the server's port."""
    found: dict[str, list[Told]] = {}
    for one, story in zip(run.told["connections"], run.book.stories, strict=True):
        client, (server, _, port) = one["client"].rpartition(":")[0], one["server"].rpartition(":")
        name = f"{client} to {server}:{port if int(port) < _AUTOMATIC else 'automatic'}"
        name += " over IPv6" if len(story.flow.src) == 16 else ""
        raced = _close_without_order(story, run.events)
        found.setdefault(name, []).append({**one, "raced": raced})
    return found


def _matched(ours: list[Told], theirs: list[Told]) -> Iterable[tuple[Told | None, Told | None]]:
    """Pair connections of one name: those that are the same first, the others in their order.
    Threads and clients that run side by side open them in no order."""
    left, right = list(ours), list(theirs)
    for one in ours:
        for other in right:
            if not [*_connection("", one, other)]:
                left.remove(one)
                right.remove(other)
                yield one, other
                break
    yield from zip_longest(left, right)


def _close_without_order(story: ConnectionStory, events: Iterable[Event]) -> bool:
    """Whether both ends closed and neither had read the other's EOF before. The call counts: Linux
    is in FIN-WAIT-1 from then on, also while a FIN has to wait behind data."""
    closed: set[int] = set()
    ends = {end.conn for end in story.ends}
    for event in events:
        if event.conn not in ends:
            continue
        if isinstance(event, Returned) and event.text == "EOF" and event.conn not in closed:
            return False
        called = isinstance(event, Called) and event.call in ("close", "shutdown")
        if called or (isinstance(event, StateChanged) and event.new in (FIN_WAIT_1, LAST_ACK)):
            closed.add(event.conn)
    return len(closed) == 2


def _connection(name: str, ours: Told, theirs: Told) -> Iterable[Difference]:
    ends = [
        tuple(one["ending"][key] for key in ("kind", "first_closer", "reason", "by"))
        for one in (ours, theirs)
    ]
    left_early = _left_early(ours, theirs)
    if ends[0] != ends[1]:
        raced = ends[0][0] == ends[1][0] and (ours["raced"] or theirs["raced"])
        why = NO_ORDER if raced else LEFT_EARLY if left_early else ""
        yield Difference(name, "ending", _ending(ours), _ending(theirs), why)
    cut = ours["ending"]["kind"] != "fin"
    for way in ("client_to_server", "server_to_client"):
        left, right = ours["bytes"][way], theirs["bytes"][way]
        known = ("accepted",) if "unknown" in right else _ACCOUNTS
        share = _SHARE if cut else 0.0
        if any(abs(left[k] - right[k]) > share * max(left[k], right[k]) for k in known):
            why = _explanation(left, right, cut=cut) or (LEFT_EARLY if left_early else "")
            yield Difference(name, f"bytes {way.replace('_', ' ')}", left, right, why)


def _left_early(ours: Told, theirs: Told) -> bool:
    """Whether an end closed of its own accord while its peer's bytes were still coming, and had
    read another share of as many, or closed before or behind the peer."""
    ends = [one["ending"] for one in (ours, theirs)]
    for end in ends:
        if end["kind"] != "fin" and (end["kind"] != "rst" or end["reason"] not in _BY_THE_READER):
            return False
    if all(end["kind"] == "fin" for end in ends):
        return False
    same = all(ends[0][key] == ends[1][key] for key in ("kind", "reason", "by"))
    return (same and ends[0]["kind"] == "rst") or any(
        ours["bytes"][way]["accepted"] == theirs["bytes"][way]["accepted"]
        and ours["bytes"][way]["read"] != theirs["bytes"][way]["read"]
        for way in ("client_to_server", "server_to_client")
    )


def _explanation(left: Told, right: Told, *, cut: bool) -> str:
    if cut:
        return CUT_OFF
    if all(one["read"] == one["accepted"] for one in (left, right)):
        return OTHER_LENGTH
    return NOT_SEEN if "unknown" in right else ""


def _ending(one: Told) -> str:
    end = one["ending"]
    why = f" ({end['reason']} on {end['by']})" if end["reason"] else ""
    return f"{end['kind']}, first closer {end['first_closer']}{why}"


def _errnos(events: Iterable[Event]) -> dict[str, Counter[str]]:
    """Count the errors of each host's calls, those that only say "not now" left out."""
    found: dict[str, Counter[str]] = {}
    connections: set[int] = set()
    for event in events:
        if isinstance(event, Opened):
            connections.add(event.conn)
        if isinstance(event, Returned) and event.errno not in _WAITS:
            group = next((name for name in _CALLS if event.call.startswith(name)), "")
            if not group or (group in _ON_CONNECTIONS and event.conn not in connections):
                continue  # a call, or a socket without TCP, that `recording` does not write down
            name = errno.errorcode.get(event.errno, str(event.errno))
            found.setdefault(event.host, Counter())[f"{group} {name}"] += 1
    return found


def _assassinated(events: Iterable[Event]) -> bool:
    """Whether a RST came for an end in TIME-WAIT (RFC 1337 section 2): sent again is what a busy
    machine was late to acknowledge."""
    standing: set[int] = set()
    for event in events:
        if isinstance(event, StateChanged) and event.new is TIME_WAIT:
            standing.add(event.conn)
        if isinstance(event, Arrived) and event.conn in standing:
            if isinstance(event.what, Segment) and event.what.flags & RST:
                return True
    return False


def _time_waits(run: Told) -> Iterable[str]:
    ports = {one["server"].rpartition(":")[2] for one in run["connections"]}
    for one in run["time_wait"]:
        served = one["local"].rpartition(":")[2] in ports
        yield f"{one['host']} as {'server' if served else 'client'}"


def _said(counted: Counter[str] | None) -> str:
    rows = sorted((counted or {}).items())
    return ", ".join(f"{count} x {name}" for name, count in rows) or "none"
