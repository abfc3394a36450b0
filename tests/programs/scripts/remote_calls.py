"""xmlrpc: a threaded server, keep-alive, a fault, and a shutdown that a client asks for."""

import socketserver
import sys
import threading
import xmlrpc.client
import xmlrpc.server

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


class Server(socketserver.ThreadingMixIn, xmlrpc.server.SimpleXMLRPCServer):
    daemon_threads = False  # their answers are waited for


def server():
    with Server(("", port), logRequests=False, allow_none=True) as httpd:
        httpd.register_introspection_functions()
        httpd.register_function(pow)
        httpd.register_function(lambda text: text[::-1], "turn")

        @httpd.register_function
        def stop():
            threading.Thread(target=httpd.shutdown).start()

        httpd.serve_forever(poll_interval=0.05)
    print("shut down")


def client():
    with xmlrpc.client.ServerProxy(f"http://{peer}:{port}/", allow_none=True) as proxy:
        print(proxy.system.listMethods())
        print(proxy.pow(2, 30), proxy.turn("abc" * 3))
        print(len(proxy.turn("x" * 300_000)))
        try:
            proxy.pow(1)
        except xmlrpc.client.Fault as error:
            print(error.faultCode, error.faultString.split(":")[0])
        multi = xmlrpc.client.MultiCall(proxy)
        multi.pow(3, 3)
        try:
            print(list(multi()))
        except xmlrpc.client.Fault as error:
            print(error.faultCode)
        print(proxy.stop())


{"server": server, "client": client}[role]()
