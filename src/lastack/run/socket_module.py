"""The modules `_socket` and `socket` in a simulated program.

`socket.py` of the interpreter is executed once more over the simulated `_socket`, and its class is
taken from there: makefile, accept, dup, sendfile and the context manager are the interpreter's own.
Its functions (create_connection, create_server, getfqdn, ...) need no second execution: they look
up the names that are replaced here.
"""

from __future__ import annotations

import _socket as real
import errno
import importlib.util
import socket as public
import sys
from collections.abc import Callable
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, Final

from lastack.sockets import (
    PairEnd,
    UnixDatagram,
    datagram_pair,
    os_error,
    socketpair,
    without_number,
)

from . import arguments, names
from .baton import here
from .process import FIRST_DESCRIPTOR
from .seams import Registry
from .socket_base import AF_UNIX, SOCK_CLOEXEC, SOCK_NONBLOCK, close_descriptor
from .socket_data import names as known_names
from .sockets import Socket
from .two_worlds import building, stands_for

_SHARED: Final = (
    "AddressFamily",
    "SocketKind",
    "MsgFlag",
    "AddressInfo",
    "SocketIO",
    "_GiveupOnSendfile",
)


def getaddrinfo(
    host: str | bytes | bytearray | None, port: str | bytes | int | None,
    family: int = 0, type: int = 0, proto: int = 0, flags: int = 0,
) -> list[names.Info]:  # fmt: skip
    """`_socket.getaddrinfo`."""
    if host is not None and not isinstance(host, str | bytes | bytearray):
        raise TypeError("getaddrinfo() argument 1 must be string or None")
    if port is not None and not isinstance(port, str | bytes | int):
        raise TypeError("Int or String expected")
    return known_names().infos(host, port, family, type, proto, flags)


def getnameinfo(sockaddr: tuple[object, ...], flags: int, /) -> tuple[str, str]:
    """`_socket.getnameinfo`."""
    return known_names().name_info(sockaddr, arguments.c_int(flags))


def gethostname() -> str:
    """`_socket.gethostname`: the name that the world gave the host."""
    return known_names().own


def gethostbyname(name: str | bytes | bytearray, /) -> str:
    """`_socket.gethostbyname`."""
    return known_names().bind_address(_host_text("gethostbyname", name))


def gethostbyname_ex(name: str | bytes | bytearray, /) -> tuple[str, list[str], list[str]]:
    """`_socket.gethostbyname_ex`."""
    return known_names().by_name(_host_text("gethostbyname_ex", name))


def gethostbyaddr(name: str | bytes | bytearray, /) -> tuple[str, list[str], list[str]]:
    """`_socket.gethostbyaddr`."""
    return known_names().by_address(_host_text("gethostbyaddr", name))


def _host_text(call: str, name: object) -> str | bytes | bytearray:
    if not isinstance(name, str | bytes | bytearray):
        raise TypeError(
            f"{call}() argument 1 must be str, bytes or bytearray, not {type(name).__name__}"
        )
    return name


def getservbyname(name: str, protocol: str = "", /) -> int:
    """`_socket.getservbyname`."""
    port = names.service_port(name, protocol)
    if port is None:
        raise without_number("service/proto not found")
    return port


def getservbyport(port: int, protocol: str = "", /) -> str:
    """`_socket.getservbyport`."""
    if not 0 <= port <= 0xFFFF:
        raise OverflowError("getservbyport: port must be 0-65535.")
    name = names.service_name(port, protocol)
    if name is None:
        raise without_number("port/proto not found")
    return name


def sethostname(name: object, /) -> None:
    """`_socket.sethostname`: nobody is root here."""
    raise os_error(errno.EPERM)


def if_nameindex() -> list[tuple[int, str]]:
    """`_socket.if_nameindex`: loopback, and one interface to all other hosts."""
    return list(names.INTERFACES)


def if_nametoindex(name: str, /) -> int:
    """`_socket.if_nametoindex`."""
    if not isinstance(name, str):
        raise TypeError(f"argument 1 must be str, not {type(name).__name__}")
    for index, known in names.INTERFACES:
        if known == name:
            return index
    raise without_number("no interface with this name")


def if_indextoname(index: int, /) -> str:
    """`_socket.if_indextoname`."""
    index = arguments.c_int(index)
    for known, name in names.INTERFACES:
        if known == index:
            return name
    raise os_error(errno.ENXIO)


def getdefaulttimeout() -> float | None:
    """`_socket.getdefaulttimeout`, of this program."""
    return here().process.default_timeout


def setdefaulttimeout(timeout: object, /) -> None:
    """`_socket.setdefaulttimeout`, of this program."""
    here().process.default_timeout = arguments.shown_timeout(arguments.timeout_ns(timeout))


def make_pair(
    family: int | None = None, type: int = real.SOCK_STREAM, proto: int = 0, /
) -> tuple[Socket, Socket]:
    """`_socket.socketpair`: AF_UNIX, SOCK_STREAM or SOCK_DGRAM."""
    family = AF_UNIX if family is None else arguments.c_int(family)
    if family != AF_UNIX:
        raise os_error(errno.EOPNOTSUPP if family == real.AF_INET else errno.EAFNOSUPPORT)
    kind = arguments.c_int(type)
    wake, plain = here().world.waiters.wake, kind & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)
    ends: tuple[PairEnd | UnixDatagram, ...]
    if plain == real.SOCK_STREAM:
        ends = socketpair(wake)
    elif plain == real.SOCK_DGRAM:
        ends = datagram_pair(wake)
    else:
        raise os_error(errno.ESOCKTNOSUPPORT)
    a, b = (_object(end, kind, proto) for end in ends)
    return a, b


def _object(end: PairEnd | UnixDatagram, kind: int, proto: int) -> Socket:
    sock = Socket(AF_UNIX, kind & ~(SOCK_NONBLOCK | SOCK_CLOEXEC), proto, here().process.add(end))
    if kind & SOCK_NONBLOCK:
        sock.setblocking(False)
    return sock


def dup(fd: int, /) -> int:
    """`_socket.dup`."""
    process = here().process
    file = process.descriptors.get(arguments.c_int(fd))
    if file is None:
        raise os_error(errno.EBADF)
    return process.add(file)


def close(fd: int, /) -> None:
    """`_socket.close`; ECONNRESET is not told, as by the interpreter."""
    fd = arguments.c_int(fd)
    if fd < FIRST_DESCRIPTOR:
        raise os_error(errno.EBADF)
    try:
        close_descriptor(fd)
    except OSError as error:
        if error.errno != errno.ECONNRESET:
            raise


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "getaddrinfo": getaddrinfo, "getnameinfo": getnameinfo, "gethostname": gethostname,
    "gethostbyname": gethostbyname, "gethostbyname_ex": gethostbyname_ex,
    "gethostbyaddr": gethostbyaddr, "getservbyname": getservbyname,
    "getservbyport": getservbyport, "sethostname": sethostname, "if_nameindex": if_nameindex,
    "if_nametoindex": if_nametoindex, "if_indextoname": if_indextoname,
    "getdefaulttimeout": getdefaulttimeout, "setdefaulttimeout": setdefaulttimeout,
    "socketpair": make_pair, "dup": dup, "close": close,
}  # fmt: skip


def simulated_class() -> type:
    """Return `socket.socket` for simulated programs: socket.py's class over `Socket`."""
    below = ModuleType("_socket")
    vars(below).update({k: v for k, v in vars(real).items() if not k.startswith("__")})
    vars(below).update(FUNCTIONS, socket=Socket, SocketType=Socket)
    again = execute_again("socket", {"_socket": below})
    # Programs compare these and share them over both worlds.
    for name, value in vars(public).items():
        if name in _SHARED or (name.isupper() and name in vars(again)):
            setattr(again, name, value)
    found: type = again.socket
    stands_for(found, public.socket)
    return found


def execute_again(name: str, foundations: dict[str, ModuleType]) -> Any:
    """Execute a module of the library once more, on other foundations; sys.modules stays."""
    spec = importlib.util.find_spec(name)
    assert spec is not None, name
    assert spec.loader is not None, name
    module = importlib.util.module_from_spec(spec)
    replaced = {**foundations, name: module}
    saved = {key: sys.modules[key] for key in replaced}
    sys.modules.update(replaced)
    try:
        with building():
            spec.loader.exec_module(module)
    finally:
        sys.modules.update(saved)
    return module


def _mend_super(cls: type) -> None:
    """Let `super()` in the methods of the real class find that class again.

    They refer to it through a closure, and closures that refer to it are rewritten.
    """
    for value in vars(cls).values():
        function = value.fget if isinstance(value, property) else value
        if isinstance(function, FunctionType) and function.__closure__:
            for name, cell in zip(function.__code__.co_freevars, function.__closure__, strict=True):
                if name == "__class__":
                    cell.cell_contents = cls


def register(registry: Registry) -> None:
    """Name what stands in for what."""
    found, above = simulated_class(), public.socket
    for name, sim in FUNCTIONS.items():
        registry.function("_socket", name, sim)
    below: type = registry.real("_socket", "socket")
    registry.seam("_socket", "socket", Socket)
    stands_for(Socket, below)  # after the subclass: made before, it would be the real one
    registry.seam("socket", "socket", found)
    registry.after(partial(_mend_super, above))  # no closure: that would be rewritten, too
