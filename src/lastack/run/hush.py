"""Silence about the objects of programs that were killed."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hush() -> Iterator[None]:
    """Let the objects of a program that was not asked to end go without a word: a killed
    interpreter runs no `__del__`, so nobody hears of what was not closed or fails there."""
    hook = sys.unraisablehook
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        sys.unraisablehook = lambda _: None
        try:
            yield
        finally:
            sys.unraisablehook = hook
