"""Programs as child processes on 127.0.0.1, and what the kernel's table says of their sockets."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from lastack.oracle import LOOPBACK, available, free_port, play, sockets

pytestmark = pytest.mark.skipif(not available(), reason="a Linux kernel is the judge")

SERVER = """
import socket, sys
with socket.create_server(("", int(sys.argv[1]))) as listener:
    connection, _ = listener.accept()
    print("heard", connection.recv(10))
    connection.close()
sys.exit(3)
"""

CLIENT = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as sock:
    sock.sendall(b"hello")
    print("then", sock.recv(10))
"""


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_programs_start_when_the_one_before_listens(tmp_path: Path) -> None:
    port = free_port()
    server = written(tmp_path / "server.py", SERVER)
    client = written(tmp_path / "client.py", CLIENT)
    first, second = play([[server, str(port)], [client, str(port)]], port)
    assert (first.exit, first.output) == (3, ("heard b'hello'",))
    assert (second.exit, second.output) == (0, ("then b''",))
    # The server closed first: its end stands in TIME-WAIT, and nothing else is left.
    assert [(row.state, row.local_port) for row in sockets(port)] == [("TIME-WAIT", port)]


def test_what_does_not_end_is_killed_at_the_limit(tmp_path: Path) -> None:
    forever = written(tmp_path / "forever.py", "print('here')\nwhile True: input and None\n")
    (ran,) = play([[forever]], free_port(), limit=0.5)
    assert (ran.exit, ran.output) == (None, ("here",))


def test_the_table_tells_states_and_queues() -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
        (row,) = (row for row in sockets(port) if row.state != "TIME-WAIT")  # of an earlier test
        assert (row.state, row.local_port, row.remote_port) == ("LISTEN", port, 0)
        with socket.create_connection((LOOPBACK, port)) as near:
            far, _ = listener.accept()
            with far:
                near.sendall(b"12345")
                rows = {row.local_port: row for row in sockets(port) if row.state == "ESTABLISHED"}
                assert rows.keys() == {port, near.getsockname()[1]}
                assert rows[port].recv_queue == 5
                assert rows[near.getsockname()[1]].remote_port == port
