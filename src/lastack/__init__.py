"""What happened to the end of this TCP connection, and how to end it right.

lastack is a complete TCP in which every segment and every byte is accounted for. Its rooms are
packages of their own; `docs/architecture.md` is the floor plan. Importing this package is cheap:
the command line's libraries are loaded by `lastack.cli` alone.
"""

__version__ = "0.1.0"
