"""lastack fix: three repairs of real sockets from outside, each shown before it is done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import click

from lastack.live import (
    FilterError,
    Killed,
    Reach,
    kill_all,
    parse_filter,
    reuse_plan,
    reuse_set,
    send_fin,
    victims,
)

from .fix_told import fin_json, kill_json, reuse_json, show_fin, show_kill, show_reuse
from .here import elsewhere, in_one_line, namespace

_YES: Final = click.option("--yes", is_flag=True, help="Do it; else only show what would be done.")
_JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group()
def fix() -> None:
    """Repair real sockets from outside: destroy, lend SO_REUSEADDR, send a FIN.

    Each shows what it would do, to whom, and does it only with --yes.
    """


@fix.command("kill")
@click.argument("filter", nargs=-1, required=True)
@_YES
@click.option("--all", "many", is_flag=True, help="More than one socket is meant.")
@elsewhere
@_JSON
def kill_(
    filter: tuple[str, ...], yes: bool, many: bool, netns: str | None, pid: int | None,
    as_json: bool,
) -> int:  # fmt: skip
    """Destroy the sockets that FILTER keeps, each by its cookie. Needs root.

    FILTER is that of `lastack ls`; an empty one is refused, and so is one that
    keeps a listening socket. TIME-WAIT: since Linux 6.0.
    """
    with _in_one_line():
        there = namespace(netns, pid)
        found = victims(parse_filter(" ".join(filter)), namespace=there)
        if yes and len(found) > 1 and not many:
            raise click.UsageError(f"the filter keeps {len(found):,} sockets: add --all, or narrow")
        results = kill_all(found, namespace=there) if yes else [Killed(one) for one in found]
    if as_json:
        click.echo(json.dumps(kill_json(results, yes), indent=2))
    else:
        show_kill(results, yes)
    return int(any(result.error for result in results))


@fix.command("reuse")
@click.argument("port", type=click.IntRange(1, 65535))
@_YES
@elsewhere
@_JSON
def reuse_(port: int, yes: bool, netns: str | None, pid: int | None, as_json: bool) -> int:
    """Set SO_REUSEADDR on a running server's sockets, so that it can restart.

    Run it before the server is stopped: connections take the option along into
    TIME-WAIT. Those already in TIME-WAIT have no descriptor and are not helped.
    Your own programs' sockets need no root, unless Yama forbids.
    """
    with _in_one_line():
        plan = reuse_plan(port, namespace=namespace(netns, pid))
        done = reuse_set(plan) if yes else plan
    if as_json:
        click.echo(json.dumps(reuse_json(port, done, yes), indent=2))
    else:
        show_reuse(port, done, yes)
    return int(any(lent.reach is Reach.REFUSED for lent in done))


@fix.command("fin")
@click.option("--pid", type=click.IntRange(1), required=True, metavar="PID", help="The process.")
@click.option("--fd", type=click.IntRange(0), required=True, metavar="FD", help="Its descriptor.")
@_YES
@_JSON
def fin_(pid: int, fd: int, yes: bool, as_json: bool) -> int:
    """Send the FIN of a connection that a program left in CLOSE-WAIT.

    The descriptor stays open and still counts against the program's limit;
    only the connection ends. lastack ls state close-wait shows PID and FD.
    """
    with _in_one_line():
        leak = send_fin(pid, fd, act=yes)
    if as_json:
        click.echo(json.dumps(fin_json(leak), indent=2))
    else:
        show_fin(leak)
    return 0


@contextmanager
def _in_one_line() -> Iterator[None]:
    with in_one_line():
        try:
            yield
        except FilterError:
            raise
        except ValueError as error:
            raise click.UsageError(str(error)) from None
