"""The group of verbs, and how a wrong command line is told: one line, exit code 2."""

from __future__ import annotations

import sys

import click

from lastack import __version__

from .claims import claims
from .demo import demo
from .matrix import matrix
from .run import run

_EPILOG = "Exit codes: 0 done, 1 a program or check failed, 2 wrong command line."


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lastack")
def lastack() -> None:
    """What happened to the end of a TCP connection, and how to end it right.

    Run unmodified Python programs on a TCP in virtual time whose every segment
    and byte is explained.
    """


for verb in (run, claims, matrix, demo):
    lastack.add_command(verb)


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
