"""aclose(): close() for what asyncio, trio and anyio call a connection.

None of the three is imported before an object of theirs is passed.
"""

from __future__ import annotations

import socket
import sys

from .outcome import Ending
from .terms import OnTimeout, Terms


async def aclose(
    stream: object,
    *,
    timeout: float = 30.0,
    idle: float = 5.0,
    drain_limit: int | None = None,
    half_close: bool = True,
    on_timeout: OnTimeout = "abort",
) -> Ending:
    """Do what close() does without holding up the event loop; arguments and Ending are the same.

    `stream` is an asyncio StreamWriter or transport; a trio SocketStream, SSLStream over one, or
    socket; an anyio SocketStream or TLSStream over one; or a plain non-blocking socket under
    any of the loops. Afterwards it is closed. No other task may be sending on it. Bytes that an
    asyncio transport still holds go out first, and count.

    SO_LINGER is switched off first: it would make the loop stand still in close(). When cancelled,
    the connection is ended as at a limit, by `on_timeout`, and the cancellation goes on.

    Errors are those of close(). An asyncio stream that its transport has closed by itself, after
    an error or at the end of TLS, is no error but RESET, with nothing known about its last bytes.
    """
    terms = Terms(timeout, idle, drain_limit, half_close, on_timeout)
    libraries = {base.__module__.partition(".")[0] for base in type(stream).__mro__}
    if "trio" in libraries:
        from . import on_trio

        return await on_trio.aclose(stream, terms)
    if hasattr(stream, "extra_attributes"):  # anyio's typed attributes
        from . import on_anyio

        return await on_anyio.aclose(stream, terms)
    if isinstance(stream, socket.socket):
        if _in_trio():
            from . import on_trio

            return await on_trio.aclose_socket(stream, terms)
        from . import on_asyncio

        return await on_asyncio.aclose_socket(stream, terms)
    from . import on_asyncio

    return await on_asyncio.aclose(stream, terms)


def _in_trio() -> bool:
    trio = sys.modules.get("trio")
    if trio is None:
        return False
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True
