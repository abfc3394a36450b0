"""SO_LINGER is a struct of two ints, to be set and to be read."""

import struct
from socket import SO_LINGER, SOL_SOCKET, socket


def client() -> list[tuple[int, ...]]:
    """Read the option as it comes, switched on, and switched off."""
    s = socket()
    told = []
    for value in (None, (1, 30), (0, 7)):
        if value is not None:
            s.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", *value))
        told.append(struct.unpack("ii", s.getsockopt(SOL_SOCKET, SO_LINGER, 8)))
    return told
