"""getaddrinfo, gethostbyname, getnameinfo, getfqdn, create_connection by name."""

import socket
import sys

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def server():
    for family, kind, protocol, _, address in socket.getaddrinfo(
        None, port, socket.AF_INET, socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    ):
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
        print(family.name, kind.name, protocol, address == ("0.0.0.0", port))
        break
    connection, address = listener.accept()
    print(connection.getpeername() == address, connection.getsockname()[1] == port)
    connection.sendall(socket.gethostname().encode())
    connection.close()
    listener.close()


def client():
    infos = socket.getaddrinfo(peer, port, socket.AF_INET, socket.SOCK_STREAM)
    print(len(infos), infos[0][0].name, infos[0][3], infos[0][4][1] == port)
    address = socket.gethostbyname(peer)
    print(address == infos[0][4][0], socket.gethostbyname(address) == address)
    print(socket.gethostbyname_ex(address)[2] == [address])
    print(socket.getnameinfo((address, port), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)
          == (address, str(port)))  # fmt: skip
    print(socket.getservbyname("http"), socket.getservbyport(443))
    print(bool(socket.gethostname()), bool(socket.getfqdn()))
    print(socket.getaddrinfo("127.0.0.1", "http", type=socket.SOCK_STREAM)[0][4])
    for name in ("no.such.host.invalid", "256.1.1.1", "1.2.3.4"):
        try:
            flags = socket.AI_NUMERICHOST
            print(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=flags)[0][4][0])
        except socket.gaierror as error:
            print(name, error)
    try:
        socket.getaddrinfo(peer, "no-such-service")
    except socket.gaierror as error:
        print(error)
    with socket.create_connection((peer, port), source_address=("", 0)) as sock:
        print(sock.getpeername() == (address, port), len(sock.recv(100)) > 0, sock.recv(1))
    print(socket.inet_ntoa(socket.inet_aton("10.1")), socket.inet_pton(socket.AF_INET, "1.2.3.4"))
    print(socket.htons(1), socket.ntohl(1), socket.has_ipv6)


{"server": server, "client": client}[role]()
