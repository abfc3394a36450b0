"""How many of a connection's bytes a capture shows, and how many it implies."""

from __future__ import annotations

from dataclasses import dataclass

from .observed import Pair


@dataclass(frozen=True)
class Evidence:
    """Of one direction, in bytes. captured: their segments are in the capture. inferred: they are
    not, but what follows them or acknowledges them is. acknowledged: the peer's TCP said that it
    has them; that it was read, only the calls of its program could tell."""

    captured: int
    inferred: int
    acknowledged: int


def evidence(pair: Pair) -> tuple[Evidence, Evidence]:
    """Return what is known of the client's bytes, and of the server's."""
    client, server = pair.client, pair.server
    return (
        Evidence(client.top - client.missing, client.missing, server.proven),
        Evidence(server.top - server.missing, server.missing, client.proven),
    )
