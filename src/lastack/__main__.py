"""`python -m lastack` is the command `lastack`."""

from lastack.cli import entry

entry()
