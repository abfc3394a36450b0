"""httpx, its client for asyncio: many requests at once, streaming, a time-out."""

import asyncio
import sys

import httpx
from http_answers import serve


async def call(host: str, port: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=5) as client:
        answers = await asyncio.gather(*(client.get(f"/{n}") for n in range(20)))
        print(" ".join(answer.text for answer in answers))
        print((await client.post("/", json={"k": 1})).json())
        async with client.stream("GET", "/big") as answer:
            print(sum([len(part) async for part in answer.aiter_bytes()]))
        try:
            await client.get("/slow", timeout=0.2)
        except httpx.ReadTimeout as error:
            print(type(error).__name__)


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    serve(int(port)) if role == "server" else asyncio.run(call(host, int(port)))
