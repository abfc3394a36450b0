"""CherryPy on cheroot: its thread pool, its engine, the autoreloader; urllib asks, six at once."""

import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import cherrypy


class Site:
    @cherrypy.expose
    def index(self, n: str) -> str:
        time.sleep(1)
        return f"page {n}"

    @cherrypy.expose
    def upload(self) -> str:
        return str(len(cherrypy.request.body.read()))


def serve(port: int) -> None:
    cherrypy.config.update({"server.socket_host": "0.0.0.0", "server.socket_port": port})
    cherrypy.quickstart(Site())


def call(host: str, port: int) -> None:
    url = f"http://{host}:{port}"

    def page(number: int) -> str:
        with urllib.request.urlopen(f"{url}/?n={number}") as answer:
            return str(answer.read().decode())

    with ThreadPoolExecutor(6) as pool:
        print(list(pool.map(page, range(6))))
    kind = {"Content-Type": "application/octet-stream"}
    request = urllib.request.Request(f"{url}/upload", bytes(200_000), kind)
    with urllib.request.urlopen(request) as answer:
        print(answer.read())
    try:
        urllib.request.urlopen(f"{url}/nothing")
    except urllib.error.HTTPError as error:
        print(error.code, error.reason)
        error.close()


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    if role == "server":
        serve(int(port))
    else:
        call(host, int(port))
