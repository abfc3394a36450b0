"""Group keepalive: when an idle connection is probed, and when its peer counts as gone."""

from __future__ import annotations

from lastack.profile import Profile, S
from lastack.sockets import names
from lastack.state import CLOSED

from .case import shows
from .exchange import opened


def idle_connection(profile: Profile) -> list[float]:
    """Return when an idle connection with SO_KEEPALIVE sends, the RST at its end included, in s."""
    world, peer, sock = opened(profile)
    since = peer.mark()
    world.set(sock, names.SO_KEEPALIVE, 1)
    world.until(lambda: peer.state is CLOSED, limit=100_000)
    return peer.times(since, "")


@shows("keepalive_idle_ns", {7200 * S: 7200.0, 60 * S: 60.0})
def first_probe(profile: Profile) -> object:
    return idle_connection(profile)[0]


@shows("keepalive_interval_ns", {75 * S: 75.0, 5 * S: 5.0})
def between_probes(profile: Profile) -> object:
    sent = idle_connection(profile)
    return sent[1] - sent[0]


@shows("keepalive_probes", {9: 9, 2: 2})
def probes_before_the_reset(profile: Profile) -> object:
    return len(idle_connection(profile)) - 1
