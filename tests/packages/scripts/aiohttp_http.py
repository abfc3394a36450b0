"""aiohttp's server and client: JSON, a stream, a post, many at once."""

import asyncio
import sys

import aiohttp
from aiohttp import web


async def hello(request: web.Request) -> web.Response:
    return web.json_response({"hello": request.match_info["name"]})


async def double(request: web.Request) -> web.Response:
    return web.Response(body=(await request.read()) * 2)


async def count(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    for number in range(5):
        await answer.write(f"{number} ".encode())
        await asyncio.sleep(0.1)
    await answer.write_eof()
    return answer


def serve(port: int) -> None:
    app = web.Application()
    app.add_routes([
        web.get("/hello/{name}", hello), web.post("/double", double), web.get("/count", count)
    ])  # fmt: skip
    web.run_app(app, port=port, print=None)


async def call(host: str, port: int) -> None:
    async with aiohttp.ClientSession(f"http://{host}:{port}") as session:

        async def one(name: int) -> str:
            async with session.get(f"/hello/{name}") as answer:
                return str((await answer.json())["hello"])

        print(" ".join(await asyncio.gather(*(one(n) for n in range(30)))))
        async with session.post("/double", data=b"d" * 200_000) as answer:
            print(len(await answer.read()))
        async with session.get("/count") as answer:
            print(await answer.text())
        try:
            async with session.get("/count", timeout=aiohttp.ClientTimeout(0.25)) as answer:
                await answer.text()
        except TimeoutError:
            print("timed out")


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    serve(int(port)) if role == "server" else asyncio.run(call(host, int(port)))
