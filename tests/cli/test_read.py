"""`lastack read` from outside, on captures of ours, of tcpdump, and on what is no capture."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lastack.wire import build

from ..verdict.observed import EXCHANGE, segment
from ..wire.captures import pcap
from .conftest import ROOT, Run, valid

MS = 1_000_000
PAIR = ("a=server.py", "b=client.py a")
LOSING = ("a=hasty.py", "b=patient.py a")
REFUSED = ("a=client.py b", "b=-m this")
EXAMPLES = ROOT / "examples"


def written(path: Path, text: str) -> Path:
    """A capture of a script of `tests/verdict/observed.py`."""
    packets = []
    for number, line in enumerate(filter(str.strip, text.splitlines())):
        who, flags, *numbers = line.split()
        packets.append((number * MS, build(segment(who, flags, *map(int, numbers)))))
    path.write_bytes(pcap(packets))
    return path


def ends(told: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What a capture of a run must tell as the run does, but for the reason."""
    return [
        (
            one["client"], one["server"], one["ending"]["kind"], one["ending"]["first_closer"],
            one["client_states"], one["server_states"],
        )
        for one in told["connections"]
    ]  # fmt: skip


@pytest.mark.parametrize("options", [(), ("--loss", "20%", "--seed", "3"), ("--wire",)])
@pytest.mark.parametrize("programs", [PAIR, LOSING, REFUSED], ids=["fin", "rst", "refused"])
def test_the_capture_of_a_run_tells_what_the_run_did(
    lastack: Run, tmp_path: Path, programs: tuple[str, ...], options: tuple[str, ...]
) -> None:
    path = str(tmp_path / "run.pcapng")
    ran = json.loads(lastack("run", "--json", "--pcap", path, *options, *programs).stdout)
    told = valid(lastack("read", "--json", path).stdout, "read")
    assert ends(told) == ends(ran)
    for one, seen in zip(ran["connections"], told["connections"], strict=True):
        for way, account in one["bytes"].items():
            reached = account["read"] + account["unread"]
            assert seen["evidence"][way]["acknowledged"] in (reached, 0)


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("programs", [PAIR, LOSING], ids=["fin", "rst"])
def test_tshark_reads_what_run_writes(
    lastack: Run, tmp_path: Path, programs: tuple[str, ...]
) -> None:
    path = str(tmp_path / "run.pcapng")
    lastack("run", "--pcap", path, "--loss", "35%", "--seed", "4", *programs)
    fields = ["frame.interface_name", "ip.src_host", "frame.comment", "_ws.malformed"]
    shown = subprocess.run(
        ["tshark", "-r", path, "-N", "n", "-o", "tcp.check_checksum:TRUE", "-o",
         "ip.check_checksum:TRUE", "-T", "fields", "-E", "separator=;",
         *(word for field in fields for word in ("-e", field)), "-e", "tcp.checksum.status"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    complaints = [line for line in shown.stderr.splitlines() if "Running as user" not in line]
    assert complaints == []
    rows = [line.split(";") for line in shown.stdout.splitlines()]
    assert {row[0] for row in rows} == {row[1] for row in rows} == {"a", "b"}
    assert any("lost by chance" in line for line in shown.stdout.splitlines())
    assert {row[-2] for row in rows} == {""}
    assert {row[-1] for row in rows} == {"1"}


def test_the_report_of_a_capture(lastack: Run, tmp_path: Path) -> None:
    text = EXCHANGE + "get . 6 8 100\nweb R. 8 6"
    ran = lastack("read", str(written(tmp_path / "a.pcap", text)))
    assert (ran.returncode, ran.stderr) == (0, "")
    for part in (
        "SYN seq 0", "Ending    RST, the server (10.0.0.2) closed first",
        "10.0.0.2 aborted the connection", "Lost: 100 of 10.0.0.1's 105 bytes.",
        "10.0.0.1:40000 sent 105 bytes in this capture; 5 were",
        "Read         9 packets; 9 of TCP; 1 connection",
    ):  # fmt: skip
        assert part in " ".join(ran.stdout.split()) or part in ran.stdout, part
    assert max(map(len, ran.stdout.splitlines())) <= 80
    assert lastack("read", "--strict", str(tmp_path / "a.pcap")).returncode == 3


def test_a_capture_that_is_cut_off_or_strange_is_still_told(lastack: Run, tmp_path: Path) -> None:
    path = written(tmp_path / "a.pcap", EXCHANGE)
    whole = path.read_bytes()
    other = (0).to_bytes(8, "little") + (9).to_bytes(4, "little") * 2 + b"\x45" + bytes(8)
    path.write_bytes(whole + other + whole[-60:-40])
    text = lastack("read", "--no-ladder", str(path)).stdout
    assert "still open, nobody closed" in text
    assert "Not read     1 packet: the IPv4 header is cut off" in text
    assert "Note         the file ends in the middle of a packet" in text


@pytest.mark.parametrize(("data", "says"), [
    (b"", "no capture: it is empty"),
    (b"plain text\n" * 9, "no capture: it is neither pcap nor pcapng"),
    (gzip.compress(b"x", mtime=0), "the capture is compressed: gunzip -c FILE | lastack read -"),
    (pcap([]) + b"\xff" * 20, "the capture is damaged near octet 24"),
    (pcap([(0, b"1234")], link=105), "link type 105 is not understood"),
])  # fmt: skip
def test_what_is_no_capture_is_one_line_and_exit_2(
    lastack: Run, tmp_path: Path, data: bytes, says: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    ran = lastack("read", str(path))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"lastack: {path}: {says}\n"


def test_a_file_that_is_not_there(lastack: Run) -> None:
    ran = lastack("read", "nowhere.pcap")
    assert ran.returncode == 2
    assert ran.stderr == (
        "lastack: nowhere.pcap: No such file or directory (see lastack read --help)\n"
    )


def test_a_connection_is_told_from_stdin_a_second_after_its_end(tmp_path: Path) -> None:
    over = EXCHANGE + "web F. 8 6\nget . 6 9\nget F. 6 9\nweb . 9 7"
    data = written(tmp_path / "a.pcap", over).read_bytes()
    late = pcap([(9_000 * MS, build(segment("get", "S", iss=77)))])[24:]
    reading = subprocess.Popen(
        [sys.executable, "-m", "lastack", "read", "--no-ladder", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=False,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert reading.stdin is not None
    assert reading.stdout is not None
    with reading:
        reading.stdin.write(data + late)
        reading.stdin.flush()
        first = reading.stdout.readline()  # while the pipe is still open
        reading.stdin.close()
        rest = reading.stdout.read().decode()
    assert first.decode().startswith("10.0.0.1:40000")
    assert "FIN, the server (10.0.0.2) closed first" in rest
    assert "SYN-SENT" in rest
    assert "2 connections" in rest


# -- the kernel's own packets -----------------------------------------------------------------

ACTS = {
    "rst": (["early_answer.py", "2000000", "1"], ["post.py", "1000000"]),
    "fin": (["early_answer.py", "200000", "100000"], ["post.py", "100000"]),
    "abort": (["abort_server.py", "2000000"], ["read_all.py", "0.5"]),
    "linger": (["linger_server.py", "200000", "1"], ["read_all.py", "1.5"]),
}
CAPTURED = """
ip link set lo up
timeout 20 tcpdump -i {link} -U --immediate-mode -B 65536 -s {snaplen} -w {file} tcp 2>{file}.log &
dump=$!
for _ in $(seq 100); do grep -q listening {file}.log && break; sleep 0.05; done
{python} {server} &
server=$!
for _ in $(seq 100); do grep -q ':1F90 00000000:0000 0A' /proc/net/tcp && break; sleep 0.05; done
{python} {client}
wait $server
for _ in $(seq 40); do
    awk 'NR > 1 && $4 != "06" {{ open = 1 }} END {{ exit open }}' /proc/net/tcp && break
    sleep 0.05
done
kill $dump
wait $dump
"""


def _kernel_capture(path: Path, act: str, link: str, snaplen: int) -> None:
    """What tcpdump sees of the demo's programs on the loopback of a namespace."""
    server, client = (
        [str(EXAMPLES / words[0]), "127.0.0.1", "8080", *words[1:]] for words in ACTS[act]
    )
    script = CAPTURED.format(
        link=link, file=path, snaplen=snaplen, python=sys.executable, server=" ".join(server),
        client=" ".join(client),
    )  # fmt: skip
    subprocess.run(
        ["unshare", "-n", "bash", "-c", script], check=False, timeout=60,
        capture_output=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.root
@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump is not installed")
@pytest.mark.parametrize(("act", "link", "snaplen"), [
    ("rst", "lo", 262144), ("fin", "any", 100), ("abort", "any", 262144), ("linger", "lo", 100),
])  # fmt: skip
def test_the_kernel_and_the_simulation_end_the_same_in_captures(
    lastack: Run, tmp_path: Path, act: str, link: str, snaplen: int
) -> None:
    path, own = tmp_path / "kernel.pcap", tmp_path / "own.pcapng"
    _kernel_capture(path, act, link, snaplen)
    server, client = ACTS[act]
    lastack(
        "run", "--pcap", str(own), "--delay", "50us", "--mtu", "65536",
        f"server={EXAMPLES / server[0]} 0.0.0.0 8080 {' '.join(server[1:])}",
        f"client={EXAMPLES / client[0]} server 8080 {' '.join(client[1:])}",
    )  # fmt: skip
    kernel, simulated = (
        valid(lastack("read", "--json", str(one)).stdout, "read") for one in (path, own)
    )
    (real,), (ours,) = kernel["connections"], simulated["connections"]
    for key in ("client_states", "server_states"):
        assert real[key] == ours[key]
    for key in ("kind", "first_closer", "reason"):
        assert real["ending"][key] == ours["ending"][key]
    for way, account in real["evidence"].items():
        assert account["acknowledged"] == pytest.approx(
            ours["evidence"][way]["acknowledged"], rel=0.2
        )
