"""What the recorder writes in a program, and how its calls are told."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lastack.oracle.records import RECORDER, Record, environment, open_gate
from lastack.oracle.sniff import finds_neighbours
from lastack.oracle.socket_table import socket_table
from lastack.startup import prepare
from lastack.state import LISTEN, TIME_WAIT
from lastack.verdict import CallSeen
from lastack.wire import LOOPBACK4

NAMES = {LOOPBACK4: "here"}

PROGRAM = """
import os, socket, struct
with socket.create_server(("127.0.0.1", 0)) as listener:
    near = socket.create_connection(listener.getsockname())
    far, _ = listener.accept()
    near.sendall(b"12345")
    copy = far.dup()
    print(copy.recv(3), far.recv_into(bytearray(9)))
    far.setblocking(False)
    try:
        far.recv(1)
    except BlockingIOError:
        print("nothing yet")
    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    near.close()
    try:
        far.recv(1)
    except ConnectionResetError as error:
        print(error.errno)
    other = socket.socket(fileno=far.detach())
    other.close()
try:
    socket.create_connection(("127.0.0.1", 1))
except ConnectionRefusedError as error:
    print("refused", error.errno)
"""


def record(tmp_path: Path, text: str) -> tuple[Record, list[str]]:
    (tmp_path / "program.py").write_text(text)
    prepare(tmp_path, RECORDER, forgiving=False)
    open_gate(tmp_path / "record")
    ran = subprocess.run(
        [sys.executable, str(tmp_path / "program.py")], capture_output=True, text=True, check=True,
        env=environment(tmp_path, tmp_path / "record"), timeout=30,
    )  # fmt: skip
    assert ran.stderr == ""
    return Record("web", tmp_path / "record", NAMES), ran.stdout.splitlines()


def test_calls_are_written_down_and_change_nothing(tmp_path: Path) -> None:
    told, said = record(tmp_path, PROGRAM)
    assert said == [
        "b'123' 2", "nothing yet", str(errno.ECONNRESET), f"refused {errno.ECONNREFUSED}",
    ]  # fmt: skip
    calls = {call.call: call for call in told.calls}
    assert [call.result for call in told.calls if call.call == "connect"] == [
        "connected", "ECONNREFUSED",
    ]  # fmt: skip
    assert calls["sendall"].moved == 5
    assert calls["sendall"].text == "sendall 5 bytes"
    received = [call for call in told.calls if call.call.startswith("recv")]
    assert [(call.text, call.result) for call in received] == [
        ("recv up to 3", "3 bytes"), ("recv_into up to 9", "2 bytes"),
        ("recv up to 1", "ECONNRESET"),
    ]  # fmt: skip  # what would only have waited is left out
    assert _first(told, "close").lingers == (1, 0)
    assert all(one.begun <= one.ended for one in told.calls)


def _first(told: Record, name: str) -> CallSeen:
    return next(one for one in told.calls if one.call == name)


def test_a_connection_that_was_accepted_and_never_used_is_known(tmp_path: Path) -> None:
    begun = PROGRAM.split("    near.sendall")[0]
    told, _ = record(tmp_path, begun + "    raise SystemExit\n")
    assert len(told.flows) == 2


def test_a_peek_reads_nothing(tmp_path: Path) -> None:
    begun = PROGRAM.split("    copy =")[0]
    peeks = "far.recv(3, socket.MSG_PEEK), far.recv_into(bytearray(9), flags=socket.MSG_PEEK)"
    told, said = record(tmp_path, begun + f"    print({peeks}, far.recv(9, 0))\n")
    assert said == ["b'123' 5 b'12345'"]
    received = [call for call in told.calls if call.call.startswith("recv")]
    assert [(call.result, call.moved) for call in received] == [
        ("3 bytes", 0), ("5 bytes", 0), ("5 bytes", 5),
    ]  # fmt: skip


def test_bytes_that_other_code_moves_make_a_connection_opaque(tmp_path: Path) -> None:
    begun = PROGRAM.split("    copy =")[0]
    told, _ = record(tmp_path, begun + "    fd = far.detach(); os.read(fd, 9); os.close(fd)\n")
    assert len(told.opaque) == 1
    assert not told.opaque & told.flows


def test_a_descriptor_in_a_new_socket_is_the_same_connection(tmp_path: Path) -> None:
    begun = PROGRAM.split("    copy =")[0]
    told, _ = record(tmp_path, begun + "    socket.socket(fileno=far.detach()).recv(9)\n")
    assert told.opaque == set()
    assert len(told.flows) == 2


def test_a_sendall_that_fails_tells_how_much_it_sent(tmp_path: Path) -> None:
    told, _ = record(tmp_path, """
import socket, threading
listener = socket.create_server(("127.0.0.1", 0))
near = socket.create_connection(listener.getsockname())
far, _ = listener.accept()
threading.Timer(0.2, lambda: (far.recv(1), far.close())).start()
try:
    near.sendall(bytes(50_000_000))
except OSError as error:
    print(error.errno)
""")  # fmt: skip
    call = _first(told, "sendall")
    assert call.errno in (errno.ECONNRESET, errno.EPIPE)
    assert 0 < call.moved < 50_000_000


def test_the_programs_own_sitecustomize_is_loaded_too(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("import builtins\nbuiltins.mine = 'loaded'\n")
    prepare(tmp_path, RECORDER, forgiving=False)
    open_gate(tmp_path / "record")
    surroundings = environment(tmp_path, tmp_path / "record")
    surroundings["PYTHONPATH"] += os.pathsep + str(own)
    ran = subprocess.run(
        [sys.executable, "-c", "import sys; print(mine, 'json' in sys.modules)"], text=True,
        capture_output=True, check=True, env=surroundings, timeout=30,
    )  # fmt: skip
    assert ran.stdout == "loaded False\n"


TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 5 1 0
   1: 0200000A:0050 0100000A:9C40 06 00000000:00000003 03:00001770 00000000     0        0 0 3 0
"""


def test_the_kernels_table(tmp_path: Path) -> None:
    path = tmp_path / "tcp"
    path.write_text(TABLE)
    listening, waiting = socket_table(str(path))
    if sys.byteorder == "little":
        assert listening.shown == ("127.0.0.1:8080", "0.0.0.0:0")
        assert waiting.shown == ("10.0.0.2:80", "10.0.0.1:40000")
    assert (listening.state, listening.inode, listening.timer) == (LISTEN, 5, 0)
    assert (waiting.state, waiting.timer, waiting.expires_in) == (TIME_WAIT, 3, 60_000_000_000)
    assert waiting.recv_queue == 3


TABLE6 = """\
  sl  local_address                         remote_address                        st rest
   0: 00000000000000000000000000000000:1F40 00000000000000000000000000000000:0000 0A \
00000000:00000000 00:00000000 00000000     0        0 7 1
   1: 000000FD000000000000000001000000:1F40 000000FD000000000000000002000000:CC1C 01 \
00000000:00000000 00:00000000 00000000     0        0 8 1
   2: 0000000000000000FFFF00000100000A:1F40 0000000000000000FFFF00000200000A:9C40 01 \
00000000:00000000 00:00000000 00000000     0        0 9 1
"""


@pytest.mark.skipif(sys.byteorder != "little", reason="the text is a little-endian machine's")
def test_the_kernels_table_of_ipv6_has_mapped_addresses_as_their_packets_have_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "tcp6"
    path.write_text(TABLE6)
    assert [row.shown for row in socket_table(str(path))] == [
        ("[::]:8000", "[::]:0"), ("[fd00::1]:8000", "[fd00::2]:52252"),
        ("10.0.0.1:8000", "10.0.0.2:40000"),
    ]  # fmt: skip


def test_neighbours_are_found_without_being_told() -> None:
    header = bytes.fromhex("6000000000203aff") + bytes(32)
    hop_by_hop = bytes.fromhex("6000000000240001") + bytes(32) + bytes.fromhex("3a00050200000000")
    assert finds_neighbours(header + bytes([135]))  # a neighbour solicitation
    assert finds_neighbours(hop_by_hop + bytes([143]))  # a multicast listener report
    assert not finds_neighbours(header + bytes([1]))  # a port is unreachable
    assert not finds_neighbours(bytes.fromhex("6000000000200640") + bytes(60))  # TCP
    assert not finds_neighbours(header)


REFUSED_BY_NAME = """
import socket
for host, family in (("nobody.invalid.", socket.AF_INET), ("::1", socket.AF_INET)):
    try:
        socket.socket(family).connect((host, 9))
    except socket.gaierror as error:
        print("no name")
"""


def test_a_name_that_is_not_found_is_no_errno_of_a_call(tmp_path: Path) -> None:
    told, said = record(tmp_path, REFUSED_BY_NAME)
    assert said == ["no name"] * 2
    assert [
        (call.call, call.result, call.errno) for call in told.calls if call.call == "connect"
    ] == [("connect", "no such name", 0)] * 2


STRANGE = """
import enum, socket
class Port(enum.IntEnum):
    NOBODY = 1
def fails(call, *args):
    try:
        call(*args)
    except (TypeError, OSError) as error:
        print(type(error).__name__)
fails(socket.socket().connect)
fails(socket.socket().connect, ("127.0.0.1",))
fails(socket.socket().connect, ("127.0.0.1", Port))
fails(socket.socket().connect, ("127.0.0.1", Port.NOBODY))
fails(socket.socket().connect, (b"127.0.0.1", 1))
fails(socket.socket().shutdown, object())
socket.socket().listen(Port.NOBODY)
"""


def test_arguments_that_are_no_plain_values_are_no_trouble(tmp_path: Path) -> None:
    told, said = record(tmp_path, STRANGE)
    refused = ["ConnectionRefusedError"] * 2
    assert said == ["TypeError", "TypeError", "TypeError", *refused, "TypeError"]
    assert [call.text for call in told.calls if call.errno == errno.ECONNREFUSED] == [
        "connect here:1", "connect here:1",
    ]  # fmt: skip
    assert [call.result for call in told.calls if call.call == "listen"] == ["ok"]
