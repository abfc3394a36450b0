"""The packets of a run as a pcapng file: an interface for each host, each packet with its fate.

A packet stands where it left, with "lost by chance" if it did, and where it arrived, with what was
done to it there. What a host sends to itself stands once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from lastack.trace import (
    Arrived,
    Dropped,
    Duplicated,
    Event,
    Lost,
    ResetIgnored,
    ResetSent,
    ResetTaken,
    Sent,
    segment_of,
)
from lastack.wire import (
    RST,
    Direction,
    Frame,
    Packet,
    build,
    interface_block,
    is_loopback,
    names_block,
    packet_block,
    section_block,
)

_WRITER: Final = "lastack"


class _Shot:
    """One packet at one place."""

    __slots__ = ("at", "host", "packet", "direction", "comments")

    def __init__(self, at: int, host: str, packet: Packet, direction: Direction) -> None:
        self.at = at
        self.host = host
        self.packet = packet
        self.direction = direction
        self.comments: list[str] = []


def capture_blocks(
    events: Iterable[Event], names: Mapping[bytes, str], start: int
) -> Iterator[bytes]:
    """Return the blocks of a file: the packets of all events, `start` ns being the time 0.

    names: the hosts' names by address.
    """
    hosts = list(dict.fromkeys(names.values()))
    yield section_block(_WRITER)
    for host in hosts:
        yield interface_block(host, tuple(one for one, name in names.items() if name == host))
    yield names_block(names)
    for shot in _shots(events, names):
        if shot.host in hosts:
            data = build(shot.packet)
            yield packet_block(
                Frame(
                    start + shot.at, hosts.index(shot.host), data, len(data), shot.direction,
                    "; ".join(shot.comments),
                )
            )  # fmt: skip


def _shots(events: Iterable[Event], names: Mapping[bytes, str]) -> list[_Shot]:
    shots: list[_Shot] = []
    left: dict[int, _Shot] = {}
    came: dict[int, _Shot] = {}
    due: dict[str, ResetSent] = {}
    for event in events:
        if isinstance(event, Sent):
            shot = _Shot(event.at, event.host, event.what, Direction.OUT)
            shots.append(shot)
            left[event.packet] = came[event.packet] = shot
            if event.again:
                shot.comments.append("sent again")
            seg = segment_of(event.what)
            if seg is not None and seg.flags & RST and event.host in due:
                shot.comments.append(f"RST: {due.pop(event.host).reason.value}")
        elif isinstance(event, Arrived):
            if not _stays(event, names):
                shot = _Shot(event.at, event.host, event.what, Direction.IN)
                shots.append(shot)
                came[event.packet] = shot
        elif isinstance(event, ResetSent):
            due[event.host] = event
        else:
            _remark(event, left, came)
    return shots


def _stays(event: Arrived, names: Mapping[bytes, str]) -> bool:
    """Whether the packet never left its host."""
    source = event.what.flow.src
    return is_loopback(source) or names.get(source) == event.host


def _remark(event: Event, left: Mapping[int, _Shot], came: Mapping[int, _Shot]) -> None:
    if isinstance(event, Lost):
        shot, text = left.get(event.packet), event.reason.value
        if event.rule:
            text += f": {event.rule}"
    elif isinstance(event, Duplicated):
        shot, text = left.get(event.packet), "duplicated by the network"
    elif isinstance(event, Dropped):
        shot, text = came.get(event.packet), f"dropped: {event.reason.value}"
    elif isinstance(event, ResetIgnored):
        shot, text = came.get(event.packet), f"ignored: {event.reason.value}"
    elif isinstance(event, ResetTaken):
        shot, text = came.get(event.packet), f"ended the connection: {event.reason.value}"
    else:
        return
    if shot is not None:
        shot.comments.append(text)
