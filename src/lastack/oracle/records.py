"""What `recording` wrote in the programs, as calls with their begin and end."""

from __future__ import annotations

import ast
import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lastack.profile import unmapped
from lastack.startup import led_by
from lastack.verdict import CallSeen, count
from lastack.wire import ANY4, LOOPBACK4, LOOPBACK6, Flow, pack_address

from . import recording

RECORDER: Final = Path(recording.__file__)
"""What `startup.prepare` lets a program begin with."""

_WAITS: Final = {errno.EAGAIN, errno.EINPROGRESS, errno.EALREADY}
_ENDLESS: Final = 1 << 62


def open_gate(record: Path) -> None:
    """Let a program run that was started with this record."""
    record.with_name(record.name + recording.GATE).touch()


def environment(directory: Path, record: Path) -> dict[str, str]:
    """Return our environment with the way to that directory; output is not held back. A program
    begins when its gate is opened."""
    return {
        **led_by(directory, os.environ), "PYTHONUNBUFFERED": "1", recording.RECORD: str(record),
    }  # fmt: skip


class Record:
    """The calls of one program. `opaque` are the flows whose bytes other code moved: sockets that
    were taken out of their object, and not put into another."""

    def __init__(self, host: str, path: Path, names: Mapping[bytes, str]) -> None:
        self.calls: list[CallSeen] = []
        self.opaque: set[Flow] = set()
        self.infos: dict[Flow, bytes] = {}
        self._host = host
        self._names = names
        self._addresses = {(name, len(address)): address for address, name in names.items()}
        self._linger: dict[tuple[int, int], tuple[int, int]] = {}
        self._user_timeout: dict[tuple[int, int], bool] = {}
        self._open: dict[tuple[int, int], tuple[Any, ...]] = {}
        self._accepted: set[Flow] = set()
        self._main = 0
        rows = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        for line in rows:
            self._take(ast.literal_eval(line))
        for row in list(self._open.values()):
            self._add(row, (_ENDLESS, *row[1:3], "end", row[4], row[5], row[6], {}))

    @property
    def flows(self) -> set[Flow]:
        """The connections whose calls are all known."""
        known = {call.flow for call in self.calls if call.flow is not None}
        return (known | self._accepted) - self.opaque

    def _take(self, row: tuple[Any, ...]) -> None:
        _, pid, thread, kind, name, fd, flow, details = row
        self._main = self._main or thread
        if name == "linger":
            self._linger[pid, fd] = details["value"]
        elif name == "user timeout":
            self._user_timeout[pid, fd] = details["on"]
        elif name == "detach":
            self.opaque |= {self._flow(flow)} if flow else set()
        elif kind == "call":
            self._open[pid, thread] = row
        else:
            if details.get("new"):
                self._accepted.add(self._flow(details["new"]))
            begun = self._open.pop((pid, thread), None)
            if begun is not None and begun[4] == name:
                self._add(begun, row)

    def _add(self, begun: tuple[Any, ...], ended: tuple[Any, ...]) -> None:
        number = ended[7].get("errno", 0)
        if number in _WAITS:
            return
        pid, thread, name, fd = begun[1], begun[2], begun[4], begun[5]
        name = "connect" if name == "connect_ex" else name
        flow = self._flow(ended[6] or begun[6]) if ended[6] or begun[6] else None
        lingers, limited = self._linger.get((pid, fd)), self._user_timeout.get((pid, fd), False)
        if name == "close":
            self._user_timeout.pop((pid, fd), None)
            self._linger.pop((pid, fd), None)
            if flow is not None and begun[7].get("info"):
                self.infos[flow] = begun[7]["info"]
        told = ended[7].get("moved", 0)
        moved = 0 if begun[7].get("peek") else told
        if moved and flow is not None:
            self.opaque.discard(flow)
        self.calls.append(
            CallSeen(
                self._host, "" if thread == self._main else f"thread {thread}", name,
                self._text(name, begun[7]), _result(name, number, told, ended[7]), number,
                moved, flow, begun[0], ended[0], lingers, self._peer(name, begun[7]), limited,
            )
        )  # fmt: skip

    def _text(self, name: str, details: Mapping[str, Any]) -> str:
        """Say a call as a simulated host says it."""
        if name.startswith("recv"):
            return f"{name} up to {details.get('size', 0):,}"
        if name.startswith("send"):
            return f"{name} {count(details.get('size', 0), 'byte')}"
        if details.get("address"):
            address, port = details["address"]
            return f"{name} {self._name(address)}:{port}"
        return name

    def _peer(self, name: str, details: Mapping[str, Any]) -> tuple[frozenset[bytes], int] | None:
        """Return whom connect() asked for: the addresses that his name has, and the port."""
        if name != "connect" or not details.get("address"):
            return None
        text, port = details["address"]
        named = {known for (known_as, _), known in self._addresses.items() if known_as == text}
        return frozenset(named or {_packed(text)}), port

    def _flow(self, told: tuple[str, int, str, int]) -> Flow:
        src = _packed(told[0])
        return Flow(src, told[1], self._address(told[2], src), told[3])

    def _address(self, text: str, src: bytes) -> bytes:
        """Return the address that a program wrote, by name or number; of an unknown name none."""
        if text == "localhost":
            return LOOPBACK6 if len(src) == 16 else LOOPBACK4
        return self._addresses.get((text, len(src))) or _packed(text)

    def _name(self, address: str) -> str:
        try:
            return self._names.get(unmapped(pack_address(address)), address)
        except ValueError:
            return address


def _packed(text: str) -> bytes:
    try:
        return unmapped(pack_address(text.partition("%")[0]))
    except ValueError:
        return ANY4


def _result(name: str, number: int, moved: int, details: Mapping[str, Any]) -> str:
    if number:
        return errno.errorcode.get(number, str(number))
    if details.get("error") == "gaierror":
        return "no such name"
    if details.get("error"):
        return "timed out" if "imeout" in details["error"] else "interrupted"
    if name.startswith("recv"):
        return count(moved, "byte") if moved else "EOF"
    if name == "connect":
        return "connected"
    return "ok"
