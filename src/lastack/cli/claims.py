"""placeholder, replaced before commit."""
import click


@click.command()
def claims() -> None:
    "x"
