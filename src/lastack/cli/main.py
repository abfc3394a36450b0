"""The group of verbs, and how a wrong command line is told: one line, exit code 2."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Final

import click

from lastack import __version__

_EPILOG: Final = "Exit codes: 0 done, 1 a program or check failed, 2 wrong command line."

VERBS: Final = {
    "ls": "Every TCP socket of this machine, its timer, queues and owner.",
    "why": "What holds a port or stops a connection, and what to do.",
    "doctor": "Ports, stuck sockets, counters and settings of this machine.",
    "watch": "Endings as they happen, with the bytes that died.",
    "audit": "Run a Python program on real sockets and judge its closes.",
    "fix": "Close by force, lend SO_REUSEADDR, send a missing FIN.",
    "demo": "Four endings that cost people bytes, ports or nights, played.",
    "run": "Run programs on simulated hosts, explain how connections end.",
    "read": "How the connections in a packet capture ended.",
    "claims": "What the web says of SO_LINGER and TIME_WAIT, run and judged.",
    "drill": "Play packetdrill scripts in virtual time.",
    "fuzz": "Random scripts on the kernel and on lastack, compared.",
    "matrix": "What close() returns, sends and loses, in 84 cases a system.",
}
"""Verb and module of `cli`, in the order of the help. A verb is imported when it is called, so
that one that looks at this machine does not wait for the simulation to load."""


class Verbs(click.Group):
    """A group whose commands are modules of this room."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one verb."""
        if cmd_name not in VERBS:
            return None
        command = getattr(import_module(f".{cmd_name}", __package__), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=Verbs, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lastack")
def lastack() -> None:
    """What happened to the end of a TCP connection, and how to end it right.

    Run unmodified Python programs on a TCP in virtual time whose every segment
    and byte is explained.
    """


def entry() -> None:
    """What a shell starts: a process that may begin again where `run` wants the same hashes."""
    if sys.argv[1:2] == ["run"]:
        import_module(".run", __package__).begin_again()
    main()


def main() -> None:
    """Run the command; never returns."""
    try:
        status = lastack.main(prog_name="lastack", standalone_mode=False)
    except click.ClickException as error:
        verb = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
        help_at = f" (see {verb} --help)" if verb else ""
        click.echo(f"lastack: {' '.join(error.format_message().split())}{help_at}", err=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("lastack: interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # the reader of our output has left, as `head` does
        sys.stderr.close()
        sys.exit(0)
    sys.exit(status if isinstance(status, int) else 0)
