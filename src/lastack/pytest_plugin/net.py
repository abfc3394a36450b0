"""A simulated network for one test: hosts with programs, links, and the test's own code on them.

    def test_an_answer_arrives(net):
        net.host("web", serve)              # a function, or ["-m", "http.server", "80"]
        client = net.host("client")
        with net.on(client):
            ...                             # sockets, threads, asyncio.run(): in virtual time
        net.run()
        assert net.connections[0].ending == "fin"

Times are seconds of virtual time, as in `time.sleep`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Any, Final

from lastack.net import PASS, Guard, LinkRules, Rule
from lastack.profile import LINUX, PROFILES, Profile
from lastack.run import Hung as Hung
from lastack.run import Livelock as Livelock
from lastack.run import Node, OpenWorld, Outcome, Process
from lastack.trace import Event, SocketRow
from lastack.verdict import Book
from lastack.wire import show_address

from .connections import Connection

SECOND: Final = 1_000_000_000
HOUR: Final = 3600.0
Program = Callable[[], object] | Sequence[str]


class ProgramFailed(AssertionError):
    """A program of the network ended with an error, or did not come to its end."""


class Host:
    """A host of the network: its name, its address, and what can be done to it."""

    def __init__(self, net: Net, node: Node) -> None:
        self.name = node.name
        self.address = show_address(node.address)
        self.node = node
        self._net = net

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<host {self.name} {self.address}>"

    def kill(self) -> None:
        """SIGKILL to its programs: the kernel closes their sockets, by FIN or RST."""
        self._done(self._net.world.kill)

    def restart(self) -> None:
        """Kill its programs, and start them anew."""
        self._done(self._net.world.restart)

    def power_cut(self) -> None:
        """Switch it off: nothing is sent, everything it knew is gone, what arrives is lost."""
        self._done(self._net.world.power_cut)

    def power_on(self) -> None:
        """Switch it on again: empty tables, its programs from their first line."""
        self._done(self._net.world.power_on)

    def reboot(self, down_for: float = 0.0) -> None:
        """Switch it off, and on again `down_for` seconds later."""
        self._done(partial(self._net.world.reboot, down_for=_ns(down_for)))

    def restart_network(self, down_for: float = 0.0) -> None:
        """Take its interface down, and up again `down_for` seconds later; connections survive."""
        self._done(partial(self._net.world.restart_network, down_for=_ns(down_for)))

    def _done(self, fault: Callable[[Node], None]) -> None:
        fault(self.node)
        self._net.world.settle()

    def sockets(self) -> list[SocketRow]:
        """Return its socket table, as ss(8) has it."""
        return self.node.host.snapshot()


class Net:
    """See the module. The same seed gives the same run."""

    def __init__(
        self, seed: int = 0, *, delay: float = 0.001, loss: float = 0.0,
        profile: str | Profile = LINUX, until: float = HOUR,
    ) -> None:  # fmt: skip
        self.seed = seed
        given: object = loss
        if not isinstance(given, int | float):
            raise ValueError(f"loss is a probability from 0 to 1, not {loss!r}")
        rules = LinkRules(delay_ns=_ns(delay), loss=loss)
        self.world = OpenWorld(seed, until=_ns(until), profile=find_profile(profile), link=rules)
        self.book = Book()
        self.events: list[Event] = []
        self.world.journal.listeners += [self.events.append, self.book]
        self.hosts: dict[str, Host] = {}
        self._links: dict[frozenset[str], LinkRules] = {}
        self._default = rules
        self.outcome: Outcome | None = None

    # -- building

    def host(
        self, name: str, factory: Program | None = None, *, profile: str | Profile | None = None
    ) -> Host:
        """Add a host, linked to all others; `factory` is the program that it runs from its start.

        A function (also an async one) without arguments, or ["FILE.py", ARG...], or ["-m",
        "MODULE", ARG...]. Without one the host is there for `on`. ValueError for a name that is
        taken and for a program that is not there.
        """
        node = self.world.host(name, None if profile is None else find_profile(profile))
        self.hosts[name] = Host(self, node)
        if factory is not None:
            self.program(name, factory)
        return self.hosts[name]

    def program(
        self, host: Host | str, factory: Program, *, name: str = "", background: bool = False
    ) -> Process:
        """Add one more program to a host; `background`: the run does not wait for it. (One that
        listens is in the background anyway.)"""
        node = self._host(host).node
        return self.world.program(node, factory, name=name, background=background)

    def link(
        self, a: Host | str, b: Host | str, *, delay: float | None = None,
        jitter: float | None = None, loss: float | None = None, rate: int | None = None,
        queue: int | None = None, mtu: int | None = None, rule: Rule | None = None,
    ) -> Guard | None:  # fmt: skip
        """Change the link between two hosts, both directions; what is not given stays.

        delay and jitter in seconds one way, loss a probability, rate in bit/s (0: no limit),
        queue in packets, mtu in octets. rule: a function (packet, now in ns) that answers PASS,
        DROP, Delay(ns), Duplicate(n) or Mangle(packet), all of `lastack.net`, for each packet
        between the two; its guard is returned, whose remove() takes it out again.
        """
        names = (self._host(a).name, self._host(b).name)
        given: dict[str, Any] = {
            "delay_ns": None if delay is None else _ns(delay),
            "jitter_ns": None if jitter is None else _ns(jitter),
            "loss": loss, "rate_bps": rate, "queue": queue, "mtu": mtu,
        }  # fmt: skip
        changes = {key: value for key, value in given.items() if value is not None}
        if changes:
            key = frozenset(names)
            rules = replace(self._links.get(key, self._default), **changes)
            self._links[key] = rules
            self.world.network.link(*names, rules)
        return None if rule is None else self._between(names, rule)

    def _between(self, names: tuple[str, str], rule: Rule) -> Guard:
        addresses = {self.hosts[name].node.address for name in names}

        def asked(packet: Any, now: int) -> Any:
            flow = packet.flow
            return rule(packet, now) if {flow.src, flow.dst} == addresses else PASS

        title = getattr(rule, "__name__", "") or "rule"
        return self.world.network.add_rule(asked, name=title)

    # -- running

    def at(self, seconds: float, fault: Callable[[], None]) -> None:
        """Do something at that virtual time, as in `net.at(2, net.hosts["web"].reboot)`."""
        self.world.at(_ns(seconds), fault)

    def on(self, host: Host | str) -> AbstractContextManager[None]:
        """Run the block as a program of the host: its name, its sockets, virtual time.

        All blocks of a host are one program, which ends in `run`. What the block waits for in
        vain is an exception there: Hung, with who waits for what.
        """
        return self.world.on(self._host(host).node)

    @property
    def now(self) -> float:
        """The virtual time since the network began."""
        return self.world.now / SECOND

    def run(self, *, check: bool = True) -> Outcome:
        """End the blocks' programs, and run until nothing is left to do.

        ProgramFailed when a program ended with an error or hangs, unless `check` is False.
        """
        __tracebackhide__ = True
        if self.outcome is None:
            self.outcome = self.world.finish()
        if check and self.outcome.failed:
            raise ProgramFailed(self.failures)
        return self.outcome

    @property
    def failures(self) -> str:
        """What went wrong in the run, for people; "" when nothing did."""
        return "" if self.outcome is None else told_failures(self.outcome)

    def close(self) -> None:
        """Stop everything where it stands, if it has not ended."""
        self.world.discard()

    # -- looking

    @property
    def connections(self) -> list[Connection]:
        """Every connection in the order in which they were opened, as it stands now."""
        names = self.names
        return [Connection(story, self.book, names) for story in self.book.stories]

    @property
    def names(self) -> dict[bytes, str]:
        """The hosts' names by address."""
        return {host.node.address: host.name for host in self.hosts.values()}

    def output(self, host: Host | str) -> str:
        """Return what the programs of a host have written to stdout and stderr."""
        node = self._host(host).node
        return "".join(
            process.output.text() for process in self.world.processes if process.node is node
        )

    def _host(self, host: Host | str) -> Host:
        if isinstance(host, Host):
            return host
        if host not in self.hosts:
            known = ", ".join(self.hosts) or "none yet"
            raise ValueError(f"no host is named {host!r}; there are: {known}")
        return self.hosts[host]


def find_profile(profile: str | Profile) -> Profile:
    """Return a profile by its name; ValueError that lists them."""
    if isinstance(profile, Profile):
        return profile
    if profile not in PROFILES:
        raise ValueError(f"no profile {profile!r}; there are {', '.join(PROFILES)}")
    return PROFILES[profile]


def told_failures(outcome: Outcome) -> str:
    """Say which programs failed and how, with the end of what they wrote."""
    told = [text for text in (outcome.deadlock, outcome.livelock) if text]
    for ended in outcome.programs:
        if ended.hung and not told:
            told.append(f"hung: {ended.hung}")
        elif ended.failed and not ended.hung:
            last = [f"    {line.text}" for line in ended.output[-20:]]
            told.append("\n".join([f"{ended.name}: exit status {ended.exit}", *last]))
    return "\n".join(told)


def _ns(seconds: object) -> int:
    if not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
        raise ValueError(f"{seconds!r} is no number of seconds")
    return round(seconds * SECOND)
