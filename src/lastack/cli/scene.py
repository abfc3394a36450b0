"""A world made from the command line, run, and told: text for people, JSON for programs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import click

from lastack.net import LinkRules
from lastack.profile import LINUX, Profile, S
from lastack.report import ending_lines, ladder, refusal_lines
from lastack.run import Node, Outcome, World
from lastack.trace import Event
from lastack.verdict import Book, ConnectionStory, threads, threw_away, to_json, verdict

from .paint import Painter
from .values import FaultSpec, ProgramSpec, from_documents


@dataclass(frozen=True)
class Setting:
    """What `lastack run` was asked for."""

    programs: list[ProgramSpec]
    seed: int = 0
    link: LinkRules = field(default_factory=LinkRules)
    profile: Profile = LINUX
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    until: int = 3600 * S
    wire: bool = False
    patience: float = 10.0
    families: str = "46"
    faults: Sequence[FaultSpec] = ()
    cable: bool = False
    """On a kernel: joined by a cable that keeps `link`'s rules, not by veth pairs."""


def _act(world: World, fault: str) -> Callable[[Node], None]:
    """Return what `--at` does to a host."""
    acts: dict[str, Callable[[Node], None]] = {
        "kill": world.kill, "restart": world.restart, "power-cut": world.power_cut,
        "power-on": world.power_on, "reboot": world.reboot,
        "restart-network": world.restart_network,
    }  # fmt: skip
    return acts[fault]


class Told:
    """A run that is over, wherever it was: its outcome, its events, and what follows from them."""

    on = "lastack"

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.book = Book()
        self.events: list[Event] = []
        self.outcome = Outcome([], 0)
        self.wall_seconds = 0.0
        self.names: dict[bytes, str] = {}

    # -- for programs --------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Return the documented shape, schema 1; times in seconds of virtual time."""
        outcome = self.outcome
        told = to_json(self.book, self.names)
        return {
            "schema": 1,
            "on": self.on,
            "seed": self.setting.seed,
            "from_documents": self.unmeasured,
            "virtual_seconds": outcome.ended_at / S,
            "wall_seconds": round(self.wall_seconds, 6),
            "programs": [
                {
                    "host": ended.host,
                    "command": self.setting.programs[ended.program - 1].text,
                    "exit": ended.exit, "stopped": ended.stopped,
                    "ended_by": ended.ended_by or None, "hung": ended.hung or None,
                    "output": [line.text for line in ended.output],
                }
                for ended in outcome.programs
            ],
            "connections": told["connections"],
            "time_wait": told["time_wait"],
            "deadlock": outcome.deadlock or None,
            "livelock": outcome.livelock or None,
        }  # fmt: skip

    # -- for people ----------------------------------------------------------------------------

    def show(self, painter: Painter, *, with_ladder: bool, unfold: bool = False) -> None:
        """Print output, ladders, endings, refusals, and what went wrong."""
        self.show_output(painter)
        by_story = threads(self.events, self.book)
        for story in self.book.stories:
            painter.line()
            self.show_story(painter, story, by_story[story], with_ladder, unfold)
        for event in self.book.refusals:
            painter.line()
            painter.lines(refusal_lines(event, glyphs=painter.glyphs))
        self.show_troubles(painter)
        self.show_end(painter)

    def show_end(self, painter: Painter) -> None:
        """Print where this was, and how long it took."""
        self.show_unmeasured(painter)
        virtual = self.outcome.ended_at / S
        painter.line()
        painter.line(
            f"{virtual:,.3f} s of virtual time in {self.wall_seconds:.2f} s of real time"
            f" (seed {self.setting.seed})", "note",
        )  # fmt: skip

    @property
    def unmeasured(self) -> list[str]:
        """The profiles of this run that are TCPs which nobody has run for real."""
        return from_documents((self.setting.profile, *self.setting.profiles.values()))

    def show_unmeasured(self, painter: Painter) -> None:
        """Say which TCPs of this run nobody has run for real."""
        for name in self.unmeasured:
            painter.line()
            painter.line(f"Profile {name} is from documents: nobody ran that TCP here.", "note")

    def show_story(
        self, painter: Painter, story: ConnectionStory, events: list[Event],
        with_ladder: bool, unfold: bool,
    ) -> None:  # fmt: skip
        """Print one connection: its ladder, then how and why it ended."""
        if with_ladder:
            painter.lines(ladder(story, events, self.names, unfold=unfold, glyphs=painter.glyphs))
            painter.line()
        standing = self.book.time_waits()
        told = verdict(story, self.book)
        painter.lines(ending_lines(told, self.names, standing, glyphs=painter.glyphs))

    def show_output(self, painter: Painter) -> None:
        """Print what the programs wrote, in the order in which they wrote it."""
        width = max((len(ended.host) for ended in self.outcome.programs), default=0)
        rows = [
            (line.at, number, ended.host, line.text)
            for number, ended in enumerate(self.outcome.programs)
            for line in ended.output
        ]
        for at, _, host, text in sorted(rows, key=lambda row: row[0]):
            shown = painter.glyphs.clean(text)
            painter.lines([
                ((f"{at / S:9.3f} s ", "time"), (f"{host:{width}} ", "host"), (shown, ""))
            ])  # fmt: skip

    def show_troubles(self, painter: Painter) -> None:
        """Print who failed, who hangs, and what stopped the run."""
        troubles = [text for text in (self.outcome.deadlock, self.outcome.livelock) if text]
        for ended in self.outcome.programs:
            if ended.hung:
                if not troubles:  # they tell who waits for what, too
                    painter.line()
                    painter.line(f"hung: {ended.hung}", "bad")
            elif ended.failed:
                painter.line()
                painter.line(f"{ended.host} failed: exit status {ended.exit}", "bad")
        for trouble in troubles:
            painter.line()
            painter.line(trouble, "bad")

    @property
    def status(self) -> int:
        """1 when a program failed or hung, else 0."""
        return 1 if self.outcome.failed else 0

    @property
    def lost_bytes(self) -> bool:
        """Whether bytes were destroyed or thrown away unread."""
        return any(threw_away(verdict(story, self.book)) for story in self.book.stories)


class Played(Told):
    """A run in a simulated world."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        world = World(
            setting.seed,
            profile=setting.profile,
            link=setting.link,
            wire=setting.wire,
            patience=setting.patience,
            families=setting.families,
        )
        world.journal.listeners.append(self.events.append)
        for spec in setting.programs:
            node = world.nodes.get(spec.host)
            if node is None:
                node = world.host(spec.host, setting.profiles.get(spec.host))
            try:
                world.program(
                    node, spec.command, start_at=spec.start_at, background=spec.background
                )
            except ValueError as error:
                raise click.UsageError(f"{spec.host}: {error}") from None
        for fault in setting.faults:
            act = _act(world, fault.fault)
            world.at(fault.at, partial(act, world.nodes[fault.host]))
        begun = time.perf_counter()
        self.outcome = world.run(setting.until)
        self.book.read(self.events)
        self.wall_seconds = time.perf_counter() - begun
        self.names = {address: node.name for address, node in world.by_address.items()}
