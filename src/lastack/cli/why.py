"""lastack why: what holds a port, or stands in the way of a connection, and what to do."""

from __future__ import annotations

import json

import click

from lastack.live import (
    ConnectCause,
    Namespace,
    WhyConnect,
    say_bind,
    say_connect,
    why_bind,
    why_connect,
)

from .here import elsewhere, in_one_line, namespace
from .values import Duration
from .where import Where, read_bind, read_host, read_pair
from .why_told import bind_json, connect_json, show_bind, show_connect


@click.command()
@click.argument("what", required=False, metavar="[ADDR:]PORT | LOCAL-REMOTE")
@click.option("--connect", "host", metavar="HOST:PORT", help="Why connect() to it fails.")
@click.option("--no-probe", is_flag=True, help="Foretell from tables; bind and connect nothing.")
@click.option("--timeout", type=Duration(), default="5s", show_default=True,
              help="How long a trial connect() may wait.")  # fmt: skip
@elsewhere
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def why(
    what: str | None, host: str | None, no_probe: bool, timeout: int, netns: str | None,
    pid: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Say why a port cannot be bound, or a connection not made, and what helps.

    \b
    lastack why 8080                      bind() to every address
    lastack why 127.0.0.1:8080, [::1]:80  to this one
    lastack why 10.0.0.1:0                to any port of it
    lastack why --connect example.org:80  connect()
    lastack why 10.0.0.1:4000-10.0.0.2:80 this very connection
    lastack why 10.0.0.1-10.0.0.2:80      from that address

    Three sockets are bound for a moment and closed at once, or one connection
    is opened and closed without a byte; --no-probe does without.
    Needs no root; the names of other users' programs do.
    """
    if (what is None) == (host is None):
        raise click.UsageError("say one of [ADDR:]PORT, LOCAL-REMOTE, --connect HOST:PORT")
    with in_one_line():
        there = namespace(netns, pid)
        if what is not None and "-" not in what:
            _bind(what, not no_probe, there, as_json)
            return
        if what is not None:
            local, remotes = read_pair(what)
        else:
            local, remotes = None, read_host(host or "")
        found = _connections(local, remotes, not no_probe, timeout, there)
        said = say_connect(found)
        if as_json:
            click.echo(json.dumps(connect_json(found, said), indent=2))
        else:
            show_connect(found, said)


def _bind(what: str, probe: bool, there: Namespace | None, as_json: bool) -> None:
    address, port = read_bind(what)
    found = why_bind(address, port, probe=probe, namespace=there)
    said = say_bind(found)
    if as_json:
        click.echo(json.dumps(bind_json(found, said), indent=2))
    else:
        show_bind(found, said)


def _connections(
    local: Where | None, remotes: list[Where], probe: bool, timeout: int, there: Namespace | None
) -> WhyConnect:
    """Try one address after the other, as programs do, until one answers."""
    for remote in remotes:
        found = why_connect(remote, local, probe=probe, timeout=timeout, namespace=there)
        if found.cause is ConnectCause.CONNECTED:
            break
    return found
