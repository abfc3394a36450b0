"""Ends of connections as they happen, and with root the RSTs and their reasons."""

from __future__ import annotations

import errno
import select
import socket
import struct
import time
from collections import OrderedDict
from dataclasses import replace
from typing import Final

from lastack.profile import unmapped
from lastack.state import FIN_WAIT_2, TIME_WAIT

from .destroyed import DestroyFeed
from .diag import sockets
from .ended import Ended, EndKind, judge
from .filters import Filter, FilterError, parse_filter
from .namespaces import Namespace
from .netlink import BY_FAMILY, ask, connect, request
from .resets import Reset, parse_reset
from .row import ID, Row
from .tracefs import ResetTrace

_KEPT: Final = 4096
"""RSTs that are remembered: a descriptor may stay open long after one came."""
_ANY_STATE: Final = 0xFFFFFFFF
_ANY_COOKIE: Final = b"\xff" * 8
_CLOSE: Final = 7
_HEAD: Final = struct.Struct("=BBBB")
_PORTS: Final = struct.Struct("!HH")

Ends = tuple[tuple[bytes, int], tuple[bytes, int]]


class Watch:
    """Listens from the moment it is made; a context manager.

    `resets` also traces RSTs: PermissionError without root. Raises FilterError for a filter with
    `state`: an end has none.
    """

    def __init__(
        self, filter: Filter | str = "", *, resets: bool = False,
        namespace: Namespace | None = None,
    ) -> None:  # fmt: skip
        self._filter = filter if isinstance(filter, Filter) else parse_filter(filter)
        if self._filter.states != Filter().states:
            raise FilterError("filter: an end has no state; name ports and addresses only")
        self._namespace = namespace
        self._resets: OrderedDict[Ends, Reset] = OrderedDict()
        self._listening: set[int] = set()
        self._trace = ResetTrace() if resets else None
        try:
            self._feed = DestroyFeed(namespace=namespace)
            self._netlink = connect(namespace)
        except BaseException:
            if self._trace is not None:
                self._trace.close()
            raise
        self._learn_listeners()

    @property
    def missed(self) -> int:
        """How often the kernel dropped messages because they were read too slowly."""
        return self._feed.missed

    def read(self, timeout: int | None = None) -> list[Ended | Reset]:
        """Return what happened, waiting at most `timeout` ns for the first (None: no limit)."""
        waited: list[int] = [self._feed.fileno()]
        if self._trace is not None:
            waited.append(self._trace.fileno())
        end = None if timeout is None else time.monotonic_ns() + timeout
        while True:
            left = None if end is None else max(0, end - time.monotonic_ns()) / 1e9
            ready = select.select(waited, (), (), left)[0]
            happened = self._read_ready()
            if happened or not ready:
                return happened

    def close(self) -> None:
        """Stop listening; nothing is left behind in the kernel."""
        self._feed.close()
        self._netlink.close()
        if self._trace is not None:
            self._trace.close()

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_ready(self) -> list[Ended | Reset]:
        # first the deaths: the RST that belongs to one is then surely in the trace already
        rows = self._feed.read(0)
        happened: list[Ended | Reset] = []
        for line in self._trace.read() if self._trace is not None else ():
            reset = parse_reset(line)
            if reset is None:
                continue
            self._resets[reset.local, reset.remote] = reset
            if len(self._resets) > _KEPT:
                self._resets.popitem(last=False)
            if self._filter.keeps(_as_row(reset)):
                happened.append(reset)
        if rows:
            self._learn_listeners()
        ended = [self._judge(row) for row in rows if self._filter.keeps(row)]
        return happened + [one for one in ended if one is not None]

    def _learn_listeners(self) -> None:
        self._listening.update(
            row.local[1] for row in sockets("state listening", namespace=self._namespace)
        )

    def _judge(self, row: Row) -> Ended | None:
        whole = row.remote[1] != 0
        ended = judge(
            row, accepted=row.local[1] in self._listening, waiting=whole and self._waits(row)
        )
        if ended is None or self._trace is None:
            return ended
        reset = self._reset_of(ended)
        if reset is not None:
            sent = "sent an RST: " if reset.sent else ""
            return replace(ended, remote=reset.remote, why=f"{sent}{reset.why}")
        if ended.kind is EndKind.CUT:
            return replace(ended, why="no RST was seen: the kernel gave up")
        return ended

    def _reset_of(self, ended: Ended) -> Reset | None:
        local, remote = (unmapped(ended.local[0]), ended.local[1]), ended.remote
        remote = unmapped(remote[0]), remote[1]
        if remote[1]:
            return self._resets.pop((local, remote), None)
        # an abort has erased the peer's port, and the local address unless it was bound
        for ends in reversed(self._resets):
            if ends[0][1] == local[1] and ends[1][0] == remote[0]:
                return self._resets.pop(ends)
        return None

    def _waits(self, row: Row) -> bool:
        """Tell whether a TIME-WAIT, or FIN-WAIT-2 without a socket, has these addresses now."""
        sockid = row.raw[ID][: -len(_ANY_COOKIE)] + _ANY_COOKIE
        try:
            found = Row(ask(self._netlink, BY_FAMILY, request(row.family, _ANY_STATE, 0, sockid)))
        except OSError as error:
            if error.errno == errno.ENOENT:
                return False
            raise
        # without one the kernel answers with the listener
        return found.state in (TIME_WAIT, FIN_WAIT_2) and found.inode == 0


def _as_row(reset: Reset) -> Row:
    """Return the addresses of an RST in the form that a filter takes."""
    family = socket.AF_INET if len(reset.local[0]) == 4 else socket.AF_INET6
    addresses = reset.local[0].ljust(16, b"\0") + reset.remote[0].ljust(16, b"\0")
    ports = _PORTS.pack(reset.local[1], reset.remote[1])
    return Row((_HEAD.pack(family, _CLOSE, 0, 0) + ports + addresses).ljust(72, b"\0"))
