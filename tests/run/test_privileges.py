"""What root may do to the machine fails in a simulated program, also when root runs it.

In a process of its own, and with values that change nothing: when such a call gets through, it
shall not be this machine's clock, and not this process's rights, that are lost.
"""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os, signal, time

def attempt(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        print(call.__name__, error.strerror)
    else:
        print(call.__name__, "done")

attempt(time.clock_settime, time.CLOCK_REALTIME, -1.0)
attempt(time.clock_settime_ns, time.CLOCK_REALTIME, -1)
attempt(os.chroot, "/nonexistent")
attempt(os.setgroups, [65534])
attempt(os.setuid, 65534)
attempt(os.setresgid, -1, 65534, -1)
attempt(getattr(os, "pidfd_open", os.chroot), os.getpid())
attempt(os.setuid, os.getuid())
attempt(os.setregid, os.getgid(), -1)
signal.signal(signal.SIGTERM, lambda *_: print("handled"))
attempt(os.killpg, os.getpgrp(), signal.SIGTERM)
"""


def test_nobody_is_root_in_a_world(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    ran = subprocess.run(
        [sys.executable, "-m", "lastack", "run", "--no-ladder", f"a={program}"],
        capture_output=True, text=True, check=True, timeout=60,
        start_new_session=True,  # a process group of its own, for what killpg() may reach
    )  # fmt: skip
    told = [line.split(" a ", 1)[1] for line in ran.stdout.splitlines() if " a " in line]
    refused = "Operation not permitted"
    assert told == [
        f"clock_settime {refused}", f"clock_settime_ns {refused}", f"chroot {refused}",
        f"setgroups {refused}", f"setuid {refused}", f"setresgid {refused}",
        f"{'pidfd_open' if hasattr(os, 'pidfd_open') else 'chroot'} {refused}",
        "setuid done", "setregid done", "handled", "killpg done",
    ]  # fmt: skip
