"""The same under TLS: a close_notify goes before the FIN, and ciphertext is drained unread."""

from __future__ import annotations

import asyncio
import errno
import ssl

import anyio
import anyio.abc
import pytest
import trio
import trustme
from anyio.streams.tls import TLSStream

from lastack.ending import Kind, aclose

from .front_ends import FRONT_ENDS, FrontEnd
from .peers import PATIENCE, Behaviour, Peer, never_closes, reads_all, uploads

PAYLOAD = bytes(100_000)
LITTLE = bytes(12_000)
LOT = 20_000_000
SHORT = 0.2


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def ours(authority: trustme.CA, request: pytest.FixtureRequest) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.maximum_version = request.param
    return context


@pytest.fixture(scope="module")
def theirs(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def speaking(context: ssl.SSLContext, behaviour: Behaviour) -> Behaviour:
    """Let the peer do a handshake first. For it an end without a close_notify is an error."""

    def first_shake_hands(peer: Peer) -> None:
        peer.sock = context.wrap_socket(peer.sock, server_side=True, suppress_ragged_eofs=False)
        behaviour(peer)

    return first_shake_hands


front_ends = pytest.mark.parametrize("front_end", FRONT_ENDS.values(), ids=FRONT_ENDS)


@front_ends
def test_the_peer_sees_a_proper_end(
    front_end: FrontEnd, ours: ssl.SSLContext, theirs: ssl.SSLContext
) -> None:
    with Peer(speaking(theirs, reads_all)) as peer:
        peer.ready.set()
        ending = front_end(peer, PAYLOAD, ours, timeout=PATIENCE)
    assert ending.kind is Kind.CONFIRMED
    assert (ending.delivered, ending.unacked) == (True, 0)
    assert (peer.received, peer.eof, peer.error) == (len(PAYLOAD), True, None)


@front_ends
def test_a_peer_that_is_sending_gets_everything(
    front_end: FrontEnd, ours: ssl.SSLContext, theirs: ssl.SSLContext
) -> None:
    with Peer(speaking(theirs, uploads)) as peer:
        peer.ready.set()
        ending = front_end(peer, PAYLOAD, ours, timeout=PATIENCE)
    assert ending.kind is Kind.CONFIRMED
    assert (peer.received, peer.eof, peer.error) == (len(PAYLOAD), True, None)


@front_ends
def test_a_peer_that_never_closes_stays_open(
    front_end: FrontEnd, ours: ssl.SSLContext, theirs: ssl.SSLContext
) -> None:
    with Peer(speaking(theirs, never_closes)) as peer:
        peer.ready.set()
        ending = front_end(peer, LITTLE, ours, timeout=PATIENCE, idle=SHORT)
    assert ending.kind is Kind.OPEN
    assert (ending.delivered, ending.unacked) == (True, 0)
    assert (peer.received, peer.eof, peer.error) == (len(LITTLE), True, None)


@front_ends
def test_a_peer_that_never_reads_times_out(
    front_end: FrontEnd, ours: ssl.SSLContext, theirs: ssl.SSLContext
) -> None:
    with Peer(speaking(theirs, never_closes), receive_buffer=4096) as peer:
        peer.ready.set()
        ending = front_end(peer, LITTLE, ours, timeout=SHORT)
    assert ending.kind is Kind.TIMED_OUT
    assert ending.delivered is False
    assert ending.unacked
    assert not peer.eof
    assert peer.error is not None  # the reset, or to module ssl an end without a close_notify


def test_asyncio_closing_at_the_end_of_tls_is_no_mistake_of_the_programs(
    ours: ssl.SSLContext, theirs: ssl.SSLContext
) -> None:
    async def main() -> None:
        with Peer(speaking(theirs, lambda peer: peer.sock.close())) as peer:
            reader, writer = await asyncio.open_connection(
                sock=peer.ours, ssl=ours, server_hostname="localhost"
            )
            assert await reader.read() == b""
            await writer.wait_closed()  # asyncio does so unasked under TLS
            ending = await aclose(writer)
            assert (ending.kind, ending.delivered, ending.unacked) == (Kind.RESET, None, None)
            with pytest.raises(OSError) as raised:
                await aclose(writer)
            assert raised.value.errno == errno.EBADF

    asyncio.run(main())


def test_asyncio_transport_that_is_closing_already_is_taken_over(
    ours: ssl.SSLContext, theirs: ssl.SSLContext
) -> None:
    async def main() -> None:
        with Peer(speaking(theirs, reads_all)) as peer:
            _, writer = await asyncio.open_connection(
                sock=peer.ours, ssl=ours, server_hostname="localhost"
            )
            writer.write(bytes(LOT))
            writer.close()
            ending = await aclose(writer, timeout=PATIENCE)
            assert ending.delivered
        assert (peer.received, peer.eof, peer.error) == (LOT, True, None)

    asyncio.run(main())


def test_what_the_transport_holds_arrives_though_the_peer_is_sending(
    ours: ssl.SSLContext, theirs: ssl.SSLContext
) -> None:
    """asyncio's own close() throws its buffer away when data comes behind its close_notify."""

    async def main() -> None:
        with Peer(speaking(theirs, uploads)) as peer:
            _, writer = await asyncio.open_connection(
                sock=peer.ours, ssl=ours, server_hostname="localhost"
            )
            writer.write(bytes(LOT))
            ending = await aclose(writer, timeout=PATIENCE)
            assert (ending.kind, ending.unacked) == (Kind.CONFIRMED, 0)
        assert (peer.received, peer.eof, peer.error) == (LOT, True, None)

    asyncio.run(main())


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio_a_second_time_is_a_mistake(
    backend: str, ours: ssl.SSLContext, theirs: ssl.SSLContext
) -> None:
    async def main() -> None:
        with Peer(speaking(theirs, reads_all)) as peer:
            peer.ours.setblocking(False)
            lower = await anyio.abc.SocketStream.from_socket(peer.ours)
            stream = await TLSStream.wrap(lower, hostname="localhost", ssl_context=ours)
            await aclose(stream)
            with pytest.raises(OSError) as raised:
                await aclose(stream)
            assert raised.value.errno == errno.EBADF

    anyio.run(main, backend=backend)


def test_trio_a_second_time_is_a_mistake(ours: ssl.SSLContext, theirs: ssl.SSLContext) -> None:
    async def main() -> None:
        with Peer(speaking(theirs, reads_all)) as peer:
            peer.ours.setblocking(False)
            lower = trio.SocketStream(trio.socket.from_stdlib_socket(peer.ours))
            stream = trio.SSLStream(lower, ours, server_hostname="localhost")
            await stream.send_all(b"x")
            await aclose(stream)
            with pytest.raises(OSError) as raised:
                await aclose(stream)
            assert raised.value.errno == errno.EBADF

    trio.run(main)
