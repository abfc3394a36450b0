"""aiosmtpd takes mail, smtplib sends it."""

import asyncio
import smtplib
import sys
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP


class Handler:
    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if not address.endswith("@example.org"):
            return "550 not relaying"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        return f"250 took {len(envelope.content)} bytes for {','.join(envelope.rcpt_tos)}"


async def serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Handler(), hostname="server"), "0.0.0.0", port)
    await server.serve_forever()


def call(host: str, port: int) -> None:
    with smtplib.SMTP(host, port, local_hostname="client") as smtp:
        message = EmailMessage()
        message["From"], message["To"] = "me@example.org", "you@example.org"
        message.set_content("line\n" * 5_000)
        print(smtp.send_message(message))
        smtp.mail("me@example.org")
        print(smtp.rcpt("x@example.com"))
        smtp.rset()
        smtp.mail("me@example.org")
        smtp.rcpt("you@example.org")
        print(smtp.data(b"short\r\n"))


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    asyncio.run(serve(int(port))) if role == "server" else call(host, int(port))
