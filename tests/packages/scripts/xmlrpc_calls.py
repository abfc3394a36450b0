"""xmlrpc: results, a fault, a multicall."""

import sys
import xmlrpc.client
from xmlrpc.server import SimpleXMLRPCServer


def divide(a: int, b: int) -> float:
    return a / b


def serve(port: int) -> None:
    with SimpleXMLRPCServer(("", port), allow_none=True, logRequests=False) as server:
        server.register_function(divide)
        server.register_function(lambda text, times: text * times, "repeat")
        server.register_multicall_functions()
        server.serve_forever()


def call(host: str, port: int) -> None:
    with xmlrpc.client.ServerProxy(f"http://{host}:{port}") as proxy:
        print(proxy.divide(7, 2), len(str(proxy.repeat("ab", 50_000))))
        try:
            proxy.divide(1, 0)
        except xmlrpc.client.Fault as fault:
            print(fault.faultString)
        calls = xmlrpc.client.MultiCall(proxy)
        calls.divide(1, 2)
        calls.divide(1, 4)
        print(list(calls()))


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    serve(int(port)) if role == "server" else call(host, int(port))
