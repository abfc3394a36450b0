"""The last exchange on one connection, one step at a time, for whoever does the waiting.

FIN, then read and throw away until the peer's FIN, watching the send queue meanwhile. Reading is
what keeps the answer alive: close() with unread data, or data arriving after close(), makes the
kernel reset the connection, and the reset destroys what is still queued on the way to the peer
(RFC 9112 section 9.6; docs/kernel-notes/unread-close.md).
"""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple, Protocol

from .outcome import Ending, Kind
from .probe import FIN_SENT, NO_WAIT, PEER_OPEN, in_flight, not_sent, tcp_state
from .terms import Terms

STEP_BYTES = 1 << 18
"""What one step reads at most, so that an event loop gets its turn in a flood."""
SHORTEST, LONGEST = 0.001, 0.05
"""Seconds between two looks at the send queue, whose changes no readiness announces: each wait is
twice as long as the last until something moves."""
RARE = 0.25
"""The same while it is the peer that is waited for, whose answer is announced."""

GAVE_UP = frozenset({errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN})


class Above(Protocol):
    """What lies between the program and the kernel's send queue: TLS, an event loop's buffer."""

    tls: bool

    def flush(self) -> bool:
        """Hand on what can be; return whether everything is with the kernel. Never blocks."""
        ...

    def held(self) -> int:
        """Return how many bytes of the program's are not with the kernel yet."""
        ...


class Nothing:
    """A plain socket: what is sent is with the kernel."""

    tls = False

    def flush(self) -> bool:
        """Nothing to hand on."""
        return True

    def held(self) -> int:
        """Nothing is held."""
        return 0


class Pause(NamedTuple):
    """Wait this long (s); if `readable`, only until the socket is readable."""

    seconds: float
    readable: bool


class Parting:
    """One connection that is being closed. `sock` is a descriptor of its own, never blocking."""

    def __init__(
        self, line: tuple[socket.socket, int | None], terms: Terms, now: float, above: Above
    ) -> None:
        self.sock, gone = line
        self.terms = terms
        self._above = above
        self._began = self._moved = now
        self._deadline = now + terms.timeout
        self._errno: int | None = gone or None
        self._gone = gone is not None
        self._gone_before = gone == 0
        state = tcp_state(self.sock)
        self._fin = state in FIN_SENT
        self._peer_first = state in ("CLOSE-WAIT", "LAST-ACK", "CLOSING")
        self._eof = False
        self._deaf = False
        self._flushed = False
        self._drained = 0
        self._held = 0
        self._queue: int | None = None
        self._look_after = SHORTEST
        self._cut: str | None = None
        self._buffer = bytearray(1 << 16)
        if above.tls and terms.half_close:
            self._cork()

    # From the front end.

    def step(self, now: float) -> Pause | None:
        """Do what can be done at `now` (s); return how to wait for the next step, None at the end.

        Never blocks and never raises for what the network or the peer did.
        """
        more = False if self._gone else self._read()
        if not self._gone:
            self._flushed = self._above.flush()
            if self._flushed and self.terms.half_close and not self._fin:
                self._say_fin()
        if self._look() or more:
            self._moved, self._look_after = now, SHORTEST
        if self._gone or self._done():
            return None
        if self._expired(now):
            return None
        return Pause(0, True) if more and not self._full else self._pause(now)

    @property
    def aborts(self) -> bool:
        """Whether the descriptors are to be given back with a reset."""
        return self._cut is not None and self.terms.on_timeout == "abort"

    def ending(self, now: float) -> Ending:
        """Say how it ended; once step() has answered None."""
        unacked, unsent = self._bytes(self._queue), self._bytes(not_sent(self.sock))
        kind, delivered, reason = self._classify(unacked)
        return Ending(
            kind=kind,
            delivered=delivered,
            unacked=unacked,
            unsent=unsent,
            drained=self._drained,
            elapsed=now - self._began,
            errno=self._errno,
            peer_closed_first=self._peer_first,
            state=tcp_state(self.sock),
            reason=reason,
        )

    def aborted(self, now: float) -> Ending:
        """Say what a reset at this moment throws away; after one step()."""
        ending = self.ending(now)
        if self._gone:
            return ending
        what = "an unknown number of" if ending.unacked is None else f"{ending.unacked}"
        delivered = None if ending.unacked is None else ending.unacked == 0
        reason = f"reset by us; {what} unacknowledged bytes were thrown away"
        return replace(ending, kind=Kind.ABORTED, delivered=delivered, reason=reason)

    # What a step does.

    @property
    def _full(self) -> bool:
        limit = self.terms.drain_limit
        return limit is not None and self._drained >= limit

    def _read(self) -> bool:
        """Throw away what has arrived, up to the limits; return whether anything had."""
        taken = 0
        while not self._eof and not self._full and taken < STEP_BYTES:
            size = len(self._buffer)
            if self.terms.drain_limit is not None:
                size = min(size, self.terms.drain_limit - self._drained)
            try:
                got = self.sock.recv_into(self._buffer, size, NO_WAIT)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                self._lost(error.errno)
                break
            if not got:
                # After SHUT_RD, recv() is at its end of file whatever the peer does.
                self._deaf = tcp_state(self.sock) in PEER_OPEN
                self._eof = not self._deaf
                if self._eof and not self._fin:
                    self._first_end()
                break
            taken += got
            self._drained += got
        return taken > 0

    def _cork(self) -> None:
        """Let the close_notify leave together with the FIN (Linux, TCP_CORK in tcp(7)).

        A peer that closes on the alert would otherwise seem to have closed before our FIN.
        """
        cork: int | None = getattr(socket, "TCP_CORK", None)
        if cork is not None:
            with suppress(OSError):
                self.sock.setsockopt(socket.IPPROTO_TCP, cork, 1)

    def _first_end(self) -> None:
        """The peer's end of file came before our FIN went, or somebody was told of a reset."""
        if tcp_state(self.sock) == "CLOSE":
            self._lost(None)
        else:
            self._peer_first = True

    def _say_fin(self) -> None:
        """Shut our side down; what is queued goes first."""
        if tcp_state(self.sock) == "CLOSE-WAIT":
            self._peer_first = True
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._lost(None)
            return
        self._fin = True
        if tcp_state(self.sock) == "LAST-ACK":  # its FIN arrived between the two calls
            self._peer_first = True

    def _look(self) -> bool:
        """Look at the send queue and at the state; return whether something was acknowledged."""
        before = None if self._queue is None else self._queue + self._held
        self._held = self._above.held()
        self._queue = in_flight(self.sock)
        if self._queue and self._eof and self._fin:
            # The peer's FIN does not cover ours: it was sent before ours had arrived there.
            self._peer_first = True
        if not self._gone and tcp_state(self.sock) == "CLOSE":
            self._look_back()
        return before is not None and (self._queue or 0) + self._held < before

    def _look_back(self) -> None:
        """Nothing comes any more: in order if both FINs are through, else by a reset."""
        while not (self._eof or self._gone or self._full) and self._read():
            pass
        if self._gone:
            return
        self._queue = in_flight(self.sock)  # the last word: what was counted may be acknowledged
        if not self._fin or self._queue or self._held:
            self._lost(None)
        elif not self._eof:  # drain_limit: what stands behind it may be an end or an error
            error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                self._lost(error)

    def _lost(self, number: int | None) -> None:
        """The connection is gone; find out by which error, if that has not been told before."""
        self._gone = True
        self._errno = (
            number or self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or self._errno
        )
        self._queue = in_flight(self.sock)

    # When it is over, and how long to wait until then.

    @property
    def _outstanding(self) -> int | None:
        return None if self._queue is None else self._queue + self._held

    def _done(self) -> bool:
        if not self._flushed:
            return False
        if self.terms.half_close:
            return self._fin and self._eof and not self._outstanding
        return not self._outstanding

    def _expired(self, now: float) -> bool:
        """Whether one of the limits is reached; it stays in `_cut` as words."""
        if now >= self._deadline:
            self._cut = f"after {self.terms.timeout:g} s"
        elif self._full and not self._outstanding and self._flushed:
            self._cut = f"after drain_limit, {self.terms.drain_limit} bytes,"
        elif self._settled and now - self._moved >= self.terms.idle:
            self._cut = f"after {self.terms.idle:g} s without a byte"
        return self._cut is not None

    @property
    def _settled(self) -> bool:
        """Whether only the peer is waited for. Unknown counts as no: bytes could be lost."""
        return self._flushed and self._outstanding == 0

    def _pause(self, now: float) -> Pause:
        listens = not (self._eof or self._deaf or self._full)
        seconds = self._deadline - now
        if self._settled:
            seconds = min(seconds, self._moved + self.terms.idle - now)
        acknowledgments_matter = not listens or not self._flushed or not self.terms.half_close
        if acknowledgments_matter or self._outstanding:
            seconds = min(seconds, self._look_after)
            self._look_after = min(
                2 * self._look_after, LONGEST if acknowledgments_matter else RARE
            )
        return Pause(min(max(seconds, 0), 3600), listens)

    # How it ended.

    def _bytes(self, queue: int | None) -> int | None:
        """Take the FIN off a count of the kernel's, and add what never came to the kernel."""
        if queue is None:
            return None
        return queue - (self._fin and queue > 0) + self._held

    def _classify(self, unacked: int | None) -> tuple[Kind, bool | None, str]:
        acked = None if unacked is None else unacked == 0
        if self._gone:
            return self._classify_lost(unacked)
        if unacked or (acked is None and self._cut):
            left = "an unknown number of" if unacked is None else f"{unacked}"
            return Kind.TIMED_OUT, acked, f"{self._cut} {left} bytes were not acknowledged"
        everything = "everything is acknowledged" if acked else "everything is sent"
        if self._eof and not self._peer_first and not self._cut:
            return Kind.CONFIRMED, acked, f"{everything}, and the peer closed after our FIN"
        if self._eof:
            return Kind.ACKED, acked, f"{everything}; the peer had closed before our FIN came"
        when = self._cut or "at once, as asked,"
        return Kind.OPEN, acked, f"{everything}; {when} the peer's side was still open"

    def _classify_lost(self, unacked: int | None) -> tuple[Kind, bool | None, str]:
        delivered = False if unacked else None
        left = "" if unacked is None else f", {unacked} bytes unacknowledged"
        if self._gone_before and not unacked:
            return Kind.RESET, None, f"the connection was gone before this call{left}"
        if self._errno in GAVE_UP:
            return Kind.TIMED_OUT, delivered, f"{os.strerror(self._errno or 0)}{left}"
        what = os.strerror(self._errno) if self._errno else "the connection was destroyed"
        return Kind.RESET, delivered, f"{what}{left}"
