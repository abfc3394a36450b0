"""uvicorn with starlette, its loop and protocols on "auto"; httpx asks."""

import asyncio
import sys

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route


async def loop_name(request: Request) -> Response:
    return PlainTextResponse(type(asyncio.get_running_loop()).__module__.partition(".")[0])


async def square(request: Request) -> Response:
    number = int(request.path_params["number"])
    await asyncio.sleep(0.01 * number)
    return JSONResponse({"square": number**2})


async def upload(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def stream(request: Request) -> Response:
    async def parts():  # type: ignore[no-untyped-def]  # an async generator
        for letter in "abc":
            yield letter * 1000
            await asyncio.sleep(1)

    return StreamingResponse(parts())


def blocking(request: Request) -> Response:
    return PlainTextResponse("from a thread")  # starlette runs it in a thread of anyio's


app = Starlette(
    routes=[
        Route("/loop", loop_name), Route("/square/{number}", square), Route("/stream", stream),
        Route("/upload", upload, methods=["POST"]), Route("/blocking", blocking),
    ]
)  # fmt: skip


async def call(host: str, port: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as client:
        print((await client.get("/loop")).text)
        answers = await asyncio.gather(*(client.get(f"/square/{n}") for n in range(10)))
        print([answer.json()["square"] for answer in answers])
        print((await client.post("/upload", content=b"u" * 500_000)).text)
        print(len((await client.get("/stream")).text))
        print((await client.get("/blocking")).text)


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    if role == "server":
        uvicorn.run(app, host="0.0.0.0", port=int(port))
    else:
        asyncio.run(call(host, int(port)))
