"""dnspython: a resolver asks a server of ours by UDP, by TCP what was cut short, and on asyncio."""

import asyncio
import socket
import socketserver
import struct
import sys
import threading

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset

UDP_SIZE = 512


def answer(wire: bytes, size: int) -> bytes:
    question = dns.message.from_wire(wire)
    name = question.question[0].name
    told = dns.message.make_response(question)
    if str(name).startswith("no."):
        told.set_rcode(dns.rcode.NXDOMAIN)
    else:
        count = 100 if str(name).startswith("many.") else 1
        addresses = [f"192.0.2.{number + 1}" for number in range(count)]
        told.answer.append(dns.rrset.from_text(name, 60, "IN", "A", *addresses))
    try:
        return told.to_wire(max_size=size)
    except dns.exception.TooBig:
        told.answer.clear()
        told.flags |= dns.flags.TC
        return told.to_wire()


class ByUdp(socketserver.DatagramRequestHandler):
    def handle(self) -> None:
        self.wfile.write(answer(self.rfile.read(), UDP_SIZE))


class ByTcp(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        (size,) = struct.unpack("!H", self.rfile.read(2))
        told = answer(self.rfile.read(size), 65_535)
        self.wfile.write(struct.pack("!H", len(told)) + told)


class Tcp(socketserver.TCPServer):
    allow_reuse_address = True


def serve(port: int) -> None:
    with socketserver.UDPServer(("0.0.0.0", port), ByUdp) as udp:
        threading.Thread(target=udp.serve_forever, daemon=True).start()
        with Tcp(("0.0.0.0", port), ByTcp) as tcp:
            tcp.serve_forever()


def ask(resolver: dns.resolver.Resolver) -> None:
    print(resolver.resolve("a.example.", "A").rrset)
    print(len(resolver.resolve("many.example.", "A").rrset))
    for name, port in (("no.example.", resolver.port), ("a.example.", resolver.port + 1)):
        resolver.port = port
        try:
            resolver.resolve(name, "A", lifetime=3)
        except (dns.resolver.NXDOMAIN, dns.resolver.LifetimeTimeout) as error:
            print(type(error).__name__)


async def ask_together(resolver: dns.asyncresolver.Resolver) -> None:
    names = [f"host{number}.example." for number in range(5)]
    answers = await asyncio.gather(*(resolver.resolve(name, "A") for name in names))
    print([str(told.qname) for told in answers])


def call(host: str, port: int) -> None:
    one, many = dns.resolver.Resolver(configure=False), dns.asyncresolver.Resolver(configure=False)
    for resolver in (one, many):
        resolver.nameservers, resolver.port = [socket.gethostbyname(host)], port
    ask(one)
    asyncio.run(ask_together(many))


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    if role == "server":
        serve(int(port))
    else:
        call(host, int(port))
