"""When to call which connection: a heap of deadlines, corrected as they are looked at.

A connection moves its next deadline with nearly every segment. A deadline that moves later leaves
its old place in the heap, and is put right when that place comes up.
"""

from __future__ import annotations

from heapq import heappop, heappush

from lastack.profile import NEVER

from .endpoint import Endpoint


class Agenda:
    """Deadlines of the endpoints of one host."""

    __slots__ = ("_heap", "_count")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Endpoint]] = []
        self._count = 0

    def schedule(self, endpoint: Endpoint) -> None:
        """Note the endpoint's next deadline."""
        deadline = endpoint.connection.next_timeout
        if deadline < endpoint.scheduled:
            self._push(endpoint, deadline)

    def _push(self, endpoint: Endpoint, deadline: int) -> None:
        endpoint.scheduled = deadline
        if deadline != NEVER:
            self._count += 1
            heappush(self._heap, (deadline, self._count, endpoint))

    def _settle(self) -> None:
        """Bring the true earliest deadline to the top."""
        heap = self._heap
        while heap:
            deadline, _, endpoint = heap[0]
            true = endpoint.connection.next_timeout
            if deadline == endpoint.scheduled and true == deadline:
                return
            heappop(heap)
            if deadline == endpoint.scheduled:
                self._push(endpoint, true)

    @property
    def next(self) -> int:
        """The earliest deadline, NEVER if there is none."""
        self._settle()
        return self._heap[0][0] if self._heap else NEVER

    def pop(self, now: int) -> Endpoint | None:
        """Take out the endpoint that is due first, None when nothing is due."""
        if self.next > now:
            return None
        endpoint = heappop(self._heap)[2]
        endpoint.scheduled = NEVER
        return endpoint
