"""The one loop by which a blocking call waits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from lastack.profile import NEVER
from lastack.sockets import AGAIN, Call, ClosePlan, File, NotNow, TcpSocket

from .baton import SimThread, What, here
from .process import Node
from .waits import ANY

T = TypeVar("T")


def wait(
    thread: SimThread, attempt: Callable[[int], T | NotNow], file: File, bits: int,
    until: int = NEVER, *, exclusive: bool = False, what: What = "",
) -> T | NotNow:  # fmt: skip
    """Attempt until the answer is something else than AGAIN; AGAIN when time `until` came first.

    The attempt is a call into the engine of the thread's host. It is made once more when the time
    is over, as the kernel does.
    """
    world, node = thread.world, thread.process.node
    while (answer := world.step(node, attempt)) is AGAIN:
        if world.now >= until:
            break
        world.park(((file, bits),), until, exclusive=exclusive, what=what)
    return answer


def close_file(file: File, node: Node, *, what: str = "close()") -> int:
    """Give back a reference; wait where SO_LINGER says so. Return the errno of close(2), or 0.

    A signal that is handled ends the wait; an exception out of its handler is raised when the
    close is done.
    """
    thread = here()
    world, process = thread.world, thread.process
    signals = process.delivered
    plan = world.step(node, file.drop)
    if plan is None or not isinstance(file, TcpSocket):
        return 0
    if plan.call is Call.REFUSE:
        process.keep(file)
    try:
        while world.step(node, file.still_closing, plan):
            world.park(((file, ANY),), plan.wait_until, what=what)
            if process.delivered != signals and process.main is thread:
                return world.engine(node, partial(_finish, file, plan, True))
    except BaseException:
        world.engine(node, partial(_finish, file, plan, True))
        raise
    return world.engine(node, partial(_finish, file, plan, False))


def _finish(file: TcpSocket, plan: ClosePlan, interrupted: bool, now: int) -> int:
    return file.finish_close(plan, now, interrupted=interrupted)
