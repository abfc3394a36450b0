"""Runs the program of a claim in a world of two hosts, and writes down what happened."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Final

from lastack.host import Host
from lastack.net import DROP, PASS, Delay, Fate, Rule
from lastack.profile import Profile, S
from lastack.run import Node, World
from lastack.state import TIME_WAIT
from lastack.trace import Event
from lastack.verdict import Book
from lastack.wire import Packet

PROGRAMS: Final = ("server", "client")
"""The functions that are run, each on a host of its name."""


@dataclass
class Played:
    """What happened: results of the programs by name, every event, the connections.

    A result is what the function returned, or the name of the errno that ended it. unended names
    programs that still waited when nothing could happen any more.
    """

    profile: Profile
    text: str
    events: list[Event] = field(default_factory=list)
    book: Book = field(default_factory=Book)
    results: dict[str, Any] = field(default_factory=dict)
    unended: tuple[str, ...] = ()
    names: dict[bytes, str] = field(default_factory=dict)


def program_text(name: str) -> str:
    """Return the program of a claim, "S5", as it stands in its file."""
    path = files("lastack.matrix") / "claim_programs" / f"s{int(name[1:]):02}.py"
    return path.read_text(encoding="utf-8")


def perform(name: str, profile: Profile) -> Played:
    """Run the program of a claim with both hosts under a profile."""
    text = program_text(name)
    played = Played(profile, text)
    scope: dict[str, Any] = {"__name__": name}
    world = World(profile=profile)
    exec(compile(text, f"{name}.py", "exec"), scope)  # a file of this package
    for function in [one for one in scope if one in PROGRAMS]:
        node = world.host(function)
        played.names[node.address] = played.names[node.address6] = function
        world.program(node, _recorded(scope[function], function, played.results))
    for rule, sender in _rules(scope):
        receiver = "client" if sender == "server" else "server"
        world.network.add_rule(rule, link=(sender, receiver), name="lost by the network")
    for when, host, what in scope.get("ADMIN", ()):
        _administer(world, round(when * S), world.nodes[host], what)
    world.journal.listeners += [played.events.append, played.book]
    outcome = world.run()
    played.unended = tuple(one.name for one in outcome.programs if one.hung)
    return played


def error_name(number: int) -> str:
    """Return the name of an errno. EAGAIN has two; the sources say EWOULDBLOCK."""
    return "EWOULDBLOCK" if number == errno.EAGAIN else errno.errorcode.get(number, str(number))


def _recorded(
    function: Callable[[], object], name: str, results: dict[str, Any]
) -> Callable[[], None]:
    def main() -> None:
        try:
            results[name] = function()
        except OSError as error:
            results[name] = error_name(error.errno or 0)

    return main


def _rules(scope: dict[str, Any]) -> Iterator[tuple[Rule, str]]:
    if "LATE" in scope:
        sender, first, last, longer = scope["LATE"]
        yield _between(first, last, Delay(round(longer * S))), sender
    if "LOST" in scope:
        sender, first, last = scope["LOST"]
        yield _between(first, last, DROP), sender


def _between(first: float, last: float, fate: Fate) -> Rule:
    def rule(_: Packet, now: int) -> Fate:
        return fate if first * S <= now < last * S else PASS

    return rule


def _administer(world: World, when: int, node: Node, what: str) -> None:
    host = node.host
    assert isinstance(host, Host)

    def restart_networking() -> None:
        host.restart_network(world.now)
        world.flush(node)

    def destroy_time_wait() -> None:
        for row in host.snapshot():
            if row.state is TIME_WAIT:
                host.kill(row.conn, world.now)
        world.flush(node)

    commands = {"restart networking": restart_networking, "ss -K": destroy_time_wait}
    world.call_at(when, commands[what])
