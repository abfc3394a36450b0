"""lastack run: unmodified Python programs on simulated hosts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import click

from lastack.net import LinkRules
from lastack.profile import LINUX, MS, PROFILES, Profile, S
from lastack.report import capture_blocks
from lastack.run import DAWN, FAMILIES, same_again
from lastack.trace import Event

from .on_kernel import LIMIT, WHERE, OnBoth, OnKernel
from .paint import Painter
from .scene import Played, Setting, Told
from .values import (
    FAULTS,
    Duration,
    Rate,
    Share,
    find_profile,
    given_options,
    parse_fault,
    parse_program,
)


@click.command()
@click.argument("programs", nargs=-1, required=True, metavar="NAME='PROGRAM ARGS'...")
@click.option("--on", "where", type=click.Choice(WHERE), default=WHERE[0], show_default=True,
              help="Simulated hosts, network namespaces (root), or both.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="Of every random choice.")
@click.option("--delay", type=Duration(), default=MS, help="One way, on each link.  [1ms]")
@click.option("--jitter", type=Duration(), default=0, help="Added to the delay, up to.")
@click.option("--loss", type=Share(), default=0.0, help="Per packet and direction: 2% or 0.02.")
@click.option("--rate", type=Rate(), default=0, help="Of each link, in bit/s: 500k, 10M, 1G.")
@click.option("--queue", default=1000, show_default=True, type=click.IntRange(0),
              help="Packets that wait for the rate.")  # fmt: skip
@click.option("--mtu", default=1500, show_default=True, type=click.IntRange(68, 65536))
@click.option("--families", default="46", show_default=True, type=click.Choice(FAMILIES),
              help="Of the addresses that names have, in order.")  # fmt: skip
@click.option("--profile", "profiles", multiple=True, metavar="[HOST=]NAME",
              help=f"The TCP of all hosts or of one: {', '.join(PROFILES)}.")  # fmt: skip
@click.option("--at", "faults", multiple=True, metavar="TIME=FAULT:HOST",
              help=f"Do that then: {', '.join(FAULTS)}.")  # fmt: skip
@click.option("--until", type=Duration(), default=3600 * S, help="Virtual time limit.  [1h]")
@click.option("--patience", type=Duration(), default=10 * S,
              help="Real time that a program may compute without a call.  [10s]")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--no-ladder", is_flag=True, help="Endings only.")
@click.option("--unfold", is_flag=True, help="Every segment of long transfers.")
@click.option("--wire", is_flag=True, help="Encode and decode every packet on its way.")
@click.option("--strict", is_flag=True, help="Exit 3 when bytes were lost.")
@click.option("--check-determinism", is_flag=True, help="Run twice, compare every event.")
@click.option("--trace", type=click.Path(dir_okay=False, path_type=Path),
              help="Write every event to a file, one a line.")  # fmt: skip
@click.option("--pcap", type=click.Path(dir_okay=False, path_type=Path),
              help="Write every packet to a pcapng file, with its fate.")  # fmt: skip
def run(
    programs: tuple[str, ...], where: str, seed: int, delay: int, jitter: int, loss: float,
    rate: int, queue: int, mtu: int, families: str, profiles: tuple[str, ...],
    faults: tuple[str, ...], until: int, patience: int, as_json: bool, no_ladder: bool,
    unfold: bool, wire: bool, strict: bool, check_determinism: bool, trace: Path | None,
    pcap: Path | None,
) -> int:  # fmt: skip
    """Run programs on simulated hosts and explain how every connection ended.

    A program is a .py file or -m MODULE with its arguments, unmodified. NAME is
    its host, which the other programs reach by that name. NAME@1.5s= starts
    later, NAME+= marks a background program (one that listens is one anyway).

    \b
    lastack run web='-m http.server 8000' get='fetch.py http://web:8000/'

    Exit: 0 all well, 1 a program failed or hung, 2 wrong command line, 3 bytes
    were lost (with --strict). With --on both also 1 when the two differ.
    """
    setting = Setting(
        [parse_program(text) for text in programs], seed,
        LinkRules(delay, jitter, loss, rate, queue, mtu), until=until, wire=wire,
        patience=patience / S, faults=[parse_fault(text) for text in faults], families=families,
        **_profiles(profiles),
    )  # fmt: skip
    _check_hosts(setting)
    if where != "lastack":
        given = given_options()
        _check_kernel(where, setting, given)
        setting = replace(setting, cable=bool(_LINK & given.keys()))
        return _on_kernel(setting, where, trace, pcap, as_json, no_ladder, unfold, strict)
    before = _own_sockets()
    played = Played(setting)
    if _own_sockets() > before:
        raise click.ClickException("a program opened a real socket behind the simulation's back")
    _write_files(played, trace, pcap)
    painter = Painter()
    if as_json:
        click.echo(json.dumps(played.to_json(), indent=2))
    else:
        played.show(painter, with_ladder=not no_ladder, unfold=unfold)
    if check_determinism and not _same_again(played, painter, quiet=as_json):
        return 1
    return _status(played, strict=strict)


def _status(played: Told | OnBoth, *, strict: bool) -> int:
    return played.status or (3 if strict and played.lost_bytes else 0)


_LINK: Final = frozenset({"delay", "jitter", "loss", "rate", "queue"})
"""What makes a cable of ours out of a veth pair."""
_FASTEST: Final = 100_000_000
"""No cable of ours carries more, in bit/s."""
_LARGEST: Final = 65535
"""The MTU of a veth pair and of a TUN device."""
_SIMULATION: Final = {
    "profiles": "its TCP is this machine's own",
    "patience": "a program there computes as long as it likes, until --until",
    "wire": "every packet there is bytes already",
    "check_determinism": "no two runs there are the same",
    "faults": "nothing cuts its power",
}
"""What has no meaning on a kernel, and why."""


def _check_kernel(where: str, setting: Setting, given: dict[str, str]) -> None:
    """UsageError for what no kernel can do."""
    why = [(option, _SIMULATION[name]) for name, option in given.items() if name in _SIMULATION]
    if "seed" in given and where == "kernel" and not {"loss", "jitter"} & given.keys():
        why.append(("--seed", "only --loss and --jitter are chance there"))
    if why:
        option, reason = why[0]
        raise click.UsageError(
            f"--on {where} has no {option}: {reason}; leave it out or run --on lastack"
        )
    if setting.link.rate_bps > _FASTEST:
        raise click.UsageError(
            f"--on {where} has no --rate above 100M: the cable that keeps it is a program, and "
            "has no more to give; leave it out for a veth pair's own"
        )
    if setting.link.mtu > _LARGEST:
        raise click.UsageError(f"--on {where} has no --mtu above {_LARGEST}: no device there has")


def _on_kernel(
    setting: Setting, where: str, trace: Path | None, pcap: Path | None, as_json: bool,
    no_ladder: bool, unfold: bool, strict: bool,
) -> int:  # fmt: skip
    limit = setting.until if "until" in given_options() else LIMIT
    try:
        played = OnBoth.play(setting, limit) if where == "both" else OnKernel(setting, limit)
    except OSError as error:
        raise click.ClickException(f"--on {where}: {error}") from None
    _write_files(played.kernel if isinstance(played, OnBoth) else played, trace, pcap)
    if as_json:
        click.echo(json.dumps(played.to_json(), indent=2))
    else:
        played.show(Painter(), with_ladder=not no_ladder, unfold=unfold)
    return _status(played, strict=strict)


def _write_files(played: Told, trace: Path | None, pcap: Path | None) -> None:
    if trace is not None:
        _write(trace, "--trace", (_text(event).encode() + b"\n" for event in played.events))
    if pcap is not None:
        if isinstance(played, OnKernel):
            _write(pcap, "--pcap", played.pcap())
        else:
            _write(pcap, "--pcap", capture_blocks(played.events, played.names, DAWN))


def _check_hosts(setting: Setting) -> None:
    hosts = {spec.host for spec in setting.programs}
    named = [("--profile", name) for name in setting.profiles]
    named += [("--at", fault.host) for fault in setting.faults]
    for option, name in named:
        if name not in hosts:
            raise click.UsageError(f"{option}: no host is named {name!r}")


def _profiles(texts: tuple[str, ...]) -> dict[str, Any]:
    everywhere: Profile = LINUX
    by_host: dict[str, Profile] = {}
    for text in texts:
        host, _, name = text.rpartition("=")
        if host:
            by_host[host] = find_profile(name)
        else:
            everywhere = find_profile(name)
    return {"profile": everywhere, "profiles": by_host}


def begin_again() -> None:
    """Start this interpreter again with fixed hashes and addresses, unless it has them: the order
    of a set is part of a program. For the command only, which has a process of its own."""
    environment = same_again()
    if environment is not None:
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, "-m", "lastack", *sys.argv[1:]], environment)


def _own_sockets() -> int:
    """Count the sockets of this process; the simulation opens none."""
    count = 0
    try:
        for name in os.listdir("/proc/self/fd"):
            try:
                count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
            except OSError:
                continue
    except FileNotFoundError:
        return 0
    return count


def _write(path: Path, option: str, parts: Iterable[bytes]) -> None:
    try:
        with path.open("wb") as file:
            file.writelines(parts)
    except OSError as error:
        raise click.UsageError(f"{option} {path}: {error.strerror}") from None


def _text(event: Event) -> str:
    return f"{event.at} {event.host} {event!r}"


def _same_again(played: Played, painter: Painter, *, quiet: bool) -> bool:
    """Run the same command in a fresh process and compare the events one by one."""
    rest = [word for word in sys.argv[1:] if word not in ("--check-determinism", "--json")]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "events"
        command = [sys.executable, "-m", "lastack", *rest, "--trace", str(path), "--json"]
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        theirs = path.read_text().splitlines() if path.exists() else []
    ours = [_text(event) for event in played.events]
    for number, (first, second) in enumerate(zip_longest(ours, theirs, fillvalue="nothing"), 1):
        if first != second:
            text = f"not deterministic: event {number} differs\n  first  {first}\n  second {second}"
            click.echo(text, err=True)
            return False
    if not quiet:
        painter.line(f"deterministic: {len(ours):,} events, the same in a fresh process", "good")
    return True
