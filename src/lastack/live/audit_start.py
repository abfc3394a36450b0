"""How an audit begins in a process: as sitecustomize of a fresh Python, or asked for by a test run.

Runs inside the audited program (see audit_place).
"""

from __future__ import annotations

import atexit
import os
from contextlib import suppress
from typing import Final

from .audit_log import Log, Tally, Write

LOG: Final = "log"
EACH: Final = "LASTACK_AUDIT_EACH"
"""Environment variable: how many endings of one place and process are written out in full."""


class Audit:
    """An audit of this very process; `write` gets its records (see audit_log)."""

    def __init__(self, write: Write, *, each: int) -> None:
        # not at the top: another system than Linux can import this file, not those
        from .audit_hooks import Hooks
        from .audit_watch import Watch

        self._tally = Tally(write, each)
        self._watch = Watch(self._tally)
        self._hooks = Hooks(self._watch)
        self._on = False

    def begin(self) -> None:
        """Look at every close from now on, in forked children too."""
        self._on = True
        with suppress(Exception):
            self._watch.inherited()
        self._hooks.install()
        os.register_at_fork(before=self._before_fork, after_in_child=self._tally.forked)

    def flush(self) -> None:
        """Write down what was only counted so far."""
        self._tally.flush()

    def end(self) -> None:
        """Look at no further close."""
        self._on = False
        self._hooks.remove()
        self.flush()

    def finish(self) -> None:
        """The process ends: look at the sockets that are still open."""
        with suppress(Exception):
            self._watch.finish()
            self.flush()

    def _before_fork(self) -> None:
        if self._on:
            with suppress(Exception):
                self._watch.forking()


def begin_process(directory: str) -> None:
    """Audit this process, whose parent reads `directory`."""
    log = Log(os.path.join(directory, LOG))
    audit = Audit(log, each=int(os.environ.get(EACH, "10")))
    # registered first, so called last, after the exit handlers of the program
    atexit.register(audit.finish)
    audit.begin()
    log(("start", os.getpid()))
