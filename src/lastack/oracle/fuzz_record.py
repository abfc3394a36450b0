"""What the kernel did with a script, as a value and as JSON."""

from __future__ import annotations

from typing import Any, NamedTuple

from lastack.wire import Flow

from .fuzz_peer import Sent
from .fuzz_play import Look
from .fuzz_script import Fuzz, read_fuzz


class Recorded(NamedTuple):
    """The script as it was played, its numbers counted from ISNs; what was seen; the flow."""

    script: Fuzz
    looks: list[Look]
    flow: Flow


def recorded_to_json(one: Recorded) -> dict[str, Any]:
    """Return a recording as JSON."""
    flow = one.flow
    looks = [
        [*look[:3], [[at, *sent] for at, sent in look.packets], *look[4:]] for look in one.looks
    ]
    return {
        "name": one.script.name,
        "script": str(one.script),
        "flow": [flow.src.hex(), flow.sport, flow.dst.hex(), flow.dport],
        "looks": looks,
    }


def recorded_from_json(told: dict[str, Any]) -> Recorded:
    """Return the recording that was told as JSON."""
    src, sport, dst, dport = told["flow"]
    looks = []
    for at, act, result, packets, *rest in told["looks"]:
        sent = tuple((when, Sent(*fields)) for when, *fields in packets)
        looks.append(Look(at, act, result, sent, *rest))
    flow = Flow(bytes.fromhex(src), sport, bytes.fromhex(dst), dport)
    return Recorded(read_fuzz(told["script"], told["name"]), looks, flow)
