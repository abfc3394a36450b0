"""lastack fuzz: a difference, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lastack.oracle import Compared, Look


def side_by_side(compared: Compared, *, whole: bool = False) -> Iterator[str]:
    """Yield the script up to the difference, what the kernel did, and, where lastack did something
    else, that too; `whole`: every step."""
    script, found = compared.recorded.script, compared.difference
    yield f"    {script.offer}"
    last = len(compared.lastack) - 1 if found is None or whole else found.step
    pairs = zip(compared.recorded.looks, compared.lastack, strict=True)
    for number, (kernel, lastack) in enumerate(pairs):
        if number > last:
            break
        wait = script.steps[number].wait if number < len(script.steps) else script.tail
        yield f"    +{wait} {kernel.act}"
        mine, other = list(_seen(kernel)), list(_seen(lastack))
        if mine == other:
            yield from (f"            both     {line}" for line in mine)
        else:
            yield from (f"            kernel   {line}" for line in mine or ["nothing"])
            yield from (f"            lastack  {line}" for line in other or ["nothing"])
    if found is not None:
        yield f"    {found.field}: kernel {found.kernel}, lastack {found.lastack}"
        if compared.known is not None:
            yield f"    known: {compared.known.why}"
        elif compared.race:
            yield f"    race: {compared.race}"


def _seen(look: Look) -> Iterator[str]:
    words = [look.result] if look.result else []
    if look.ready or look.told:
        words.append(f"poll {look.ready}, state and queues {look.told}")
    if look.state:
        words.append(look.state)
    if words:
        yield "; ".join(words)
    if look.info:
        yield f"TCP_INFO: {look.info}"
    for _, sent in look.packets:
        yield f"> {sent}"
    if look.ended:
        yield f"ended: {look.ended}"


def difference_json(name: str, compared: Compared) -> dict[str, Any]:
    """Return a difference in the documented shape."""
    found = compared.difference
    assert found is not None
    return {
        "script": name, "step": found.step, "act": found.act, "field": found.field,
        "kernel": found.kernel, "lastack": found.lastack, "text": str(compared.recorded.script),
    }  # fmt: skip
