"""What an interpreter must be started with for two runs of a program to be the same.

The order of a set of strings follows PYTHONHASHSEED; that of a set of objects follows their
addresses, which Linux chooses at random for every process unless it is told not to.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Final

HASHES: Final = "PYTHONHASHSEED"
ADDR_NO_RANDOMIZE: Final = 0x0040000
"""A flag of personality(2); it takes effect at execve(2) and is inherited."""
_ASK: Final = 0xFFFFFFFF


def fix_addresses() -> bool:
    """Ask for the same addresses in every process from the next execve(2) on.

    True when that was news. False when it holds already, and where it is not allowed (the
    system-call filter of a container) or there is no personality(2).
    """
    if sys.platform != "linux":
        return False
    personality = ctypes.CDLL(None).personality
    personality.argtypes = [ctypes.c_ulong]
    present = personality(_ASK)
    if present == -1 or present & ADDR_NO_RANDOMIZE:
        return False
    return bool(personality(present | ADDR_NO_RANDOMIZE) != -1)


def fixed_hashes() -> str:
    """Return the PYTHONHASHSEED of this process; "" when its hashes of strings are random."""
    seed = os.environ.get(HASHES, "random")
    return "" if seed == "random" else seed


def same_again() -> dict[str, str] | None:
    """Return the environment in which this interpreter has to start again; None: it need not."""
    moved = fix_addresses()
    if fixed_hashes():
        return dict(os.environ) if moved else None
    return {**os.environ, HASHES: "0"}
