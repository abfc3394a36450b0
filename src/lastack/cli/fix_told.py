"""What `lastack fix` prints: what would be or was done, to whom, at what cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from lastack.live import Killed, Leak, Lent, Reach, Victim
from lastack.report import Line
from lastack.verdict import count

from .ls import Listed
from .saying import advice, answer, fact, show, some_rows

_DRY: Final = "Nothing was done. Add --yes to do it."


def show_kill(results: Sequence[Killed], yes: bool) -> None:
    """Print what was destroyed, or would be."""
    found = [result.victim for result in results]
    hit = [result.victim for result in results if not result.error and not result.gone]
    lost = sum(victim.unacknowledged for victim in hit)
    sockets = count(len(found), "socket")
    if yes:
        head = f"destroyed {len(hit):,} of {sockets}; {count(lost, 'unacknowledged byte')} lost"
    else:
        head = f"would destroy {sockets} and lose {count(lost, 'unacknowledged byte')}"
    more: list[str] = [f"{result.error}" for result in results if result.error][:1]
    gone = sum(result.gone for result in results)
    if gone:
        more.append(
            f"{count(gone, 'socket')} had ended before, perhaps as the other end of one of these."
        )
    if not yes:
        more.append(_DRY if len(found) == 1 else "Nothing was done. Add --yes --all to do it.")
    show(answer(head, "bad" if lost else "title"), _rows(found), _effects(found), advice(more))


def _effects(found: Sequence[Victim]) -> list[Line]:
    """Say what happens to owner and peer, once for all sockets to which the same happens."""
    kinds: dict[tuple[str, str, str], list[Victim]] = {}
    for one in found:
        kinds.setdefault((one.row.state.value, one.owner_sees, one.peer_sees), []).append(one)
    lines: list[Line] = []
    for (state, owner_sees, peer_sees), alike in kinds.items():
        lost, unread = sum(one.unacknowledged for one in alike), sum(one.unread for one in alike)
        lines += fact(state, f"{len(alike):,} of {len(found):,}")
        lines += fact("  owner sees", owner_sees)
        lines += fact("  peer sees", peer_sees)
        lines += fact("  lost", f"{count(lost, 'byte')} unacknowledged ({unread:,} unread here)")
    return lines


def _rows(found: Sequence[Victim]) -> list[Line]:
    return some_rows([Listed(one.row, one.owners[0] if one.owners else None) for one in found])


def kill_json(results: Sequence[Killed], yes: bool) -> dict[str, Any]:
    """Return the object of docs/schema/fix.json for `fix kill`."""
    return {
        "schema": 1,
        "fix": "kill",
        "done": yes,
        "sockets": [
            {
                **Listed(one.row, one.owners[0] if one.owners else None).to_json(),
                "safe": one.safe,
                "owner_sees": one.owner_sees,
                "peer_sees": one.peer_sees,
                "bytes_lost": one.unacknowledged,
                "unread": one.unread,
                "result": _outcome(result, yes),
                "error": result.error or None,
            }
            for result in results
            for one in (result.victim,)
        ],
    }


def _outcome(result: Killed, yes: bool) -> str:
    if not yes:
        return "would"
    if result.error:
        return "failed"
    return "gone" if result.gone else "destroyed"


def show_reuse(port: int, done: Sequence[Lent], yes: bool) -> None:
    """Print which sockets have the option now, or would."""
    by = Counter(lent.reach for lent in done)
    changed = by[Reach.SET] if yes else by[Reach.CAN_BE_SET]
    verb = "set" if yes else "would be set"
    head = f"SO_REUSEADDR {verb} on {changed:,} of {count(len(done), 'socket')} with port {port}"
    if by[Reach.HAS_IT]:
        head += f"; {by[Reach.HAS_IT]:,} had it"
    listed = [Listed(lent.row, lent.owner) for lent in done]
    show(
        answer(head, "good" if changed or by[Reach.HAS_IT] else "bad"), some_rows(listed),
        advice(_reuse_advice(port, done, yes)),
    )  # fmt: skip


def _reuse_advice(port: int, done: Sequence[Lent], yes: bool) -> list[str]:
    texts: list[str] = []
    left = sum(lent.reach is Reach.NO_DESCRIPTOR for lent in done)
    if left:
        texts.append(
            f"{count(left, 'socket')} without a descriptor, in TIME-WAIT or orphaned, cannot be "
            f"helped: it keeps the option that it had. lastack why {port} tells how long."
        )
    refused = next((lent for lent in done if lent.reach is Reach.REFUSED), None)
    if refused is not None:
        texts.append(f"Not reached: {refused.error}.")
    if any(lent.reach is Reach.CAN_BE_SET for lent in done):
        texts.append(_DRY)
    elif any(lent.reach in (Reach.SET, Reach.HAS_IT) for lent in done):
        texts.append("Now stop the old server; the new one must set SO_REUSEADDR before bind().")
    return texts


def reuse_json(port: int, done: Sequence[Lent], yes: bool) -> dict[str, Any]:
    """Return the object of docs/schema/fix.json for `fix reuse`."""
    return {
        "schema": 1,
        "fix": "reuse",
        "done": yes,
        "port": port,
        "sockets": [
            {
                **Listed(lent.row, lent.owner).to_json(),
                "reuseaddr": _has(lent.reach),
                "result": lent.reach.value,
                "error": lent.error or None,
            }
            for lent in done
        ],
    }


def _has(reach: Reach) -> bool | None:
    if reach in (Reach.HAS_IT, Reach.SET):
        return True
    return False if reach is Reach.CAN_BE_SET else None


def show_fin(leak: Leak) -> None:
    """Print whose FIN was sent, or would be."""
    who = f"{leak.owner.name}[{leak.owner.pid}] fd {leak.owner.fd}"
    ends = f"{_end(leak.local)} - {_end(leak.remote)}"
    verb = "would be sent" if leak.after is None else "sent"
    lines = fact("socket", ends) + fact("owner sees", "recv() as before, send() EPIPE (SIGPIPE)")
    lines += fact("peer sees", "end of file, once the bytes in the queue are delivered")
    lines += fact("bytes", f"{leak.unread:,} unread, still readable; {leak.unacknowledged:,} not "
                  "yet acknowledged, sent before the FIN")  # fmt: skip
    if leak.after is not None:
        lines += fact("state now", leak.after.value)
    texts = [
        "The descriptor stays open: only its program can close it, and should."
    ]  # fmt: skip
    if leak.after is None:
        texts.append(_DRY)
    show(answer(f"a FIN {verb} for {who}", "title"), lines, advice(texts))


def fin_json(leak: Leak) -> dict[str, Any]:
    """Return the object of docs/schema/fix.json for `fix fin`."""
    return {
        "schema": 1,
        "fix": "fin",
        "done": leak.after is not None,
        "owner": leak.owner._asdict(),
        "local": _end(leak.local),
        "remote": _end(leak.remote),
        "unread": leak.unread,
        "bytes_queued": leak.unacknowledged,
        "state": leak.after.value if leak.after is not None else "CLOSE-WAIT",
        "descriptor": "stays open",
    }


def _end(name: tuple[str, int]) -> str:
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"{host}:{name[1]}"
