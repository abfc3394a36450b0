"""httpx, its blocking client: a pool, streaming, a time-out; http.server answers."""

import sys

import httpx
from http_answers import serve


def call(host: str, port: int) -> None:
    with httpx.Client(base_url=f"http://{host}:{port}", timeout=5) as client:
        print([client.get(f"/{n}").text for n in range(3)])
        print(client.post("/", json={"k": 1}).json())
        with client.stream("GET", "/big") as answer:
            print(sum(len(part) for part in answer.iter_bytes()))
        try:
            client.get("/slow", timeout=0.2)
        except httpx.ReadTimeout as error:
            print(type(error).__name__)
        try:
            client.get(f"http://{host}:{port + 1}/")
        except httpx.ConnectError as error:
            print(error)


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    serve(int(port)) if role == "server" else call(host, int(port))
