"""The resolver of a simulated host: it knows the hosts of its world and nothing else.

Answers and errors have the shape that getaddrinfo(3) and getnameinfo(3) of the GNU C library
give. Each host has an IPv4 and an IPv6 address. IPv4 comes first, as under a gai.conf(5) with
"precedence ::ffff:0:0/96 100", so that a client finds a server on 0.0.0.0 at once; a world may say
otherwise (RFC 6724 has IPv6 first). Services come from a small table, not from the machine's
/etc/services, so that every machine gives the same answer.
"""

from __future__ import annotations

import _socket as real
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NoReturn

Found = tuple[int, str, int]
"""Family, numeric address, scope id."""
Info = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]

_SERVICES: Final[Mapping[str, tuple[int, str]]] = {
    "echo": (7, "tcp udp"), "discard": (9, "tcp udp"), "daytime": (13, "tcp"),
    "ftp-data": (20, "tcp"), "ftp": (21, "tcp"), "ssh": (22, "tcp"), "telnet": (23, "tcp"),
    "smtp": (25, "tcp"), "time": (37, "tcp udp"), "domain": (53, "tcp udp"),
    "http": (80, "tcp"), "pop3": (110, "tcp"), "ntp": (123, "udp"), "imap2": (143, "tcp"),
    "https": (443, "tcp udp"), "submission": (587, "tcp"), "imaps": (993, "tcp"),
    "pop3s": (995, "tcp"), "mysql": (3306, "tcp"), "postgresql": (5432, "tcp"),
    "http-alt": (8080, "tcp udp"),
}  # fmt: skip
_ALIASES: Final = {"www": "http", "mail": "smtp", "imap": "imap2", "webcache": "http-alt"}
_KINDS: Final = (
    (real.SOCK_STREAM, real.IPPROTO_TCP, "tcp"),
    (real.SOCK_DGRAM, real.IPPROTO_UDP, "udp"),
    (real.SOCK_RAW, 0, ""),
)
_KNOWN_FLAGS: Final = (
    real.AI_PASSIVE | real.AI_CANONNAME | real.AI_NUMERICHOST | real.AI_NUMERICSERV
    | real.AI_ADDRCONFIG | real.AI_V4MAPPED | real.AI_ALL
)  # fmt: skip
_KNOWN_NAME_FLAGS: Final = (
    real.NI_NUMERICHOST | real.NI_NUMERICSERV | real.NI_NOFQDN | real.NI_NAMEREQD | real.NI_DGRAM
)
_TEXT: Final = {
    real.EAI_BADFLAGS: "Bad value for ai_flags",
    real.EAI_NONAME: "Name or service not known",
    real.EAI_FAMILY: "ai_family not supported",
    real.EAI_SOCKTYPE: "ai_socktype not supported",
    real.EAI_SERVICE: "Servname not supported for ai_socktype",
    real.EAI_ADDRFAMILY: "Address family for hostname not supported",
}
_HOST_NOT_FOUND: Final = 1
_DIGITS: Final = frozenset("0123456789abcdefABCDEFxX.")
"""Of the numbers that inet_aton(3) reads, and the dots between them."""
LARGEST_FLOWINFO: Final = 0xF_FFFF
"""A flow label of IPv6 has twenty bits (RFC 8200 section 6)."""
_WILDCARD: Final = {int(real.AF_INET): "0.0.0.0", int(real.AF_INET6): "::"}
_LOOPBACK: Final = {int(real.AF_INET): "127.0.0.1", int(real.AF_INET6): "::1"}
INTERFACES: Final = ((1, "lo"), (2, "eth0"))
"""What there is on every host, index and name: loopback, and one to all other hosts."""


def _fail(number: int) -> NoReturn:
    raise real.gaierror(number, _TEXT[number])


def service_port(name: str, protocol: str = "") -> int | None:
    """Return the port of a service, None if the table has none for that protocol ("" = any)."""
    port, protocols = _SERVICES.get(_ALIASES.get(name, name), (None, ""))
    return port if not protocol or protocol in protocols.split() else None


def service_name(port: int, protocol: str = "") -> str | None:
    """Return the name of the service at a port, None if the table has none."""
    for name, (number, protocols) in _SERVICES.items():
        if number == port and (not protocol or protocol in protocols.split()):
            return name
    return None


def name_text(name: str | bytes | bytearray) -> str:
    """Return a host name as text; as in the interpreter, str is encoded with IDNA first."""
    if not isinstance(name, str):
        return bytes(name).decode("latin-1")
    return name if name.isascii() else name.encode("idna").decode("ascii")


@lru_cache
def _order_of(families: str) -> tuple[int, ...]:
    return tuple(real.AF_INET if one == "4" else real.AF_INET6 for one in families)


def _numeric4(text: str) -> str | None:
    """Return a numeric IPv4 address in dotted form; the short forms of inet_aton(3) count."""
    if not text or not _DIGITS.issuperset(text):
        return None
    try:
        return real.inet_ntoa(real.inet_aton(text))
    except OSError:
        return None


def _numeric6(text: str) -> str | None:
    try:
        return real.inet_ntop(real.AF_INET6, real.inet_pton(real.AF_INET6, text))
    except (OSError, ValueError):
        return None


def _literal6(text: str) -> tuple[str, int] | None:
    """Return the address and the scope id of "fe80::1%eth0"; None if it is no IPv6 address."""
    plain, percent, zone = text.partition("%")
    address = _numeric6(plain)
    if address is None or not percent:
        return None if address is None else (address, 0)
    if zone.isascii() and zone.isdigit():
        return address, int(zone)
    named = address.startswith(("fe8", "ff02"))
    index = next((index for index, name in INTERFACES if name == zone), 0)
    return (address, index) if named and index else None


@dataclass(frozen=True)
class Names:
    """What one host knows: its own name, and the numeric addresses of each host by name.

    `families` are those of the addresses that names have, in the order of an answer.
    """

    own: str
    hosts: Mapping[str, str]
    hosts6: Mapping[str, str] = field(default_factory=dict)
    families: str = "46"

    def address(self, name: str, family: int = real.AF_INET) -> str | None:
        """Return the numeric address of a name or a numeric text, None if there is none."""
        plain = name.rstrip(".").lower()
        if family in self._order(real.AF_UNSPEC):
            if plain in ("localhost", "localhost.localdomain"):
                return _LOOPBACK[family]
            for host, address in (self.hosts if family == real.AF_INET else self.hosts6).items():
                if host.lower() == plain:
                    return address
        return _numeric4(name) if family == real.AF_INET else _numeric6(name)

    def bind_address(self, name: str | bytes | bytearray, family: int = real.AF_INET) -> str:
        """Return the address that bind() and connect() mean: "" is the wildcard."""
        text = name_text(name)
        if text == "":
            return _WILDCARD[family]
        if text == "<broadcast>":
            if family != real.AF_INET:
                _fail(real.EAI_ADDRFAMILY)
            return "255.255.255.255"
        if family == real.AF_INET:
            address = self.address(text)
            if address is None:
                _fail(real.EAI_ADDRFAMILY if self._is_ipv6(text) else real.EAI_NONAME)
            return address
        return self._find(text, family, 0)[0][1]

    def _is_ipv6(self, text: str) -> bool:
        return _numeric6(text) is not None or self.address(text, real.AF_INET6) is not None

    def name_of(self, address: str) -> str | None:
        """Return the name of the host that has a numeric address, None if nobody has it."""
        if address.startswith("127.") or address == "::1":
            return "localhost"
        hosts = self.hosts6 if ":" in address else self.hosts
        return next((name for name, known in hosts.items() if known == address), None)

    def infos(
        self, host: str | bytes | bytearray | None, port: str | bytes | int | None,
        family: int, kind: int, proto: int, flags: int,
    ) -> list[Info]:  # fmt: skip
        """Answer getaddrinfo(); raise gaierror, TypeError and OSError as the interpreter does."""
        if flags & ~_KNOWN_FLAGS:
            _fail(real.EAI_BADFLAGS)
        if family not in (real.AF_UNSPEC, real.AF_INET, real.AF_INET6):
            _fail(real.EAI_FAMILY)
        if host is None and port is None:
            _fail(real.EAI_NONAME)
        kinds = [
            (a_kind, a_proto, protocol)
            for a_kind, a_proto, protocol in _KINDS
            if kind in (0, a_kind) and (proto in (0, a_proto) or a_kind == real.SOCK_RAW)
        ]
        if not kinds:
            _fail(real.EAI_SOCKTYPE)
        if kind or proto:
            del kinds[1:]
        ports = _ports(port, kinds, numeric=bool(flags & real.AI_NUMERICSERV))
        found = self._nobody(family, flags) if host is None else self._find(host, family, flags)
        canonical = ""
        if flags & real.AI_CANONNAME and host is not None:
            canonical = self._canonical(name_text(host), found[0][1])
        answers: list[Info] = []
        for a_family, address, scope in found:
            for (a_kind, a_proto, _), number in ports:
                end = (address, number)
                answers.append(
                    (a_family, a_kind, a_proto or proto, "" if answers else canonical,
                     end if a_family == real.AF_INET else (*end, 0, scope))
                )  # fmt: skip
        return answers

    def _nobody(self, family: int, flags: int) -> list[Found]:
        """Return what stands for no name: the wildcards for a server, else the host itself."""
        passive = bool(flags & real.AI_PASSIVE)
        answers = _WILDCARD if passive else _LOOPBACK
        # both, whatever families names have; and IPv4 is the first of the wildcards, whatever the
        # C library prefers elsewhere
        first = self._order(real.AF_UNSPEC)[0]
        order = sorted(answers, key=lambda one: not passive and one != first)
        return [(one, answers[one], 0) for one in order if family in (one, real.AF_UNSPEC)]

    def _order(self, family: int) -> tuple[int, ...]:
        if family != real.AF_UNSPEC:
            return (family,)
        return _order_of(self.families)

    def _find(self, host: str | bytes | bytearray, family: int, flags: int) -> list[Found]:
        """Return (family, numeric address, scope id) of a host, each that is asked for."""
        text = name_text(host)
        literal = _literal6(text)
        if literal is not None:
            if family == real.AF_INET:
                _fail(real.EAI_ADDRFAMILY)
            return [(real.AF_INET6, *literal)]
        only4 = _numeric4(text)
        if only4 is not None:
            if family != real.AF_INET6:
                return [(real.AF_INET, only4, 0)]
            if flags & real.AI_V4MAPPED:
                return [(real.AF_INET6, f"::ffff:{only4}", 0)]
            _fail(real.EAI_ADDRFAMILY)
        if flags & real.AI_NUMERICHOST:
            _fail(real.EAI_NONAME)
        known = {one: self.address(text, one) for one in (real.AF_INET, real.AF_INET6)}
        found = [
            (one, address, 0) for one in self._order(family) if (address := known[one]) is not None
        ]
        if family == real.AF_INET6 and flags & real.AI_V4MAPPED and known[real.AF_INET]:
            if not found or flags & real.AI_ALL:
                found.append((real.AF_INET6, f"::ffff:{known[real.AF_INET]}", 0))
        if not found:
            _fail(real.EAI_ADDRFAMILY if any(known.values()) else real.EAI_NONAME)
        return found

    def _canonical(self, text: str, address: str) -> str:
        numeric = _numeric4(text) or _literal6(text)
        return text if numeric else self.name_of(address) or text

    def by_name(self, name: str | bytes | bytearray) -> tuple[str, list[str], list[str]]:
        """Answer gethostbyname_ex(): canonical name, aliases, addresses; of IPv4 alone."""
        address = self.bind_address(name)
        return self._canonical(name_text(name), address), [], [address]

    def by_address(self, name: str | bytes | bytearray) -> tuple[str, list[str], list[str]]:
        """Answer gethostbyaddr() for an address or a name; herror if no host has the address."""
        address = _numeric6(name_text(name)) or self.bind_address(name)
        known = self.name_of(address)
        if known is None:
            raise real.herror(_HOST_NOT_FOUND, "Unknown host")
        return known, [], [address]

    def name_info(self, sockaddr: tuple[object, ...], flags: int) -> tuple[str, str]:
        """Answer getnameinfo(): name or numeric address, service or port."""
        if not isinstance(sockaddr, tuple):
            raise TypeError("getnameinfo() argument 1 must be a tuple")
        if not 2 <= len(sockaddr) <= 4:
            raise TypeError("getnameinfo(): illegal sockaddr argument")
        if flags & ~_KNOWN_NAME_FLAGS:
            _fail(real.EAI_BADFLAGS)
        host, port, *rest = sockaddr
        if not isinstance(host, str) or not isinstance(port, int):
            raise TypeError("getnameinfo(): illegal sockaddr argument")
        if rest and isinstance(rest[0], int) and rest[0] & 0xFFFF_FFFF > LARGEST_FLOWINFO:
            raise OverflowError("getnameinfo(): flowinfo must be 0-1048575.")
        address = _numeric4(host)
        if address is None:
            literal = _literal6(host)
            if literal is None:
                _fail(real.EAI_NONAME)
            scope = rest[1] if len(rest) == 2 and isinstance(rest[1], int) else 0
            address = literal[0] + (f"%{_interface(scope)}" if scope else "")
        name = None if flags & real.NI_NUMERICHOST else self.name_of(address)
        if name is None and flags & real.NI_NAMEREQD:
            _fail(real.EAI_NONAME)
        protocol = "udp" if flags & real.NI_DGRAM else "tcp"
        port &= 0xFFFF
        service = None if flags & real.NI_NUMERICSERV else service_name(port, protocol)
        return name or address, service or str(port)


def _interface(scope: int) -> str:
    return next((name for index, name in INTERFACES if index == scope), str(scope))


def _ports(
    port: str | bytes | int | None, kinds: list[tuple[int, int, str]], *, numeric: bool
) -> list[tuple[tuple[int, int, str], int]]:
    """Pair each kind of socket with the port number, and leave out kinds without one."""
    if isinstance(port, bytes):
        port = port.decode("latin-1")
    if isinstance(port, str):
        port.encode()  # UnicodeEncodeError for half a surrogate pair
    if port is None or port == "":
        port = 0
    if isinstance(port, str) and port.isascii() and port.isdigit():
        port = int(port)
    if isinstance(port, int):
        if port < 0:
            _fail(real.EAI_SERVICE)
        return [(kind, port & 0xFFFF) for kind in kinds]
    if numeric:
        _fail(real.EAI_NONAME)
    pairs = [(kind, service_port(port, kind[2])) for kind in kinds if kind[2]]
    found = [(kind, number) for kind, number in pairs if number is not None]
    if not found:
        _fail(real.EAI_SERVICE)
    return found
