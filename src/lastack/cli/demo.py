"""lastack demo: four endings, each a real run, with this machine's kernel beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from lastack.oracle import LOOPBACK, available, differences, free_port
from lastack.oracle import play as play_on_kernel
from lastack.report import Line, refusal_lines
from lastack.verdict import threads

from .acts import ACTS, LOOPBACK_LINK, PORT, SERVER, Act, Scene, examples
from .paint import Painter
from .scene import Played, Setting
from .values import ProgramSpec


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--act", type=click.IntRange(1, len(ACTS)), help="One act only.")
@click.option("--no-kernel", is_flag=True, help="Simulation only.")
def demo(as_json: bool, act: int | None, no_kernel: bool) -> int:
    """Four endings that cost people bytes, ports or nights, played and explained.

    On Linux the same programs also run as child processes on 127.0.0.1, and
    what differs is said.
    """
    painter = Painter()
    told: list[dict[str, Any]] = []
    same = True
    with_kernel = available() and not no_kernel
    for number, one in enumerate(ACTS, 1):
        if act not in (None, number):
            continue
        stage = _Stage(one, number, painter, quiet=as_json, with_kernel=with_kernel)
        told.append(stage.play())
        same &= stage.same
    if as_json:
        click.echo(json.dumps({"schema": 1, "acts": told}, indent=2))
    return 0 if same else 1


class _Stage:
    """One act: plays its scenes, shows them, compares them with the kernel."""

    def __init__(
        self, act: Act, number: int, painter: Painter, *, quiet: bool, with_kernel: bool
    ) -> None:
        self.act = act
        self.number = number
        self.painter = painter
        self.quiet = quiet
        self.with_kernel = with_kernel
        self.same = True
        self.asked = 0

    def play(self) -> dict[str, Any]:
        """Play every scene; return what happened as plain data."""
        if not self.quiet:
            self.painter.line(f"Act {self.number}. {self.act.title}", "title")
            self.painter.line(self.act.text)
        scenes = [self._scene(scene) for scene in self.act.scenes]
        if not self.quiet:
            self._kernel_line()
            self.painter.line()
        return {"act": self.number, "title": self.act.title, "scenes": scenes}

    def _scene(self, scene: Scene) -> dict[str, Any]:
        played = Played(_setting(scene))
        lines = [line.text for ended in played.outcome.programs for line in ended.output]
        kernel = _on_kernel(scene) if self.with_kernel and scene.on_kernel else None
        if not self.quiet:
            self._show(scene, played, lines)
        if kernel is not None:
            self.asked += 1
            self._compare(lines, kernel)
        return {
            "label": scene.label,
            "profile": scene.profile.name,
            "output": lines,
            "connections": played.to_json()["connections"],
            "kernel": kernel,
            "same": None if kernel is None else not differences(lines, kernel),
        }

    def _show(self, scene: Scene, played: Played, lines: list[str]) -> None:
        self.painter.line()
        head: Line = ((f"{scene.label}", "host"), (f"  (profile {scene.profile.name})", "note"))
        self.painter.lines([head])
        if scene.ladder:
            by_story = threads(played.events, played.book)
            for story in played.book.stories:
                played.show_story(self.painter, story, by_story[story], True, False)
        for event in played.book.refusals if scene.ladder else ():
            self.painter.lines(refusal_lines(event, glyphs=self.painter.glyphs))
        for line in lines:
            self.painter.lines([(("  said  ", "note"), (line, ""))])

    def _compare(self, lines: list[str], kernel: list[str]) -> None:
        for ours, theirs in differences(lines, kernel):
            self.same = False
            if not self.quiet:
                self.painter.line(f"  this machine's kernel said: {theirs or 'nothing'}", "bad")
                self.painter.line(f"                   not: {ours or 'nothing'}", "bad")

    def _kernel_line(self) -> None:
        if not self.with_kernel:
            self.painter.line("This machine's kernel was not asked.", "note")
        elif self.asked and self.same:
            self.painter.line()
            times = "" if self.asked == 1 else f" in all {self.asked} runs"
            self.painter.line(f"This machine's kernel did the same{times}.", "good")


def _arguments(scene: Scene, address: str, host: str, port: int) -> list[list[str]]:
    """Return the argument lists of server and client."""
    where: Path = examples()
    server, *rest = scene.server
    client, *more = scene.client
    return [
        [str(where / server), address, str(port), *rest],
        [str(where / client), host, str(port), *more],
    ]


def _setting(scene: Scene) -> Setting:
    commands = _arguments(scene, "0.0.0.0", SERVER, PORT)
    specs = [
        ProgramSpec(name, command, None, False)
        for name, command in zip((SERVER, "client"), commands, strict=True)
    ]
    return Setting(specs, link=LOOPBACK_LINK, profile=scene.profile)


def _on_kernel(scene: Scene) -> list[str]:
    port = free_port()
    ran = play_on_kernel(_arguments(scene, LOOPBACK, LOOPBACK, port), port)
    return [line for one in ran for line in one.output]
