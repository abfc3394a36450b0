"""What asyncio adds: a buffer above the kernel, a loop that must not stand still, lost errors."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest

from lastack.ending import Kind, aclose, close, linger

from .peers import PATIENCE, Peer, connection, never_closes, never_reads, reads_all, resets

LOT = 20_000_000
"""More than a kernel queues: the rest stays in the transport."""


def running(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `main`; a hang is a failure."""

    async def bounded() -> None:
        async with asyncio.timeout(3 * PATIENCE):
            await main()

    asyncio.run(bounded())


def reads_when_all_is_written(peer: Peer) -> None:
    """Not before: with a peer that reads at once the kernel may take everything."""
    peer.written.wait(PATIENCE)
    reads_all(peer)


def test_what_the_transport_still_holds_goes_out_first() -> None:
    async def main() -> None:
        with Peer(reads_when_all_is_written) as peer:
            _, writer = await asyncio.open_connection(sock=peer.ours)
            writer.write(bytes(LOT))
            assert writer.transport.get_write_buffer_size() > 0
            peer.written.set()
            ending = await aclose(writer, timeout=PATIENCE)
            assert (ending.kind, ending.unacked) == (Kind.CONFIRMED, 0)
        assert (peer.received, peer.eof) == (LOT, True)

    running(main)


def test_what_the_transport_still_holds_counts_as_unsent() -> None:
    async def main() -> None:
        with Peer(never_reads) as peer:
            _, writer = await asyncio.open_connection(sock=peer.ours)
            writer.write(bytes(LOT))
            ending = await aclose(writer.transport, timeout=0.1)
            assert ending.kind is Kind.TIMED_OUT
            assert ending.unacked is not None
            assert ending.unsent is not None
            await asyncio.to_thread(peer.finish)
        assert peer.received == LOT - ending.unacked
        assert ending.unsent > LOT // 2

    running(main)


def test_a_reset_in_the_middle_tells_what_was_lost() -> None:
    async def main() -> None:
        with Peer(resets) as peer:
            _, writer = await asyncio.open_connection(sock=peer.ours)
            writer.write(bytes(LOT))
            asyncio.get_running_loop().call_later(0.01, peer.written.set)
            ending = await aclose(writer, timeout=PATIENCE)
        assert (ending.kind, ending.errno) == (Kind.RESET, errno.ECONNRESET)
        assert ending.delivered is False
        assert ending.unacked is not None
        assert LOT // 2 < ending.unacked <= LOT

    running(main)


def test_the_loop_goes_on_while_a_lingering_socket_is_closed() -> None:
    async def main() -> None:
        with Peer(never_reads) as peer:
            _, writer = await asyncio.open_connection(sock=peer.ours)
            linger(peer.ours, 30)
            writer.write(bytes(LOT))
            loop = asyncio.get_running_loop()
            turns = [loop.time()]

            async def tick() -> None:
                while True:
                    await asyncio.sleep(0.005)
                    turns.append(loop.time())

            ticking = asyncio.create_task(tick())
            ending = await aclose(writer, timeout=0.2)
            turns.append(loop.time())
            ticking.cancel()
            assert ending.kind is Kind.TIMED_OUT
            assert max(b - a for a, b in pairwise(turns)) < 2.0
            await asyncio.to_thread(peer.finish)

    running(main)


def test_cancelled_it_resets_and_lets_the_cancellation_through() -> None:
    async def main() -> None:
        with Peer(never_closes) as peer:
            _, writer = await asyncio.open_connection(sock=peer.ours)
            writer.write(b"x")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await aclose(writer, timeout=PATIENCE, idle=PATIENCE)
            await asyncio.sleep(0)
            assert writer.transport.get_extra_info("socket").fileno() == -1
            await asyncio.to_thread(peer.finish)
        assert peer.received == 1

    running(main)


def test_a_transport_that_lost_its_connection_is_no_mistake() -> None:
    async def main() -> None:
        with Peer(resets) as peer:
            reader, writer = await asyncio.open_connection(sock=peer.ours)
            peer.written.set()
            with pytest.raises(ConnectionResetError):
                await reader.read()
            with pytest.raises(ConnectionResetError):
                await writer.wait_closed()
            ending = await aclose(writer)
            assert (ending.kind, ending.errno) == (Kind.RESET, errno.ECONNRESET)
            with pytest.raises(OSError) as raised:
                await aclose(writer)
            assert raised.value.errno == errno.EBADF

    running(main)


def test_a_stream_that_the_program_closed_is_one() -> None:
    async def main() -> None:
        for ends in (aclose, closes):
            with Peer(reads_all) as peer:
                _, writer = await asyncio.open_connection(sock=peer.ours)
                await ends(writer)
                for again in (writer, writer.transport):
                    with pytest.raises(OSError) as raised:
                        await aclose(again)
                    assert raised.value.errno == errno.EBADF

    async def closes(writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    running(main)


def test_a_transport_that_is_closing_already_is_taken_over() -> None:
    async def main() -> None:
        with Peer(reads_all) as peer:
            _, writer = await asyncio.open_connection(sock=peer.ours)
            writer.write(bytes(LOT))
            writer.close()
            assert (await aclose(writer, timeout=PATIENCE)).kind is Kind.CONFIRMED
        assert peer.received == LOT

    running(main)


def test_plain_sockets_are_closed_under_the_loop_too() -> None:
    async def main() -> None:
        with Peer(reads_all) as peer:
            peer.ours.setblocking(False)
            await asyncio.get_running_loop().sock_sendall(peer.ours, b"x" * 1000)
            ending = await aclose(peer.ours, timeout=PATIENCE)
            assert ending.kind is Kind.CONFIRMED
            assert peer.ours.fileno() == -1
        assert peer.received == 1000

    running(main)


def test_close_refuses_to_freeze_the_loop() -> None:
    async def main() -> None:
        ours, theirs = connection()
        with ours, theirs:
            with pytest.raises(RuntimeError, match="aclose"):
                close(ours)
            ours.sendall(b"alive")
            assert theirs.recv(5) == b"alive"

    running(main)


@pytest.mark.parametrize("wrong", [None, 7, "stream", object()])
def test_what_is_no_stream_is_a_type_error(wrong: Any) -> None:
    async def main() -> None:
        with pytest.raises(TypeError):
            await aclose(wrong)

    running(main)


def test_a_stream_over_a_unix_socket_is_a_value_error() -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            _, writer = await asyncio.open_connection(sock=ours)
            with pytest.raises(ValueError, match="not a TCP socket"):
                await aclose(writer)
            writer.close()
            await writer.wait_closed()

    running(main)
