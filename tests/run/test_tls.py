"""TLS over simulated sockets. server.pem is a key made for these tests, of a host "server"."""

import asyncio
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.run.in_world import Program, alone, well

PEM = Path(__file__).with_name("server.pem")


def server_side() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    return context


def client_side() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(PEM))


def serve(handle: Callable[[ssl.SSLSocket], object]) -> Program:
    def server() -> None:
        with socket.create_server(("", 443)) as listener:
            conn, _ = listener.accept()
            with server_side().wrap_socket(conn, server_side=True) as secure:
                handle(secure)

    return server


def dial() -> ssl.SSLSocket:
    return client_side().wrap_socket(
        socket.create_connection(("server", 443)), server_hostname="server"
    )


def test_a_question_and_an_answer() -> None:
    def handle(conn: ssl.SSLSocket) -> None:
        with conn.makefile("rwb") as file:
            file.write(file.readline().upper() * 10_000)

    def client() -> None:
        with dial() as s:
            assert isinstance(s, ssl.SSLSocket)
            assert isinstance(s, socket.socket)
            assert s.version() == "TLSv1.3"
            s.sendall(b"question\n")
            with s.makefile("rb") as file:
                assert file.read() == b"QUESTION\n" * 10_000

    well(("server", serve(handle)), ("client", client))


def test_what_the_program_has_not_read_stays_in_the_kernel() -> None:
    def handle(conn: ssl.SSLSocket) -> None:
        conn.sendall(b"a" * 10_000)
        conn.sendall(b"b" * 10_000)
        time.sleep(5)

    def client() -> None:
        s = dial()
        time.sleep(1)
        assert s.recv(10_000) == b"a" * 10_000
        raw = socket.socket(fileno=s.detach())
        assert len(raw.recv(100_000)) > 10_000
        raw.close()

    well(("server", serve(handle)), ("client", client))


def test_a_timeout() -> None:
    def client() -> None:
        with dial() as s:
            s.settimeout(1)
            with pytest.raises(TimeoutError, match="The read operation timed out"):
                s.recv(1)

    well(("server", serve(lambda conn: time.sleep(5))), ("client", client))


def test_a_nonblocking_socket_says_what_it_wants() -> None:
    def client() -> None:
        with dial() as s:
            s.setblocking(False)
            with pytest.raises(ssl.SSLWantReadError):
                s.recv(1)
            sent = 0
            try:
                while True:
                    sent += s.send(bytes(10_000))
            except ssl.SSLWantWriteError:
                pass
            s.setblocking(True)
            s.sendall(bytes(10_000))  # what was under way comes first
            s.sendall(b"end")
            assert s.recv(20) == b"%d" % (sent + 10_000)

    def handle(conn: ssl.SSLSocket) -> None:
        time.sleep(5)
        count = 0
        while not (data := conn.recv(1 << 16)).endswith(b"end"):
            count += len(data)
        conn.sendall(b"%d" % (count + len(data) - 3))

    well(("server", serve(handle)), ("client", client))


def test_nobody_vouches_for_the_server() -> None:
    def client() -> None:
        context = ssl.create_default_context()
        with (
            socket.create_connection(("server", 443)) as s,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            context.wrap_socket(s, server_hostname="server")

    def server() -> None:
        with pytest.raises(ssl.SSLError, match=r"(?i)unknown.ca"):
            serve(lambda conn: None)()

    well(("server", server), ("client", client))


def test_asyncio_over_tls() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()

    async def listen() -> None:
        server = await asyncio.start_server(handle, "", 443, ssl=server_side())
        await server.serve_forever()

    async def ask() -> None:
        reader, writer = await asyncio.open_connection("server", 443, ssl=client_side())
        writer.write(b"question\n")
        assert await reader.readline() == b"QUESTION\n"
        writer.close()
        await writer.wait_closed()

    well(("server", lambda: asyncio.run(listen())), ("client", lambda: asyncio.run(ask())))


def test_outside_tls_is_the_real_one() -> None:
    alone(lambda: None)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            conn, _ = listener.accept()
            with server_side().wrap_socket(conn, server_side=True) as secure:
                secure.sendall(b"real")

        thread = threading.Thread(target=answer)
        thread.start()
        plain = socket.create_connection(listener.getsockname())
        with client_side().wrap_socket(plain, server_hostname="server") as s:
            assert s.recv(10) == b"real"
        thread.join()


def test_an_alert_that_nobody_takes_is_not_told() -> None:
    """The client is gone, its RST has come: OpenSSL says EOF, and not that its alert failed."""

    def handle(conn: ssl.SSLSocket) -> None:
        time.sleep(1)
        print(conn.recv(1))

    def client() -> None:
        sock = dial()
        socket.socket(fileno=sock.detach()).close()  # without close_notify

    outcome = well(("server", serve(handle)), ("client", client))
    assert [line.text for line in outcome.programs[0].output] == ["b''"]


def test_the_authorities_that_a_program_names_in_its_environment_are_its_own() -> None:
    def program() -> None:
        before = ssl.create_default_context().cert_store_stats()["x509"]
        os.environ["SSL_CERT_FILE"] = str(PEM)
        os.environ["SSL_CERT_DIR"] = str(PEM.parent / "nowhere")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_default_certs()
        print(context.cert_store_stats()["x509"], before == outside)

    outside = ssl.create_default_context().cert_store_stats()["x509"]
    assert alone(program) == ["1 True"]
    assert ssl.create_default_context().cert_store_stats()["x509"] == outside
