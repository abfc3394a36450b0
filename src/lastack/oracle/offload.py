"""Offload off: packets on a link are as large as a card would put on the wire (ethtool(8) -K)."""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
from typing import Final

from .namespace import Namespace

_SIOCETHTOOL: Final = 0x8946
_SET: Final = {"tso": 0x1F, "gso": 0x24, "gro": 0x2C}
"""ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO of linux/ethtool.h."""


def without_offload(space: Namespace, link: str) -> None:
    """Let nothing put segments together or cut them apart below TCP on a link of a namespace."""

    def switch() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for command in _SET.values():
                value = ctypes.create_string_buffer(struct.pack("II", command, 0), 8)
                request = struct.pack("16sQ", link.encode(), ctypes.addressof(value))
                fcntl.ioctl(sock, _SIOCETHTOOL, request)

    space.call(switch)
