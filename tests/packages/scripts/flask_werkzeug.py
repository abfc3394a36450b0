"""flask on werkzeug's own threaded server; urllib asks."""

import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from flask import Flask, jsonify, request

app = Flask(__name__)


@app.get("/slow/<int:seconds>")
def slow(seconds: int) -> str:
    time.sleep(seconds)
    return f"slept {seconds} s"


@app.post("/sum")
def add() -> object:
    return jsonify(sum=sum(request.get_json()))


def call(host: str, port: int) -> None:
    def get(seconds: int) -> str:
        with urllib.request.urlopen(f"http://{host}:{port}/slow/{seconds}") as answer:
            return str(answer.read().decode())

    begun = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        print(list(pool.map(get, [3, 2, 1, 0])))
    print("took", round(time.monotonic() - begun), "s")
    question = urllib.request.Request(
        f"http://{host}:{port}/sum", b"[1, 2, 3]", {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(question) as answer:
        print(answer.read().decode().strip())


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    if role == "server":
        app.run(host, int(port), threaded=True)
    else:
        call(host, int(port))
