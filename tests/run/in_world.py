"""Running functions as programs of a world."""

from collections.abc import Callable
from typing import Any

from lastack.run import Outcome, World

Program = Callable[[], object]


def run(*programs: tuple[str, Program], **options: Any) -> tuple[Outcome, World]:
    """Run each function on the host of its name; programs of one name share the host."""
    world = World(seed=1, **options)
    for name, program in programs:
        node = world.nodes.get(name) or world.host(name)
        world.program(node, program)
    return world.run(), world


def alone(program: Program) -> list[str]:
    """Run one function alone on host "a"; return its lines of output. It must end well."""
    outcome, _ = run(("a", program))
    (ended,) = outcome.programs
    text = [line.text for line in ended.output]
    assert (ended.exit, ended.hung) == (0, ""), "\n".join([*text, ended.hung])
    return text


def well(*programs: tuple[str, Program], **options: Any) -> Outcome:
    """Run functions on hosts; none may fail."""
    outcome, _ = run(*programs, **options)
    for ended in outcome.programs:
        text = "\n".join(line.text for line in ended.output)
        assert not ended.failed, f"{ended.name}: {ended.exit} {ended.hung}\n{text}"
    return outcome
