"""What importing this room brings along: nothing of an event loop, a terminal, or TLS."""

from __future__ import annotations

import subprocess
import sys

FOREIGN = ("asyncio", "trio", "anyio", "ssl", "click", "rich", "subprocess")
PROGRAM = f"""
import sys
import lastack.ending
print(*[name for name in {FOREIGN!r} if name in sys.modules])
"""


def test_importing_costs_no_event_loop_no_terminal_and_no_tls() -> None:
    ran = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == []
