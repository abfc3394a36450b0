"""pyftpdlib serves a temporary directory, ftplib uses it: passive and active, up and down."""

import ftplib
import io
import sys
import tempfile

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer


def serve(port: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        FTPHandler.authorizer = DummyAuthorizer()
        FTPHandler.authorizer.add_user("me", "secret", directory, perm="elradfmwMT")
        FTPHandler.use_sendfile = True
        FTPServer(("0.0.0.0", port), FTPHandler).serve_forever()


def call(host: str, port: int) -> None:
    with ftplib.FTP() as ftp:
        ftp.connect(host, port)
        try:
            ftp.login("me", "wrong")
        except ftplib.error_perm as error:
            print(error)
        print(ftp.login("me", "secret"))
        for passive in (True, False):
            ftp.set_pasv(passive)
            name = f"passive-{passive}"
            print(ftp.storbinary(f"STOR {name}", io.BytesIO(b"f" * 300_000)))
            parts: list[int] = []
            ftp.retrbinary(f"RETR {name}", lambda part, parts=parts: parts.append(len(part)))
            print(sum(parts), sorted(ftp.nlst()))
        print(ftp.delete("passive-True"))


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    serve(int(port)) if role == "server" else call(host, int(port))
