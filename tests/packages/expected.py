"""The output of each script's client, as it is on the loopback of a Linux kernel."""

from typing import Final

EXPECTED: Final[dict[str, list[str]]] = {
    "http_server_urllib": [
        "200 GET /a",
        "200 GET /b?c=d",
        "100001 b'yx'",
        "404 Not Found",
    ],
    "requests_session": [
        "/a /b?q=1",
        "{'told': {'k': [1, 2]}}",
        "/new [302]",
        "300000",
        "ReadTimeout",
        "ConnectionError",
    ],
    "httpx_sync": [
        "['/0', '/1', '/2']",
        "{'told': {'k': 1}}",
        "300000",
        "ReadTimeout",
        "[Errno 111] Connection refused",
    ],
    "httpx_async": [
        "/0 /1 /2 /3 /4 /5 /6 /7 /8 /9 /10 /11 /12 /13 /14 /15 /16 /17 /18 /19",
        "{'told': {'k': 1}}",
        "300000",
        "ReadTimeout",
    ],
    "aiohttp_http": [
        "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29",
        "400000",
        "0 1 2 3 4 ",
        "timed out",
    ],
    "aiohttp_websocket": [
        "ONE",
        "TWO",
        "THREE",
        "200000",
        "a minute later",
        "CLOSE 4000 as you wish",
    ],
    "uvicorn_starlette": [
        "asyncio",
        "[0, 1, 4, 9, 16, 25, 36, 49, 64, 81]",
        "500000",
        "3000",
        "from a thread",
    ],
    "redis_sync": [
        "True True 20000",
        "[0, 1, 3, 6, 10]",
        "('jobs', 'job 1')",
        "something happened",
    ],
    "redis_asyncio": [
        "['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12', '13', '14', "
        "'15', '16', '17', '18', '19']",
        "[2, ['b', 'a']]",
        "something happened",
    ],
    "http_client": [
        "200 PUT /0 0",
        "200 PUT /1 70000",
        "200 PUT /2 140000",
    ],
    "hypercorn_asgi": [
        "200 /0 0",
        "200 /1 50000",
        "200 /2 100000",
    ],
    "flask_werkzeug": [
        "['slept 3 s', 'slept 2 s', 'slept 1 s', 'slept 0 s']",
        "took 3 s",
        '{"sum":6}',
    ],
    "waitress_wsgi": [
        "['/0 0', '/1 60000', '/2 120000', '/3 180000']",
    ],
    "websockets_sync": [
        "str 6",
        "bytes 6",
        "str 200000",
        "True",
        "(4001, 'as you wish')",
    ],
    "websockets_asyncio": [
        "message 0 / message 0",
        "message 1 / message 1",
        "message 2 / message 2",
    ],
    "trio_streams": [
        "['TRIO 0', 'TRIO 1', 'TRIO 2', 'TRIO 3', 'TRIO 4'] True",
        "cancelled True",
        "from a thread",
    ],
    "anyio_streams": [
        "['0 oiyna', '1 oiyna', '2 oiyna', '3 oiyna', '4 oiyna']",
        "timed out True",
        "from a thread",
    ],
    "aiosmtpd_smtplib": [
        "{}",
        "(550, b'not relaying')",
        "(250, b'took 7 bytes for you@example.org')",
    ],
    "xmlrpc_calls": [
        "3.5 100000",
        "<class 'ZeroDivisionError'>:division by zero",
        "[0.5, 0.25]",
    ],
    "pyftpdlib_ftplib": [
        "530 Authentication failed.",
        "230 Login successful.",
        "226 Transfer complete.",
        "300000 ['passive-True']",
        "226 Transfer complete.",
        "300000 ['passive-False', 'passive-True']",
        "250 File removed.",
    ],
    "paho_amqtt": [
        "subscribed",
        "('rooms/0', 'message 0', 2)",
        "('rooms/1', 'message 1', 2)",
        "('rooms/2', 'message 2', 2)",
    ],
    "paramiko_ssh": [
        "Authentication failed.",
        "ssh-ed25519",
        "HELLO THERE 100000 7",
    ],
    "twisted_lines": [
        "['ONE', 'TWO', 'THREE']",
        "200 page /x",
        "from a thread",
    ],
    "tls_blocking": [
        "200 2",
        "200 300000",
        "not trusted",
    ],
    "tls_asyncio": [
        "4 TLSv1.3",
        "60001 TLSv1.3",
        "go",
        "4 TLSv1.3",
        "60001 TLSv1.3",
    ],
    "executors": [
        "['slept 1', 'slept 2', 'slept 3', 'slept 4', 'slept 5']",
        "timed out",
        "['slept 0.1', 'slept 0.2', 'slept 0.3', 'slept 0.4', 'slept 0.5', 'slept 0.6', "
        "'slept 0.7', 'slept 0.8', 'slept 0.9', 'slept 1']",
    ],
    "signal_handlers": [
        "rung 3",
        "Alarm",
        "SIGUSR1 in the loop",
        "KeyboardInterrupt",
    ],
    "mixed": [
        "LINE 0",
        "LINE 1",
        "LINE 2",
        "300000",
    ],
    "crowds": [
        "600",
        "300",
    ],
    "udp_questions": [
        "FROM A SOCKET",
        "FROM ASYNCIO",
    ],
    "ipv6_streams": [
        "IPv6 FROM A SOCKET",
        "IPv4 FROM A SOCKET",
        "IPv4 FROM A SOCKET",
        "IPv4 FROM ASYNCIO",
    ],
    "gunicorn_arbiter": [],
    "tornado_web": [
        "['page 0', 'page 1', 'page 2', 'page 3', 'page 4', 'page 5', 'page 6', 'page 7', "
        "'page 8', 'page 9', 'page 10', 'page 11']",
        "b'200000'",
        "Timeout during request",
        "A MESSAGE",
        "None 4000",
        "b'enil a\\n'",
    ],
    "cherrypy_site": [
        "['page 0', 'page 1', 'page 2', 'page 3', 'page 4', 'page 5']",
        "b'200000'",
        "404 Not Found",
    ],
    "dnspython_names": [
        "a.example. 60 IN A 192.0.2.1",
        "100",
        "NXDOMAIN",
        "LifetimeTimeout",
        "['host0.example.', 'host1.example.', 'host2.example.', 'host3.example.', "
        "'host4.example.']",
    ],
    "grpclib_calls": [
        "[b'WORD 0', b'WORD 1', b'WORD 2', b'WORD 3', b'WORD 4']",
        "[(3, b'cba'), (200000, b'ede')]",
        "TimeoutError Deadline exceeded",
    ],
}
