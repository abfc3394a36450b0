"""What `lastack audit` costs a busy program on loopback: with and without, in turn.

    .venv/bin/python bench/audit_cost.py [ROUNDS]

Every program works for about half a second and tells how long that took, without the start of the
interpreter. It runs ROUNDS times (11 unless told) without and with the audit, one after the other,
so that both see the same machine; the cost is the median of the ratios of such neighbours. Beside
it stands the same of the processor time, which other work on the machine disturbs less.

The aim is at most 10 % of processor time for the programs that do something: http.server, asyncio,
bulk data. Two more are shown to tell the price itself: connections that carry two messages in 25 us
and end, and the same with unread bytes at every second close, where each ending is looked into and
the kernel is asked whether it was the last.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from lastack.live import audit_environment, prepare_audit

AIM = 0.10

# another address for each run: the connections in TIME-WAIT of the last one shall not count
_START = """
import random, time
ADDRESS = "127.%d.%d.%d" % tuple(random.randrange(1, 255) for _ in range(3))
def clock():
    return time.perf_counter(), time.process_time()
def done(began):
    print(*(now - then for now, then in zip(clock(), began)))
"""
_CONNECTIONS = """
import socket
listener = socket.create_server((ADDRESS, 0))
def once():
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    client.sendall(b"x" * 200)
    server.recv({read})
    server.sendall(b"y" * 1000)
    client.recv(2000)
    client.close()
    server.close()
"""
_LOOP = """
for _ in range({warm}):
    once()
began = clock()
for _ in range({times}):
    once()
done(began)
"""
_HTTP = """
import http.client, http.server, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(bytes(1000))
    def log_message(self, *args):
        pass
server = http.server.ThreadingHTTPServer((ADDRESS, 0), Handler)
threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
def once():
    client = http.client.HTTPConnection(*server.server_address)
    client.request("GET", "/")
    client.getresponse().read()
    client.close()
"""
_ASYNCIO = """
import asyncio
async def serve(reader, writer):
    writer.write(await reader.readline())
    await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(serve, ADDRESS, 0)
    address = server.sockets[0].getsockname()
    async def once():
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"hello\\n")
        await reader.read()
        writer.close()
        await writer.wait_closed()
    for _ in range(100):
        await once()
    began = clock()
    for _ in range(1500):
        await once()
    done(began)
    server.close()
asyncio.run(main())
"""
_BULK = """
import socket, threading
listener = socket.create_server((ADDRESS, 0))
def once():
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    thread = threading.Thread(target=client.sendall, args=(bytes(20_000_000),))
    thread.start()
    left = 20_000_000
    while left:
        left -= len(server.recv(1 << 18))
    thread.join()
    client.close()
    server.close()
"""
BUSY = {
    "http.server": _HTTP + _LOOP.format(warm=50, times=800),
    "asyncio streams": _ASYNCIO,
    "20 MB a connection": _BULK + _LOOP.format(warm=3, times=40),
}
BARE = {
    "open and close": _CONNECTIONS.format(read=1000) + _LOOP.format(warm=500, times=12000),
    "... with unread bytes": _CONNECTIONS.format(read=100) + _LOOP.format(warm=500, times=8000),
}


def seconds(program: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Run a program and return the elapsed and the processor time that it says it took."""
    done = subprocess.run(
        [sys.executable, program], env=environment, capture_output=True, text=True, check=True
    )
    elapsed, processor = map(float, done.stdout.split())
    return elapsed, processor


def main(rounds: int) -> int:
    """Measure every program; 1 if a busy one costs more than the aim."""
    status = 0
    print(f"{'program':<22}{'without':>10}{'with':>10}{'cost':>9}{'processor':>11}")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        prepare_audit(directory)
        audited = audit_environment(directory, 10)
        program = directory / "program.py"
        for title, source in {**BUSY, **BARE}.items():
            program.write_text(_START + source, encoding="utf-8")
            pairs = [
                (seconds(program, dict(os.environ)), seconds(program, audited))
                for _ in range(rounds)
            ]
            cost, processor = (
                statistics.median(after[n] / before[n] for before, after in pairs) - 1
                for n in (0, 1)
            )
            plain = statistics.median(before[0] for before, _ in pairs)
            watched = statistics.median(after[0] for _, after in pairs)
            print(f"{title:<22}{plain:>9.3f}s{watched:>9.3f}s{cost:>+9.1%}{processor:>+11.1%}")
            if title in BUSY and processor > AIM:
                status = 1
    kept = "no" if status else "yes"
    print(f"the aim, at most {AIM:.0%} of processor time for the first {len(BUSY)}: {kept}")
    return status


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 11))
