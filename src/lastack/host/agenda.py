"""When to call which connection: a heap of deadlines, corrected as they are looked at.

A connection moves its next deadline with nearly every segment. A deadline that moves later leaves
its old place in the heap, and is put right when that place comes up. Of deadlines at one instant
the older connection's comes first, whenever its place was put right.
"""

from __future__ import annotations

from heapq import heappop, heappush

from lastack.profile import NEVER

from .endpoint import Endpoint


class Agenda:
    """Deadlines of the endpoints of one host."""

    __slots__ = ("_heap", "_count")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, int, Endpoint]] = []
        self._count = 0

    def schedule(self, endpoint: Endpoint, deadline: int) -> None:
        """Note the endpoint's next deadline, which is before the one that is noted."""
        endpoint.scheduled = deadline
        if deadline != NEVER:
            self._count += 1
            heappush(self._heap, (deadline, endpoint.connection.conn, self._count, endpoint))

    def before(self, limit: int) -> int:
        """Return the earliest deadline if it is before `limit`, else `limit`.

        Places that have become wrong are left as they are where they do not matter: between two
        arrivals every connection may have moved its deadline, and none of them be due.
        """
        heap = self._heap
        while heap and heap[0][0] < limit:
            deadline, _, _, endpoint = heap[0]
            true = endpoint.connection.next_timeout
            if deadline == endpoint.scheduled and true == deadline:
                return deadline
            heappop(heap)
            if deadline == endpoint.scheduled:
                self.schedule(endpoint, true)
        return limit

    @property
    def next(self) -> int:
        """The earliest deadline, NEVER if there is none."""
        return self.before(NEVER)

    def pop(self, now: int) -> Endpoint | None:
        """Take out the endpoint that is due first, None when nothing is due."""
        if self.next > now:
            return None
        endpoint = heappop(self._heap)[3]
        endpoint.scheduled = NEVER
        return endpoint
