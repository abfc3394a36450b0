"""`lastack audit` on real programs and real sockets: what it finds, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.audited import audited

PEM = Path(__file__).parents[1] / "run" / "server.pem"


def test_clean_closes_are_counted_only(tmp_path: Path) -> None:
    done = audited(
        tmp_path,
        """
        for _ in range(30):
            client, server = pair()
            client.sendall(b"question")
            assert server.recv(100) == b"question"
            client.close()
            server.close()
        """,
    )
    assert done.status == 0
    assert (done.endings, done.report["places"]) == ([], [])
    assert done.report["closed"] == 90


def test_unread_bytes_and_the_reset_that_follows(tmp_path: Path) -> None:
    done = audited(
        tmp_path,
        """
        def answer(sock):
            sock.recv(1)
            sock.sendall(b"no")
            sock.close()  # here
        client, server = pair()
        client.sendall(bytes(100))
        answer(server)
        client.recv(2)
        try:
            client.recv(1)
        except ConnectionResetError:
            print("reset")
        """,
    )
    assert done.stdout == "reset\n"
    told = done.ending
    assert told["findings"] == ["unread"]
    assert (told["unread"], told["unacked"], told["reset"]) == (99, 0, True)
    assert (told["call"], told["state"]) == ("close", "ESTABLISHED")
    assert (Path(told["file"]).name, told["function"]) == ("program.py", "answer")
    assert (told["line"], told["via"]) == (done.lines["here"], "")
    (place,) = done.report["places"]
    assert (place["times"], place["amount"]) == (1, 99)


def test_what_the_program_holds_at_its_exit(tmp_path: Path) -> None:
    done = audited(
        tmp_path,
        """
        client, server = pair()
        client.sendall(bytes(7))
        sys.exit(3)
        """,
    )
    assert done.status == 3
    assert (done.ending["call"], done.ending["unread"]) == ("exit", 7)
    assert done.ending["file"] == ""
    assert done.report["closed"] == 3


def test_a_socket_that_nobody_closed(tmp_path: Path) -> None:
    done = audited(
        tmp_path,
        """
        def forget():
            client, server = pair()
            client.sendall(bytes(7))
            del server  # here
            return client
        forget().close()
        """,
    )
    assert (done.ending["call"], done.ending["unread"]) == ("collected", 7)
    assert done.ending["line"] == done.lines["here"]


@pytest.mark.parametrize("seconds", [0, 1])
def test_linger_set_on_the_listening_socket(tmp_path: Path, seconds: int) -> None:
    done = audited(
        tmp_path,
        f"""
        listener = socket.create_server(("127.0.0.1", 0))
        linger(listener, {seconds})
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        listener.close()
        server.close()  # here
        try:
            print(client.recv(1))
        except ConnectionResetError:
            print("reset")
        """,
    )
    assert done.stdout == ("b''\n" if seconds else "reset\n")
    told = done.ending
    assert told["findings"] == ["linger"]
    assert (told["linger"], told["reset"]) == (seconds, seconds == 0)
    assert (told["waited"] > 0) == (seconds > 0)
    assert told["line"] == done.lines["here"]


def test_bytes_unacknowledged(tmp_path: Path) -> None:
    done = audited(
        tmp_path,
        """
        client, server = pair()
        client.setblocking(False)
        sent = 0
        try:
            while True:
                sent += client.send(bytes(1 << 16))
        except BlockingIOError:
            pass
        client.close()
        received = 0
        while data := server.recv(1 << 20):
            received += len(data)
        assert received == sent
        """,
    )
    assert done.status == 0, done.stderr
    assert done.ending["findings"] == ["unacked"]
    assert done.ending["unacked"] > 0
    assert done.ending["reset"] is False


@pytest.mark.parametrize(("option", "port", "findings"), [
    ("SO_REUSEADDR", "free()", []), ("SO_REUSEPORT", "free()", []),
    ("SO_KEEPALIVE", "free()", ["reuseaddr"]), ("SO_KEEPALIVE", "0", []),
])  # fmt: skip
def test_a_port_that_cannot_be_bound_again(
    tmp_path: Path, option: str, port: str, findings: list[str]
) -> None:
    done = audited(
        tmp_path,
        f"""
        def free():
            with socket.create_server(("127.0.0.1", 0)) as other:
                return other.getsockname()[1]
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.{option}, 1)
        server.bind(("127.0.0.1", {port}))  # here
        server.listen()
        server.close()
        """,
    )
    assert [told["findings"] for told in done.endings] == ([findings] if findings else [])
    if findings:
        assert (done.ending["call"], done.ending["line"]) == ("listen", done.lines["here"])


def test_socketserver_binds_without_so_reuseaddr(tmp_path: Path) -> None:
    done = audited(
        tmp_path,
        """
        import socketserver
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
        socketserver.TCPServer(("127.0.0.1", port), None).server_close()  # here
        """,
    )
    assert done.ending["findings"] == ["reuseaddr"]
    assert done.ending["line"] == done.lines["here"]
    assert done.ending["via"].startswith("socketserver.py:")


def test_connections_that_nobody_accepted(tmp_path: Path) -> None:
    done = audited(
        tmp_path,
        """
        listener = socket.create_server(("127.0.0.1", 0))
        clients = [socket.create_connection(listener.getsockname()) for _ in range(3)]
        listener.close()
        try:
            clients[0].recv(1)
        except ConnectionResetError:
            print("reset")
        """,
    )
    assert done.stdout == "reset\n"
    assert (done.ending["findings"], done.ending["queued"]) == (["queued"], 3)


@pytest.mark.parametrize("hold", [
    "other = server.dup()",
    "other = socket.fromfd(server.fileno(), server.family, server.type)",
    "other = socket.socket(fileno=os.dup(server.fileno()))",
    "other = server.makefile('rb', buffering=0)",
    "left, right = socket.socketpair(); socket.send_fds(left, [b'.'], [server.fileno()])\n"
    "other = socket.socket(fileno=socket.recv_fds(right, 1, 1)[1][0])",
])  # fmt: skip
def test_only_the_last_reference_counts(tmp_path: Path, hold: str) -> None:
    done = audited(
        tmp_path,
        f"""
client, server = pair()
client.sendall(bytes(10))
{hold}
server.close()
client.sendall(bytes(10))
other.close()  # here
client.close()
""",
    )
    assert done.status == 0, done.stderr
    assert (done.ending["unread"], done.ending["line"]) == (20, done.lines["here"])
    assert done.report["closed"] == 3


def test_a_forked_child_closes_last(tmp_path: Path) -> None:
    done = audited(
        tmp_path,
        """
        client, server = pair()
        client.sendall(bytes(10))
        said, says = os.pipe()
        child = os.fork()
        if child == 0:
            os.read(said, 1)
            server.recv(4)
            server.close()  # child
            os._exit(0)
        server.close()
        os.write(says, b".")
        os.waitpid(child, 0)
        client.close()
        print(child)
        """,
    )
    assert done.ending["pid"] == int(done.stdout)
    assert (done.ending["unread"], done.ending["line"]) == (6, done.lines["child"])
    assert done.report["processes"] == 2
    assert done.report["closed"] == 3


def test_a_child_that_is_python_is_audited_too(tmp_path: Path) -> None:
    (tmp_path / "child.py").write_text(
        "import socket, sys\n"
        "s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
        "s.recv(1)\n"
        "s.close()\n"
    )
    done = audited(
        tmp_path,
        """
        import subprocess
        listener = socket.create_server(("127.0.0.1", 0))
        child = subprocess.Popen([sys.executable, "child.py", str(listener.getsockname()[1])])
        server, _ = listener.accept()
        server.sendall(b"hello")
        child.wait()
        print(child.pid)
        """,
    )
    assert Path(done.ending["file"]).name == "child.py"
    assert (done.ending["line"], done.ending["unread"]) == (4, 4)
    assert done.ending["pid"] == int(done.stdout)


def test_a_bare_descriptor(tmp_path: Path) -> None:
    done = audited(
        tmp_path,
        """
        client, server = pair()
        client.sendall(bytes(10))
        os.close(server.detach())  # here
        """,
    )
    assert (done.endings[0]["line"], done.endings[0]["unread"]) == (done.lines["here"], 10)


def test_threads(tmp_path: Path) -> None:
    done = audited(
        tmp_path,
        """
        import threading
        def work():
            for _ in range(50):
                client, server = pair()
                client.sendall(bytes(2))
                server.close()  # here
                client.close()
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        """,
    )
    assert done.report["closed"] == 600
    (place,) = done.report["places"]
    assert (place["line"], place["times"]) == (done.lines["here"], 200)
    assert (place["function"], place["amount"]) == ("work", 400)
    assert len(done.endings) >= 10


def test_the_first_ten_of_a_place_in_full_or_every_one(tmp_path: Path) -> None:
    source = """
        for _ in range(25):
            client, server = pair()
            client.sendall(b"x")
            server.close()
            client.close()
        """
    some, every = audited(tmp_path, source), audited(tmp_path, source, "--every")
    assert (len(some.endings), len(every.endings)) == (10, 25)
    assert [done.report["places"][0]["times"] for done in (some, every)] == [25, 25]


def test_http_server_answers_a_post_that_it_did_not_read(tmp_path: Path) -> None:
    done = audited(
        tmp_path,
        """
        import http.server, threading
        class Handler(http.server.SimpleHTTPRequestHandler):
            rbufsize = 0
            def log_message(self, *args):
                pass
        web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=web.serve_forever, daemon=True).start()
        client = socket.create_connection(web.server_address)
        client.sendall(b"POST / HTTP/1.0\\r\\n\\r\\n" + bytes(5000))
        answer = b""
        try:
            while data := client.recv(1000):
                answer += data
        except ConnectionResetError:
            pass
        print(answer.split(b"\\r\\n")[0].decode())
        web.shutdown()
        """,
    )
    assert done.stdout == "HTTP/1.0 501 Unsupported method ('POST')\n"
    (told,) = (told for told in done.endings if "unread" in told["findings"])
    assert told["unread"] == 5000
    assert told["file"].endswith("socketserver.py")


@pytest.mark.parametrize("call", ["writer.close()", "writer.transport.abort()"])
def test_asyncio_names_the_line_that_closed_the_transport(tmp_path: Path, call: str) -> None:
    done = audited(
        tmp_path,
        f"""
        import asyncio
        async def serve(reader, writer):
            writer.transport.pause_reading()
            client.sendall(bytes(1000))
            {call}  # here
            served.set()
        async def main():
            global client, served
            served = asyncio.Event()
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            client = socket.create_connection(server.sockets[0].getsockname())
            await served.wait()
            server.close()
            await server.wait_closed()
        asyncio.run(main())
        """,
    )
    assert done.status == 0, done.stderr
    (told,) = (told for told in done.endings if "unread" in told["findings"])
    assert (told["unread"], told["function"]) == (1000, "serve")
    assert told["line"] == done.lines["here"]


def test_tls_with_records_that_nobody_read(tmp_path: Path) -> None:
    done = audited(
        tmp_path,
        f"""
        import ssl, threading
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain({str(PEM)!r})
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        client, server = pair()
        def shake():
            global server
            server = context.wrap_socket(server, server_side=True)
        thread = threading.Thread(target=shake)
        thread.start()
        client = trusting.wrap_socket(client)
        thread.join()
        client.sendall(b"secret")
        server.close()  # here
        """,
    )
    assert done.status == 0, done.stderr
    told = done.endings[0]
    assert told["line"] == done.lines["here"]
    assert told["unread"] > len("secret")
