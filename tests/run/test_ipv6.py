"""IPv6 and dual stack as programs see them (docs/kernel-notes/dual-stack.md)."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from lastack.run import World
from tests.run.in_world import Program, alone, well

INET6 = socket.AF_INET6
V6ONLY = (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)


def fails(number: int, call: Callable[..., object], *arguments: object) -> None:
    with pytest.raises(OSError) as caught:
        call(*arguments)
    assert caught.value.errno == number, caught.value


def greeter(address: str, count: int, seen: list[object], **options: bool) -> Program:
    """A server on an AF_INET6 socket that notes its clients' addresses and greets them."""

    def server() -> None:
        with socket.create_server((address, 80), family=INET6, **options) as listener:
            for _ in range(count):
                conn, peer = listener.accept()
                with conn:
                    assert conn.family == INET6
                    assert conn.getpeername() == peer
                    seen.append((peer[0], conn.getsockname()))
                    conn.sendall(b"hello")

    return server


def greeted(address: tuple[object, ...], family: int) -> tuple[object, object]:
    """Connect, read the greeting; return both addresses of the socket."""
    with socket.socket(family) as sock:
        sock.connect(address)
        assert sock.recv(10) == b"hello"
        return sock.getsockname()[0], sock.getpeername()


@pytest.mark.parametrize("wire", [False, True])
def test_one_server_for_both_families(wire: bool) -> None:
    seen: list[object] = []

    def client() -> None:
        four = greeted(("10.0.0.1", 80), socket.AF_INET)
        assert four == ("10.0.0.2", ("10.0.0.1", 80))
        six = greeted(("fd00::1", 80), INET6)
        assert six == ("fd00::2", ("fd00::1", 80, 0, 0))
        mapped = greeted(("::ffff:10.0.0.1", 80), INET6)
        assert mapped == ("::ffff:10.0.0.2", ("::ffff:10.0.0.1", 80, 0, 0))

    server = greeter("::", 3, seen, dualstack_ipv6=True)
    well(("server", server), ("client", client), wire=wire)
    assert seen == [
        ("::ffff:10.0.0.2", ("::ffff:10.0.0.1", 80, 0, 0)),
        ("fd00::2", ("fd00::1", 80, 0, 0)),
        ("::ffff:10.0.0.2", ("::ffff:10.0.0.1", 80, 0, 0)),
    ]


def test_a_server_for_ipv6_alone_refuses_ipv4() -> None:
    seen: list[object] = []

    def client() -> None:
        with socket.socket() as sock:
            fails(errno.ECONNREFUSED, sock.connect, ("10.0.0.1", 80))
        greeted(("server", 80), INET6)  # a name has an address of each family
        with socket.create_connection(("server", 80)) as sock:  # tries one after the other
            assert sock.family == INET6
            assert sock.recv(10) == b"hello"

    well(("server", greeter("", 2, seen)), ("client", client))
    assert [peer for peer, _ in seen] == ["fd00::2", "fd00::2"]


def test_loopback() -> None:
    def program() -> None:
        with socket.create_server(("::1", 80), family=INET6) as listener:
            with socket.create_connection(("::1", 80)) as sock:
                conn, peer = listener.accept()
                with conn:
                    assert peer[0] == "::1"
                    assert conn.getsockname() == ("::1", 80, 0, 0)
                    sock.sendall(b"x" * 100_000)
                    assert len(conn.recv(100_000, socket.MSG_WAITALL)) == 100_000
                    # the MTU of lo, without the headers of IPv6 and TCP
                    assert sock.getsockopt(socket.IPPROTO_IPV6, 24) == 65536
            with socket.socket() as sock:
                fails(errno.ECONNREFUSED, sock.connect, ("127.0.0.1", 80))

    alone(program)


def test_the_wildcard_means_this_host() -> None:
    def program() -> None:
        with socket.create_server(("::", 80), family=INET6, dualstack_ipv6=True) as listener:
            for address in ("::", "::ffff:0.0.0.0"):
                with socket.socket(INET6) as sock:
                    sock.connect((address, 80))
                    loopback = "::1" if address == "::" else "::ffff:127.0.0.1"
                    assert sock.getsockname()[0] == sock.getpeername()[0] == loopback
                    listener.accept()[0].close()

    alone(program)


def test_addresses_of_the_wrong_kind() -> None:
    def program() -> None:
        def fresh(v6only: int = 0, kind: int = socket.SOCK_STREAM) -> socket.socket:
            sock = socket.socket(INET6, kind)
            sock.setsockopt(*V6ONLY, v6only)
            return sock

        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            fails(errno.EINVAL, fresh(1, kind).bind, ("::ffff:127.0.0.1", 0))
            fails(errno.ENETUNREACH, fresh(1, kind).connect, ("::ffff:127.0.0.1", 9))
            fails(errno.EINVAL, fresh(0, kind).bind, ("fe80::1", 0))
            fails(errno.EADDRNOTAVAIL, fresh(0, kind).bind, ("fe80::1", 0, 0, 1))
            fails(errno.ENODEV, fresh(0, kind).bind, ("fe80::1", 0, 0, 99))
            fails(errno.EINVAL, fresh(0, kind).connect, ("fe80::1", 9))
            fails(errno.ENETUNREACH, fresh(0, kind).connect, ("fe80::1", 9, 0, 99))
            fails(errno.EADDRNOTAVAIL, fresh(0, kind).bind, ("2001:db8::1", 0))
            fails(errno.EADDRNOTAVAIL, fresh(0, kind).bind, ("::ffff:192.0.2.1", 0))
            fails(errno.EINVAL, fresh(0, kind).bind, ("ff02::1", 0))
            six, four = fresh(0, kind), fresh(0, kind)
            six.bind(("::1", 0))
            fails(errno.ENETUNREACH, six.connect, ("::ffff:127.0.0.1", 9))
            four.bind(("::ffff:127.0.0.1", 0))
            assert four.getsockname()[0] == "::ffff:127.0.0.1"
            fails(errno.EAFNOSUPPORT, four.connect, ("::1", 9))
            fails(errno.EINVAL, six.setsockopt, *V6ONLY, 1)  # too late

    alone(program)


def test_options() -> None:
    def program() -> None:
        sock, old = socket.socket(INET6), socket.socket()
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN) == INET6
        assert sock.getsockname() == ("::", 0, 0, 0)
        assert sock.getsockopt(*V6ONLY) == 0
        sock.setsockopt(*V6ONLY, 7)
        assert sock.getsockopt(*V6ONLY) == 1
        fails(errno.EOPNOTSUPP, old.getsockopt, *V6ONLY)
        fails(errno.ENOPROTOOPT, old.setsockopt, *V6ONLY, 1)
        hops = (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)
        with socket.socket(INET6, socket.SOCK_DGRAM) as udp:
            for one in (udp, sock):
                assert one.getsockopt(*hops) == 64
                for value, told in ((1, 1), (255, 255), (-1, 64)):
                    one.setsockopt(*hops, value)
                    assert one.getsockopt(*hops) == told
                for value in (256, -2):
                    fails(errno.EINVAL, one.setsockopt, *hops, value)
        for one, level, mtu in ((sock, socket.IPPROTO_IPV6, 24), (old, socket.IPPROTO_IP, 14)):
            fails(errno.ENOTCONN, one.getsockopt, level, mtu)
            fails(errno.ENOPROTOOPT, one.setsockopt, level, mtu, 1300)
        again = socket.socket(fileno=sock.detach())
        assert (again.family, again.type) == (INET6, socket.SOCK_STREAM)
        again.close()

    alone(program)


@pytest.mark.parametrize(
    ("address", "error", "text"),
    [
        (["::1", 1], TypeError, r"bind\(\): AF_INET6 address must be tuple, not list"),
        (("::1",), TypeError, r"must be a tuple \(host, port\[, flowinfo\[, scopeid\]\]\)"),
        (("::1", 1, 0, 0, 0), TypeError, "AF_INET6 address must be a tuple"),
        (("::1", 70000), OverflowError, r"bind\(\): port must be 0-65535."),
        (("::1", 0, 1 << 20), OverflowError, r"bind\(\): flowinfo must be 0-1048575."),
        (("127.0.0.1", 0), socket.gaierror, "Address family for hostname not supported"),
    ],
)
def test_arguments(address: object, error: type[Exception], text: str) -> None:
    def program() -> None:
        with pytest.raises(error, match=text):
            socket.socket(INET6).bind(address)  # type: ignore[arg-type]  # that is the point

    alone(program)


def test_datagrams() -> None:
    seen: list[object] = []

    def server() -> None:
        with socket.socket(INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::", 53))
            for _ in range(4):
                text, peer = sock.recvfrom(70_000)
                seen.append((len(text), peer[0]))
                sock.sendto(b"ok", peer)

    def client() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as old:
            old.sendto(b"1", ("10.0.0.1", 53))
            assert old.recvfrom(9) == (b"ok", ("10.0.0.1", 53))
        with socket.socket(INET6, socket.SOCK_DGRAM) as sock:
            for size, address in ((2, "fd00::1"), (65_527, "fd00::1"), (65_507, "::ffff:10.0.0.1")):
                sock.sendto(bytes(size), (address, 53))
                assert sock.recvfrom(9) == (b"ok", (address, 53, 0, 0))
            assert sock.getsockname()[0] == "::"
            fails(errno.EMSGSIZE, sock.sendto, bytes(65_528), ("fd00::1", 53))
            fails(errno.EMSGSIZE, sock.sendto, bytes(65_508), ("::ffff:10.0.0.1", 53))
            sock.connect(("fd00::1", 54))
            assert sock.getsockname()[0] == "fd00::2"
            sock.send(b"nobody there")
            fails(errno.ECONNREFUSED, sock.recv, 9)  # told by ICMPv6

    well(("server", server), ("client", client), wire=True)
    four, six = "::ffff:10.0.0.2", "fd00::2"
    assert seen == [(1, four), (2, six), (65_527, six), (65_507, four)]


def test_asyncio_listens_on_both_and_tries_both() -> None:
    peers: list[str] = []

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(writer.get_extra_info("peername")[0])
        writer.write(b"hello")
        writer.close()

    def server() -> None:
        async def main() -> None:
            async with await asyncio.start_server(greet, None, 80) as listening:
                assert {sock.family for sock in listening.sockets} == {socket.AF_INET, INET6}
                await asyncio.sleep(5)

        asyncio.run(main())

    def client() -> None:
        async def read(**more: object) -> None:
            reader, writer = await asyncio.open_connection("server", 80, **more)  # type: ignore[arg-type]
            assert await reader.read() == b"hello"
            writer.close()

        async def main() -> None:
            await read()
            await read(family=INET6)

        asyncio.run(main())

    well(("server", server), ("client", client))
    assert peers == ["10.0.0.2", "fd00::2"]


def test_happy_eyeballs_do_not_wait_for_the_family_that_is_dead() -> None:
    """RFC 8305: the second address is tried after 250 ms, not after the SYN's time-outs."""
    from lastack.net import DROP, PASS
    from lastack.run import World

    took: list[float] = []

    def server() -> None:
        with socket.create_server(("", 80)) as listener:
            listener.accept()[0].close()

    def client() -> None:
        async def main() -> None:
            loop = asyncio.get_running_loop()
            start = loop.time()
            _, writer = await asyncio.open_connection("server", 80, happy_eyeballs_delay=0.25)
            took.append(loop.time() - start)
            assert writer.get_extra_info("socket").family == socket.AF_INET
            writer.close()

        asyncio.run(main())

    world = World(seed=1, families="64")
    for name, program in (("server", server), ("client", client)):
        world.program(world.host(name), program)
    world.network.add_rule(lambda packet, now: DROP if len(packet.flow.dst) == 16 else PASS)
    assert not world.run().failed
    assert 0.25 <= took[0] < 0.3


def test_the_kernel_note_on_control_data_holds_on_a_simulated_host() -> None:
    script = Path(__file__).parents[2] / "docs" / "kernel-notes" / "scripts" / "control_data6.py"
    world = World()
    world.program(world.host("a"), [str(script)])
    (ended,) = world.run().programs
    text = "\n".join(line.text for line in ended.output)
    assert ended.exit == 0, text
    assert "IPV6_HOPLIMIT 255: {'hops': 255, 'class': 0}" in text


@pytest.mark.parametrize("wire", [False, True])
def test_a_traffic_class_and_a_source_reach_another_host(wire: bool) -> None:
    def server() -> None:
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.bind(("::", 9))
        for option in (socket.IPV6_RECVPKTINFO, socket.IPV6_RECVTCLASS):
            sock.setsockopt(socket.IPPROTO_IPV6, option, 1)
        _, control, _, (host, *_) = sock.recvmsg(9, 99)
        data = [item.hex() for _, _, item in control]
        print(host, socket.inet_ntop(socket.AF_INET6, bytes.fromhex(data[0][:32])), data[1])

    def client() -> None:
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        source = socket.inet_pton(socket.AF_INET6, "fd00::2") + bytes(4)
        items = [(socket.IPV6_TCLASS, b"\x2e\0\0\0"), (socket.IPV6_PKTINFO, source)]
        control = [(socket.IPPROTO_IPV6, kind, data) for kind, data in items]
        sock.sendmsg([b"x"], control, 0, ("server", 9))

    outcome = well(("server", server), ("client", client), wire=wire)
    assert [line.text for line in outcome.programs[0].output] == ["fd00::2 fd00::1 2e000000"]
