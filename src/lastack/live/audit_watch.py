"""Who looks at each close: the cheap question first, the rest only where there is a finding.

Runs inside the audited program (see audit_place). The cheap question is one system call: what
memory the socket's queues hold (SO_MEMINFO). In a program that never set SO_LINGER, a connection
whose queues are empty ends as everybody wishes, and is only counted.
"""

from __future__ import annotations

import _socket
import os
import socket
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic_ns
from typing import Any, Final

from .audit_found import Found, Note, findings
from .audit_log import Tally
from .audit_look import (
    LISTEN,
    SIOCINQ,
    SIOCOUTQ,
    addresses,
    fin_sent,
    look,
    reusable,
    waiting,
)
from .audit_place import NOWHERE, place
from .audit_refs import held, request

_INET: Final = int(socket.AF_INET)
_INET6: Final = int(socket.AF_INET6)
_STREAM: Final = int(socket.SOCK_STREAM)
_TCP: Final = (0, int(socket.IPPROTO_TCP))
_SOCKET: Final = int(socket.SOL_SOCKET)
_LINGER: Final = int(socket.SO_LINGER)
_SO_MEMINFO: Final = 55
_QUEUES: Final = struct.Struct("I16xI").unpack
_getsockopt: Final = _socket.socket.getsockopt

# the C members, without socket.py's conversion to an enum
_fileno: Final = _socket.socket.fileno
_members: Final[dict[str, Any]] = dict(vars(_socket.socket))
_family: Final[Callable[[Any], int]] = _members["family"].__get__
_type: Final[Callable[[Any], int]] = _members["type"].__get__
_proto: Final[Callable[[Any], int]] = _members["proto"].__get__


class Watch:
    """What is known of the sockets of one process, and the questions at their close."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.over = False
        self.lingering = False
        """Whether the program ever set SO_LINGER; an accepted socket has its listener's."""
        self.notes: Final[dict[int, Note]] = {}
        """By descriptor. One that was closed behind our back leaves a note that fits nothing."""
        self.before: Final = _cheap_question(self)

    def note(self, number: int) -> Note:
        """Return the note of a descriptor, a new one if there is none."""
        found = self.notes.get(number)
        if found is None:
            found = self.notes[number] = Note()
        return found

    def after(self, found: Found) -> None:
        """The socket is closed: tell, if that was its last descriptor; never raises."""
        try:
            if found.message is not None and held(found.message):
                return  # whoever closes the last one will tell
            self._tell(found)
        except Exception:  # noqa: BLE001 - an audit must not fail its program
            return

    def number(self, descriptor: int, call: str) -> Found | None:
        """Do as `before` for a bare descriptor, which may be anything; never raises."""
        try:
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                return None
            with _probe(descriptor) as probe:
                return self.before(probe, call)
        except Exception:  # noqa: BLE001 - an audit must not fail its program
            return None

    def bound(self, sock: Any, address: Any) -> None:
        """Remember where a program bound to a port of its choice."""
        if _family(sock) in (_INET, _INET6) and _type(sock) == _STREAM and address[1]:
            note = self.note(_fileno(sock))
            note.where, note.port, note.listens = place(), address[1], False

    def listens(self, sock: Any) -> None:
        """Say at once when a server could not be started again; its end may be a signal."""
        if _family(sock) not in (_INET, _INET6) or _type(sock) != _STREAM:
            return
        note = self.note(_fileno(sock))
        port, note.port, note.listens = note.port, 0, True
        if port and not reusable(sock):
            amounts = {"reuseaddr": 0}
            found = Found("listen", note.where, look(sock), sock.getsockname(), None, amounts)
            self.tally.ending(found.where, amounts, found.to_record)

    def shares(self, number: int) -> None:
        """A descriptor may not be the only one of its socket any longer."""
        status = os.fstat(number)
        if stat.S_ISSOCK(status.st_mode):
            self.note(number).inode = status.st_ino

    def inherited(self) -> None:
        """What is open when the audit begins may be somebody else's, too, and have SO_LINGER."""
        self.forking()
        for number, _ in _sockets():
            with _probe(number) as probe:
                self.lingering |= bool(_getsockopt(probe, _SOCKET, _LINGER))

    def forking(self) -> None:
        """Every socket that is open now has a second descriptor soon."""
        for number, status in _sockets():
            self.note(number).inode = status.st_ino

    def finish(self) -> None:
        """The process ends: look at what is still open, which the kernel will close.

        What is shared with another process may live on there, and is left alone.
        """
        if self.over:
            return
        done = {note.inode for note in self.notes.values()}
        for number, status in _sockets():
            if status.st_ino not in done:
                done.add(status.st_ino)
                found = self.number(number, "exit")
                if found is not None:
                    self._tell(found)
        self.over = True
        self.tally.flush()

    def examine(self, sock: Any, number: int, call: str, note: Note | None) -> Found | None:
        """Look closely at a socket that is about to be closed; None: there is nothing to tell."""
        if _proto(sock) not in _TCP:
            return None
        inode = os.fstat(number).st_ino
        shared = note is not None and note.inode == inode
        seen = look(sock)
        amounts = findings(seen, leaving=call == "exit")
        here, there = addresses(sock)
        where = (note and note.asked) or (NOWHERE if call == "exit" else place())
        if note is not None and note.port and seen.state != LISTEN and not reusable(sock):
            if here is not None and here[1] == note.port:
                amounts["reuseaddr"] = 0
                where = note.where if len(amounts) == 1 else where
        if not amounts and not shared:
            self.tally.close()
            return None
        # mere unacknowledged bytes are so common that the kernel is asked only on suspicion
        ask = shared or seen.resets or "linger" in amounts
        return Found(
            call, where, seen, here, there, amounts,
            request(sock, here, there) if ask and call != "exit" else None,
            monotonic_ns() if seen.linger else 0,
        )  # fmt: skip

    def _tell(self, found: Found) -> None:
        self.tally.close()
        if found.amounts:
            waited = monotonic_ns() - found.began if found.began and found.call != "exit" else 0
            self.tally.ending(found.where, found.amounts, lambda: found.to_record(waited))


def _cheap_question(watch: Watch) -> Callable[[Any, str], Found | None]:
    """Return the function that looks at a socket before its close.

    Everything that it needs is a local name of its own: it runs at every close, and a connection
    on loopback takes no more than 25 us from its first call to its last (bench/audit_cost.py).
    """
    fileno, family, kind = _fileno, _family, _type
    getsockopt, queues, now = _getsockopt, _QUEUES, monotonic_ns
    notes, tally, examine = watch.notes, watch.tally, watch.examine
    append = tally.closed.append

    def before(sock: Any, call: str) -> Found | None:
        """Look at a socket that is about to be closed; never raises."""
        try:
            number = fileno(sock)
            if number < 0 or family(sock) not in (_INET, _INET6) or kind(sock) != _STREAM:
                return None
            if watch.over:
                return None
            note = notes.pop(number, None)
            if note is not None and (note.inode or note.port or note.listens):
                return examine(sock, number, call, note)
            # sk_rmem_alloc and sk_wmem_queued; of struct linger an int gets l_onoff
            taken, queued = queues(getsockopt(sock, _SOCKET, _SO_MEMINFO, 24))
            # a FIN takes memory, too, until it is read or acknowledged, and has no byte
            if (
                (taken and waiting(number, SIOCINQ))
                or (queued and waiting(number, SIOCOUTQ) > fin_sent(sock))
                or (watch.lingering and getsockopt(sock, _SOCKET, _LINGER))
            ):
                return examine(sock, number, call, note)
            append(None)
            if now() > tally.due:
                tally.flush()
        except Exception:  # noqa: BLE001 - an audit must not fail its program
            return None
        return None

    return before


@contextmanager
def _probe(descriptor: int) -> Iterator[_socket.socket]:
    """Make a socket object of a descriptor for a moment; it stays open."""
    blocking = os.get_blocking(descriptor)
    probe = _socket.socket(fileno=descriptor)
    try:
        # with a default timeout set, making the object made it non-blocking
        os.set_blocking(descriptor, blocking)
        yield probe
    finally:
        probe.detach()


def _sockets() -> list[tuple[int, os.stat_result]]:
    """Return every descriptor of this process that is a socket, with its status."""
    found = []
    for entry in os.listdir("/proc/self/fd"):
        try:
            status = os.fstat(int(entry))
        except OSError:
            continue  # the descriptor that listed the directory
        if stat.S_ISSOCK(status.st_mode):
            found.append((int(entry), status))
    return found
