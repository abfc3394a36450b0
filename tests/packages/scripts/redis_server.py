"""A Redis server in pure Python: fakeredis's, over socketserver."""

from fakeredis import TcpFakeServer


def serve(port: int) -> None:
    server = TcpFakeServer(("0.0.0.0", port), server_type="redis")
    server.daemon_threads = True
    server.serve_forever()
