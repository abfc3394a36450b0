"""The only maker of OSError in the simulated machine.

`OSError(number, text)` picks its subclass by itself: ECONNREFUSED gives ConnectionRefusedError.
The texts are those that strerror(3) of the GNU C library gives.
"""

from __future__ import annotations

import errno
from typing import Final

_TEXT: Final = {
    errno.EPERM: "Operation not permitted",
    errno.ENOENT: "No such file or directory",
    errno.EINTR: "Interrupted system call",
    errno.EBADF: "Bad file descriptor",
    errno.EAGAIN: "Resource temporarily unavailable",
    errno.EACCES: "Permission denied",
    errno.EFAULT: "Bad address",
    errno.EEXIST: "File exists",
    errno.EINVAL: "Invalid argument",
    errno.ENOTDIR: "Not a directory",
    errno.ENOSPC: "No space left on device",
    errno.EMFILE: "Too many open files",
    errno.ENOTTY: "Inappropriate ioctl for device",
    errno.ESPIPE: "Illegal seek",
    errno.ENODEV: "No such device",
    errno.ENXIO: "No such device or address",
    errno.EPIPE: "Broken pipe",
    errno.EDOM: "Numerical argument out of domain",
    errno.ELOOP: "Too many levels of symbolic links",
    errno.ENOTSOCK: "Socket operation on non-socket",
    errno.EMSGSIZE: "Message too long",
    errno.EDESTADDRREQ: "Destination address required",
    errno.ENOPROTOOPT: "Protocol not available",
    errno.EPROTONOSUPPORT: "Protocol not supported",
    errno.ESOCKTNOSUPPORT: "Socket type not supported",
    errno.EOPNOTSUPP: "Operation not supported",
    errno.EAFNOSUPPORT: "Address family not supported by protocol",
    errno.EADDRINUSE: "Address already in use",
    errno.EADDRNOTAVAIL: "Cannot assign requested address",
    errno.ENETUNREACH: "Network is unreachable",
    errno.ECONNABORTED: "Software caused connection abort",
    errno.ECONNRESET: "Connection reset by peer",
    errno.ENOBUFS: "No buffer space available",
    errno.EISCONN: "Transport endpoint is already connected",
    errno.ENOTCONN: "Transport endpoint is not connected",
    errno.ETIMEDOUT: "Connection timed out",
    errno.ECONNREFUSED: "Connection refused",
    errno.EHOSTUNREACH: "No route to host",
    errno.EALREADY: "Operation already in progress",
    errno.EINPROGRESS: "Operation now in progress",
}


def os_error(number: int) -> OSError:
    """Return the OSError of a failed call, as the interpreter makes it from errno."""
    return OSError(number, _TEXT.get(number, f"Unknown error {number}"))


def path_too_long() -> OSError:
    """Return what the interpreter itself raises for a name that is longer than sockaddr_un."""
    return without_number("AF_UNIX path too long")


def without_number(text: str) -> OSError:
    """Return what the interpreter raises where no call has told an errno."""
    return OSError(text)
