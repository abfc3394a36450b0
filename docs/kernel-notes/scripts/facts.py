"""What scripts share that say the same on a kernel and on a simulated host.

They are played as programs of `lastack run`, too, and do nothing that only a kernel can.
"""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Callable, Iterable
from typing import Any

Fact = tuple[str, object, object]
"""What was looked at, what was seen, what the note says."""
BITS = {"IN": select.POLLIN, "OUT": select.POLLOUT, "ERR": select.POLLERR, "HUP": select.POLLHUP}


def outcome(call: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a call answers, or the name of its errno."""
    try:
        answer = call(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "ok" if answer is None else answer


def polled(sock: socket.socket) -> str:
    """Return what poll(2) says of a socket now."""
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLOUT)
    (_, found), *_ = poll.poll(0) or [(0, 0)]
    return " ".join(name for name, bit in BITS.items() if found & bit) or "nothing"


def tell(facts: Iterable[Fact], directory: str = "/dev/null") -> int:
    """Print facts, what lies in `directory` as PATH; return how many are not as noted."""
    wrong = 0
    for name, seen, noted in facts:
        shown = "PATH" if isinstance(seen, str) and seen.startswith(directory) else seen
        print(f"{name}: {shown}" + ("" if seen == noted else f"   NOT AS NOTED: {noted}"))
        wrong += seen != noted
    return wrong
