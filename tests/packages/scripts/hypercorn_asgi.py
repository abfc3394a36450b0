"""hypercorn's asyncio worker with an ASGI application; http.client over a kept connection."""

import asyncio
import http.client
import sys
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    size, more = 0, True
    while more:
        event = await receive()
        size += len(event.get("body", b""))
        more = event.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"{scope['path']} {size}".encode()})


def call(host: str, port: int) -> None:
    connection = http.client.HTTPConnection(host, port)
    for number in range(3):
        connection.request("POST", f"/{number}", body=b"h" * number * 50_000)
        answer = connection.getresponse()
        print(answer.status, answer.read().decode())
    connection.close()


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    if role == "server":
        config = Config()
        config.bind = [f"0.0.0.0:{port}"]
        asyncio.run(serve(app, config))  # type: ignore[arg-type]  # a plain ASGI application
    else:
        call(host, int(port))
