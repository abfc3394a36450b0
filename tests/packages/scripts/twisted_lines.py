"""Twisted: a line protocol on its own reactor, an agent for HTTP, threads of the reactor."""

import sys
import time

from twisted.internet import defer, endpoints, protocol, reactor, task, threads
from twisted.protocols.basic import LineReceiver
from twisted.web import resource, server
from twisted.web.client import Agent, readBody


class Upper(LineReceiver):
    def lineReceived(self, line: bytes) -> None:
        self.sendLine(line.upper())


class Asker(LineReceiver):
    def __init__(self) -> None:
        self.answers: list[str] = []
        self.done: defer.Deferred[list[str]] = defer.Deferred()

    def connectionMade(self) -> None:
        for line in (b"one", b"two", b"three"):
            self.sendLine(line)

    def lineReceived(self, line: bytes) -> None:
        self.answers.append(line.decode())
        if len(self.answers) == 3:
            self.transport.loseConnection()

    def connectionLost(self, reason: object = None) -> None:
        self.done.callback(self.answers)


class Page(resource.Resource):
    isLeaf = True

    def render_GET(self, request: server.Request) -> object:
        reactor.callLater(1, lambda: (request.write(b"page " + request.uri), request.finish()))
        return server.NOT_DONE_YET


def serve(port: int) -> None:
    lines = protocol.ServerFactory.forProtocol(Upper)
    endpoints.TCP4ServerEndpoint(reactor, port).listen(lines)
    endpoints.TCP4ServerEndpoint(reactor, port + 1).listen(server.Site(Page()))
    reactor.run()


async def call(clock: object, host: str, port: str) -> None:
    asker = await endpoints.connectProtocol(
        endpoints.HostnameEndpoint(reactor, host, int(port)), Asker()
    )
    print(await asker.done)
    url = f"http://{host}:{int(port) + 1}/x".encode()
    answer = await Agent(reactor).request(b"GET", url)
    print(answer.code, (await readBody(answer)).decode())
    print(await threads.deferToThread(lambda: time.sleep(1) or "from a thread"))


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    if role == "server":
        serve(int(port))
    else:
        task.react(lambda *args: defer.ensureDeferred(call(*args)), (host, port))
