"""What the verbs about this machine have in common: where they look, and how they say no."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from lastack.live import FilterError, Namespace, NoNamespace

_F = TypeVar("_F", bound=Callable[..., Any])


def elsewhere(command: _F) -> _F:
    """Add --netns and --pid, which `namespace` reads."""
    command = click.option(
        "--pid", type=click.IntRange(1), metavar="PID", help="Look where this process lives."
    )(command)
    return click.option(
        "--netns", metavar="NAME", help="Look in a namespace of ip-netns(8), or at a path."
    )(command)


def namespace(netns: str | None, pid: int | None) -> Namespace | None:
    """Return the namespace that the options name; None is our own."""
    if netns is not None and pid is not None:
        raise click.UsageError("--netns and --pid: one of them")
    if pid is not None:
        return Namespace.of_pid(pid)
    return None if netns is None else Namespace.named(netns)


@contextmanager
def in_one_line() -> Iterator[None]:
    """Turn what the machine refuses, and what was asked wrongly, into one line and exit 2."""
    try:
        yield
    except (FilterError, NoNamespace) as error:
        raise click.UsageError(str(error)) from None
    except BrokenPipeError:
        raise  # the reader of our output has left: main() ends quietly
    except OSError as error:
        raise click.ClickException(error.strerror or str(error)) from None
