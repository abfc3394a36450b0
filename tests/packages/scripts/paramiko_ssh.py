"""paramiko at both ends: a host key of Ed25519, a password, commands, a shell's output."""

import io
import socket
import sys
import threading

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def host_key() -> paramiko.PKey:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    text = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return paramiko.Ed25519Key.from_private_key(io.StringIO(text))


class Server(paramiko.ServerInterface):
    def check_auth_password(self, username: str, password: str) -> int:
        good = password == "secret"
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        # Later: the answer that the command was accepted goes first.
        threading.Timer(0.5, self.execute, (channel, command)).start()
        return True

    def execute(self, channel: paramiko.Channel, command: bytes) -> None:
        channel.sendall(command.upper() + b"\n")
        channel.sendall(b"s" * 100_000)
        channel.send_exit_status(7)
        channel.close()


def serve(port: int) -> None:
    key = host_key()
    with socket.create_server(("", port)) as listener:
        while True:
            conn, _ = listener.accept()
            transport = paramiko.Transport(conn)
            transport.add_server_key(key)
            transport.start_server(server=Server())


def call(host: str, port: int) -> None:
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        asked = {"username": "me", "look_for_keys": False, "allow_agent": False}
        try:
            client.connect(host, port, password="wrong", **asked)
        except paramiko.AuthenticationException as error:
            print(error)
        client.connect(host, port, password="secret", **asked)
        print(client.get_transport().get_remote_server_key().get_name())
        _, stdout, _ = client.exec_command("hello there")
        print(stdout.readline().strip(), len(stdout.read()), stdout.channel.recv_exit_status())


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    serve(int(port)) if role == "server" else call(host, int(port))
