"""What a program has asked of a connection: most ask for nothing, and share one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Settings:
    """Times in ns; 0, or False, is what the system does by itself.

    user_timeout: TCP_USER_TIMEOUT. syn_retries: TCP_SYNCNT. keepalive: SO_KEEPALIVE, with
    keep_idle (TCP_KEEPIDLE), keep_interval (TCP_KEEPINTVL) and keep_probes (TCP_KEEPCNT).
    linger2: TCP_LINGER2, -1 for the system's, below that no FIN-WAIT-2 at all. defer:
    TCP_DEFER_ACCEPT in repeats of the SYN|ACK.
    """

    user_timeout: int = 0
    syn_retries: int = 0
    keepalive: bool = False
    keep_idle: int = 0
    keep_interval: int = 0
    keep_probes: int = 0
    linger2: int = -1
    defer: int = 0


NO_SETTINGS: Final = Settings()
