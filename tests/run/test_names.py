"""The resolver of a simulated host."""

import socket
from dataclasses import replace

import pytest

from lastack.run.names import Names, service_name, service_port

NAMES = Names(
    "a", {"a": "10.0.0.1", "b": "10.0.0.2"}, {"a": "fd00::1", "b": "fd00::2"}, families="46"
)
STREAM = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
STREAM6 = (socket.AF_INET6, socket.SOCK_STREAM, 6, "")


BOTH = [("10.0.0.2", 80), ("fd00::2", 80, 0, 0)]


def infos(
    host: str | bytes | None, port: str | int | None, family: int = 0, kind: int = 0, flags: int = 0
) -> list[tuple[object, ...]]:
    return [*NAMES.infos(host, port, family, kind, 0, flags)]


def ends(host: str | None, families: str = "46", **more: int) -> list[object]:
    """The addresses of the answers about streams to port 80."""
    names = replace(NAMES, families=families)
    options = {"family": 0, "flags": 0, **more}
    return [one[4] for one in names.infos(host, 80, kind=socket.SOCK_STREAM, proto=0, **options)]


def fails(number: int, host: str | bytes | None, port: str | int | None, **more: int) -> None:
    with pytest.raises(socket.gaierror) as caught:
        infos(host, port, **more)
    assert caught.value.errno == number


def test_a_host_of_the_world_is_found_in_every_spelling() -> None:
    for name in ("b", "B", "b.", b"b"):
        assert [info[4] for info in infos(name, 80, kind=socket.SOCK_STREAM)] == BOTH
    assert infos("b", 80, socket.AF_INET6, socket.SOCK_STREAM) == [(*STREAM6, BOTH[1])]


def test_without_a_kind_there_is_one_answer_for_each() -> None:
    assert [(info[0], info[1], info[2]) for info in infos("b", 80)] == [
        (family, kind, protocol)
        for family in (socket.AF_INET, socket.AF_INET6)
        for kind, protocol in (
            (socket.SOCK_STREAM, socket.IPPROTO_TCP), (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
            (socket.SOCK_RAW, 0),
        )
    ]  # fmt: skip


def test_the_families_and_their_order_are_the_worlds() -> None:
    assert ends("b") == BOTH
    assert ends("b", "64") == BOTH[::-1]
    assert ends("b", "6") == ends("b", family=socket.AF_INET6) == BOTH[1:]
    assert ends("b", "4") == ends("b", family=socket.AF_INET) == BOTH[:1]
    assert ends("localhost", "64") == ends(None, "64") == [("::1", 80, 0, 0), ("127.0.0.1", 80)]
    # IPv4 is the first of the wildcards all the same, as the GNU C library has it
    any4, any6 = ("0.0.0.0", 80), ("::", 80, 0, 0)
    assert ends(None, "64", flags=socket.AI_PASSIVE) == [any4, any6]
    assert ends("10.0.0.2", "6") == BOTH[:1]  # a number is no name
    # nor is no name at all: a host has both families, whatever names have
    assert ends(None, "4") == [("127.0.0.1", 80), ("::1", 80, 0, 0)]
    assert ends(None, "6", flags=socket.AI_PASSIVE) == [any4, any6]
    assert ends(None, "4", family=socket.AF_INET6) == [("::1", 80, 0, 0)]


def test_an_ipv4_address_for_ipv6_sockets() -> None:
    mapped, inet6 = ("::ffff:10.0.0.2", 80, 0, 0), socket.AF_INET6
    assert ends("10.0.0.2", family=inet6, flags=socket.AI_V4MAPPED) == [mapped]
    assert ends("b", family=inet6, flags=socket.AI_V4MAPPED) == BOTH[1:]
    assert ends("b", "4", family=inet6, flags=socket.AI_V4MAPPED) == [mapped]
    both = socket.AI_V4MAPPED | socket.AI_ALL
    assert ends("b", family=inet6, flags=both) == [BOTH[1], mapped]


def test_an_interface_behind_a_link_local_address() -> None:
    assert ends("fe80::1%eth0") == ends("fe80::1%2") == [("fe80::1", 80, 0, 2)]
    fails(socket.EAI_NONAME, "fe80::1%wlan0", 80)
    fails(socket.EAI_NONAME, "::1%lo", 80)
    numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
    assert NAMES.name_info(("fe80::1", 80, 0, 1), numeric) == ("fe80::1%lo", "80")
    with pytest.raises(OverflowError, match="flowinfo must be 0-1048575"):
        NAMES.name_info(("::1", 80, 1 << 20, 0), numeric)


@pytest.mark.parametrize(
    ("host", "flags", "address"),
    [
        (None, socket.AI_PASSIVE, "0.0.0.0"),
        (None, 0, "127.0.0.1"),
        ("localhost", 0, "127.0.0.1"),
        ("10.9.8.7", 0, "10.9.8.7"),
        ("10.1", 0, "10.0.0.1"),
        ("a", 0, "10.0.0.1"),
    ],
)
def test_addresses(host: str | None, flags: int, address: str) -> None:
    first = infos(host, 1, kind=socket.SOCK_STREAM, flags=flags)[0]
    assert first == (*STREAM, (address, 1))


def test_an_ipv6_address_is_an_address_though_nobody_has_it() -> None:
    assert infos("::1", 80, kind=socket.SOCK_STREAM) == [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 80, 0, 0))
    ]


def test_services() -> None:
    inet = socket.AF_INET
    assert infos("b", "https", inet, socket.SOCK_STREAM) == [(*STREAM, ("10.0.0.2", 443))]
    assert infos("b", "http", inet) == [(*STREAM, ("10.0.0.2", 80))]
    assert infos("b", "8000", inet, socket.SOCK_STREAM) == [(*STREAM, ("10.0.0.2", 8000))]
    assert service_port("domain", "udp") == 53
    assert service_port("ssh", "udp") is None
    assert service_name(25) == "smtp"


def test_what_the_world_does_not_have() -> None:
    fails(socket.EAI_NONAME, "example.org", 80)
    fails(socket.EAI_NONAME, "", 80)
    fails(socket.EAI_NONAME, "no such host", 80)
    fails(socket.EAI_NONAME, None, None)
    fails(socket.EAI_NONAME, "b", 80, flags=socket.AI_NUMERICHOST)
    fails(socket.EAI_NONAME, "b", "http", flags=socket.AI_NUMERICSERV)
    fails(socket.EAI_ADDRFAMILY, "10.0.0.2", 80, family=socket.AF_INET6)
    with pytest.raises(socket.gaierror) as caught:
        ends("b", "4", family=socket.AF_INET6)
    assert caught.value.errno == socket.EAI_ADDRFAMILY
    fails(socket.EAI_ADDRFAMILY, "::1", 80, family=socket.AF_INET)
    fails(socket.EAI_FAMILY, "b", 80, family=99)
    fails(socket.EAI_SOCKTYPE, "b", 80, kind=99)
    fails(socket.EAI_SERVICE, "b", "no such service")
    fails(socket.EAI_SERVICE, "b", -1)
    fails(socket.EAI_BADFLAGS, "b", 80, flags=1 << 20)


def test_the_canonical_name_is_in_the_first_answer_only() -> None:
    assert [info[3] for info in infos("B", 80, flags=socket.AI_CANONNAME)] == ["b", *[""] * 5]


def test_the_address_of_bind_and_connect() -> None:
    assert NAMES.bind_address("") == "0.0.0.0"
    assert NAMES.bind_address("<broadcast>") == "255.255.255.255"
    assert NAMES.bind_address(bytearray(b"b")) == "10.0.0.2"
    with pytest.raises(socket.gaierror):
        NAMES.bind_address("c")


def test_names_of_addresses() -> None:
    assert NAMES.by_address("10.0.0.2") == ("b", [], ["10.0.0.2"])
    assert NAMES.by_name("b") == ("b", [], ["10.0.0.2"])
    assert NAMES.by_address("fd00::2") == ("b", [], ["fd00::2"])
    assert NAMES.name_info(("fd00::2", 80, 0, 0), 0) == ("b", "http")
    assert NAMES.bind_address("b", socket.AF_INET6) == "fd00::2"
    assert NAMES.bind_address("", socket.AF_INET6) == "::"
    assert NAMES.name_info(("10.0.0.2", 80), 0) == ("b", "http")
    assert NAMES.name_info(("10.0.0.2", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV) == (
        "10.0.0.2",
        "80",
    )
    assert NAMES.name_info(("10.0.0.77", 4000), 0) == ("10.0.0.77", "4000")
    with pytest.raises(socket.herror):
        NAMES.by_address("10.0.0.77")
    with pytest.raises(socket.gaierror):
        NAMES.name_info(("10.0.0.77", 1), socket.NI_NAMEREQD)


def test_a_flow_label_has_twenty_bits() -> None:
    assert NAMES.name_info(("::1", 80, 0xFFFFF), socket.NI_NUMERICHOST)[0] == "::1"
    for flowinfo in (0x100000, -10):
        with pytest.raises(OverflowError, match="flowinfo must be 0-1048575"):
            NAMES.name_info(("::1", 80, flowinfo), 0)
