"""close(), abort() and closing() for sockets of threads; `aclose` is for event loops."""

from __future__ import annotations

import select
import socket
import sys
import time
from types import TracebackType

from .options import linger
from .outcome import Ending
from .parting import Above, Nothing, Parting, Pause
from .probe import borrow
from .terms import OnTimeout, Terms
from .tls import Notify, is_tls


def close(
    sock: socket.socket,
    *,
    timeout: float = 30.0,
    idle: float = 5.0,
    drain_limit: int | None = None,
    half_close: bool = True,
    on_timeout: OnTimeout = "abort",
) -> Ending:
    """Close a connection in such a way that what was sent arrives, and say whether it did.

    Sends a FIN behind the data (under TLS a close_notify first), throws away what still arrives
    until the peer closes, waits for the acknowledgments, and gives the descriptor back, even where
    file objects of makefile() are left.

    `timeout` (s) bounds the whole. `idle` (s) bounds the wait for the peer once everything is
    acknowledged: no byte for so long, and the waiting ends; where the system does not tell what is
    acknowledged (Windows), only `timeout` counts. `drain_limit` (bytes) ends the reading, and, as
    soon as everything is acknowledged, the waiting. When a limit is reached, `on_timeout` says what
    becomes of the connection: "abort" resets it, "leave" leaves it to the kernel, which goes on
    sending (and resets it all the same if there is unread data). `half_close=False` is for peers
    that take a FIN for the end of their own side: no FIN goes out before everything is
    acknowledged, and then the connection is closed without waiting for the peer.

    What the network and the peer do is told by the Ending and never raised. Raise TypeError and
    ValueError for wrong arguments and for what is no TCP socket, OSError(EBADF) for a closed
    socket, OSError(ENOTCONN) for one never connected, RuntimeError in a thread that runs an event
    loop, which would stand still.

    Other references to the connection (dup, fork) do not delay the FIN, but the reset.
    """
    return _close(sock, Terms(timeout, idle, drain_limit, half_close, on_timeout))


def _close(sock: socket.socket, terms: Terms) -> Ending:
    if not isinstance(sock, socket.socket):
        raise TypeError(f"close() needs a socket, not {type(sock).__name__}; aclose() takes more")
    _refuse_event_loop()
    line = borrow(sock)
    raw = line[0]
    aborts = terms.on_timeout == "abort"  # should something interrupt us
    try:
        above: Above = Notify(sock) if is_tls(sock) else Nothing()
        parting = Parting(line, terms, time.monotonic(), above)
        while (pause := parting.step(time.monotonic())) is not None:
            _wait(raw, pause)
        ending = parting.ending(time.monotonic())
        aborts = parting.aborts
    finally:
        give_back(raw, aborts=aborts)
        release(sock)
        raw.close()
    return ending


def abort(sock: socket.socket) -> Ending:
    """Reset a connection now, and say how many bytes that threw away.

    The peer reads what had arrived, and then gets an error where close() would have given it an
    end of file. No TIME-WAIT. If the connection is gone already, the Ending says RESET. For a
    stream of an event loop, `await aclose(stream, timeout=0)` resets what has not ended. Raises
    TypeError, ValueError and OSError as close() does. Another reference to the connection (dup,
    fork) delays the reset until its own close.
    """
    if not isinstance(sock, socket.socket):
        raise TypeError(f"abort() needs a socket, not {type(sock).__name__}")
    began = time.monotonic()
    line = borrow(sock)
    raw = line[0]
    try:
        terms = Terms(0, 0, 0, half_close=False, on_timeout="abort")
        parting = Parting(line, terms, began, Nothing())
        parting.step(began)
        ending = parting.aborted(time.monotonic())
    finally:
        give_back(raw, aborts=True)
        release(sock)
        raw.close()
    return ending


class closing:
    """`with closing(sock):` ends the connection at the end: close(), or abort() on an exception.

    Takes the arguments of close(). `ending` is None until then, and stays so for a socket that the
    body closed itself. Network outcomes are not raised here either; `ending.check()` does.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        timeout: float = 30.0,
        idle: float = 5.0,
        drain_limit: int | None = None,
        half_close: bool = True,
        on_timeout: OnTimeout = "abort",
    ) -> None:
        if not isinstance(sock, socket.socket):
            raise TypeError(f"closing() needs a socket, not {type(sock).__name__}")
        self._sock = sock
        self._terms = Terms(timeout, idle, drain_limit, half_close, on_timeout)
        self.ending: Ending | None = None

    def __enter__(self) -> socket.socket:
        return self._sock

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._sock.fileno() < 0:
            return
        if error is None:
            self.ending = _close(self._sock, self._terms)
            return
        try:
            self.ending = abort(self._sock)
        except (OSError, ValueError):  # never connected: the body's error is the one to tell
            self._sock.close()


def give_back(raw: socket.socket, *, aborts: bool) -> None:
    """Prepare the last close(): a reset, or none and no lingering, whatever was set before."""
    try:
        linger(raw, 0 if aborts else None)
    except OSError:  # some systems refuse options on a connection that is gone
        return


def release(sock: socket.socket) -> None:
    """Close the descriptor also where file objects of makefile() would keep it open."""
    sock.close()
    if sock.fileno() >= 0:
        socket.close(sock.detach())


def _wait(raw: socket.socket, pause: Pause) -> None:
    if not pause.readable:
        time.sleep(pause.seconds)
    elif hasattr(select, "poll"):
        poll = select.poll()
        poll.register(raw.fileno(), select.POLLIN)
        poll.poll(pause.seconds * 1000)
    else:
        select.select([raw], [], [], pause.seconds)


def _refuse_event_loop() -> None:
    """Raise RuntimeError where waiting would freeze an asyncio or trio loop of this thread."""
    if asyncio := sys.modules.get("asyncio"):
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            raise RuntimeError("close() would freeze the event loop of this thread: await aclose()")
    if trio := sys.modules.get("trio"):
        try:
            trio.lowlevel.current_task()
        except RuntimeError:
            return
        raise RuntimeError("close() would freeze the trio loop of this thread: await aclose()")
