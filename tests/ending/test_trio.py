"""What trio and anyio add: cancellation by scopes, and streams that know they are closed."""

from __future__ import annotations

import errno
from typing import Any

import anyio
import anyio.abc
import anyio.streams.stapled
import pytest
import trio
import trio.testing

from lastack.ending import Kind, aclose, close

from .peers import PATIENCE, Peer, connection, never_closes, reads_all


async def stream_over(peer: Peer) -> trio.SocketStream:
    peer.ours.setblocking(False)
    return trio.SocketStream(trio.socket.from_stdlib_socket(peer.ours))


def test_cancelled_it_resets_and_closes() -> None:
    async def main() -> None:
        with Peer(never_closes) as peer:
            stream = await stream_over(peer)
            await stream.send_all(b"x")
            with trio.move_on_after(0.05) as scope:
                await aclose(stream, timeout=PATIENCE, idle=PATIENCE)
            assert scope.cancelled_caught
            assert stream.socket.fileno() == -1
            await trio.to_thread.run_sync(peer.finish)
        assert peer.received == 1

    trio.run(main)


def test_afterwards_the_stream_is_closed_and_a_second_time_is_a_mistake() -> None:
    async def main() -> None:
        with Peer(reads_all) as peer:
            stream = await stream_over(peer)
            assert (await aclose(stream)).kind is Kind.CONFIRMED
            with pytest.raises(trio.ClosedResourceError):
                await stream.send_all(b"x")
            with pytest.raises(OSError) as raised:
                await aclose(stream)
            assert raised.value.errno == errno.EBADF

    trio.run(main)


def test_sockets_of_trio_and_plain_ones_are_closed_too() -> None:
    async def main() -> None:
        for wrap in (trio.socket.from_stdlib_socket, lambda sock: sock):
            with Peer(reads_all) as peer:
                peer.ours.setblocking(False)
                sock: Any = wrap(peer.ours)
                assert (await aclose(sock)).kind is Kind.CONFIRMED
                assert sock.fileno() == -1

    trio.run(main)


def test_close_refuses_to_freeze_the_loop() -> None:
    async def main() -> None:
        ours, theirs = connection()
        with ours, theirs, pytest.raises(RuntimeError, match="aclose"):
            close(ours)

    trio.run(main)


def test_time_is_trios() -> None:
    """Under trio's own virtual clock the limits are virtual too: this waits for no real hour."""

    async def main() -> None:
        with Peer(never_closes) as peer:
            stream = await stream_over(peer)
            ending = await aclose(stream, timeout=7200, idle=3600)
            assert ending.kind is Kind.OPEN
            assert 3600 <= ending.elapsed < 3700

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0.05))


def test_what_is_no_stream_over_a_socket_is_a_type_error() -> None:
    async def main() -> None:
        one, _ = trio.testing.memory_stream_pair()
        for wrong in (one, None, trio.Event()):
            with pytest.raises(TypeError):
                await aclose(wrong)

    trio.run(main)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio_second_time_and_wrong_streams(backend: str) -> None:
    async def main() -> None:
        with Peer(reads_all) as peer:
            peer.ours.setblocking(False)
            stream = await anyio.abc.SocketStream.from_socket(peer.ours)
            assert (await aclose(stream)).kind is Kind.CONFIRMED
            with pytest.raises(OSError) as raised:
                await aclose(stream)
            assert raised.value.errno == errno.EBADF
        send, receive = anyio.create_memory_object_stream[bytes](1)
        with send, receive, pytest.raises(TypeError):
            await aclose(anyio.streams.stapled.StapledObjectStream(send, receive))

    anyio.run(main, backend=backend)
