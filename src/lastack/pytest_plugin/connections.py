"""One connection of a simulated network, as a test asks about it."""

from __future__ import annotations

from collections.abc import Mapping

from lastack.trace import Reason
from lastack.verdict import (
    Account,
    Book,
    ConnectionStory,
    Loss,
    Verdict,
    endpoints,
    verdict,
)

Names = Mapping[bytes, str]


class Connection:
    """How a connection ended, as far as it has, and what became of its bytes.

    ending: "fin", "rst", "timeout", "refused" or "open"; closed_first: "client", "server", "both"
    or "none"; reason: the cause of an end that was no plain FIN; by: the host whose doing that
    was. client and server are "host:port". sent and received are the accounts of the bytes
    towards the server and towards the client: `accepted`, `read`, `unread`, `queued`, `destroyed`.
    The client is the end that sent the SYN.
    """

    def __init__(self, story: ConnectionStory, book: Book, names: Names) -> None:
        self.story = story
        self.verdict: Verdict = verdict(story, book)
        self.client, self.server = endpoints(story, names)
        one = self.verdict
        self.ending = one.ending.kind.value
        self.closed_first = one.ending.first_closer.value
        self.reason: Reason | None = one.ending.reason
        self.by = one.ending.by
        self.why = one.why
        self.remedy = one.remedy
        self.sent: Account = one.ledger.client_to_server
        self.received: Account = one.ledger.server_to_client
        self.losses: tuple[Loss, ...] = one.ledger.losses

    @property
    def lost_bytes(self) -> int:
        """How many bytes were destroyed or thrown away unread, in both directions."""
        return sum(loss.bytes for loss in self.losses)

    @property
    def client_states(self) -> list[str]:
        """The states that the client's end came through, as RFC 9293 writes them."""
        return [step.state.value for step in self.story.client.steps] if self.story.client else []

    @property
    def server_states(self) -> list[str]:
        """Those of the server's end."""
        return [step.state.value for step in self.story.server.steps] if self.story.server else []

    def __repr__(self) -> str:
        return f"<{self.client} > {self.server}: {self.ending}, {self.why}>"
