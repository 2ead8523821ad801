"""`python -m sandbox.mailbox`: runs the mailbox, SMTP on one port and web pages on another."""

import asyncio
import logging

import click
from aiosmtpd.smtp import SMTP, Envelope, Session
from tornado.httpserver import HTTPServer

from sandbox import serving
from sandbox.mailbox.page import State
from sandbox.mailbox.pages import application
from sandbox.mailbox.store import Store
from sandbox.mailbox.subscriptions import Subscriptions
from settings import settings, var_folder

log = logging.getLogger("sandbox.mailbox")
MAX_MAIL = 10 << 20  # bytes; larger mails are refused permanently


class SmtpHandler:
    """Receives mails. The response 250 means that the mail is on disk."""

    def __init__(self, state: State) -> None:
        self.state = state

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.lower().endswith(".invalid"):
            return "550 5.1.1 There is no such mailbox"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.state.faults.next(kinds=("refuse",)):
            return "451 4.3.0 Injected fault (/sandbox/faults), try again later"
        assert isinstance(envelope.original_content, bytes)
        message = self.state.store.add_mail(envelope.mail_from or "", envelope.rcpt_tos, envelope.original_content)
        return f"250 2.0.0 Stored as {message.id}"


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--smtp-port", default=settings.smtp_port, show_default=True, help="SMTP port; 0 picks a free one.")
@click.option(
    "--port", default=settings.mailbox_port, show_default=True, help="Port of the web pages; 0 picks a free one."
)
def main(host: str, smtp_port: int, port: int) -> None:
    """Run the mailbox: store received mails in the folder `mailbox` of the data folder, and show them as web pages.

    A mail with a known Message-ID counts as another delivery of the same mail. POST /sms is an SMS provider, and
    /push-service a push service with its browsers. POST /sandbox/faults {"kind": "refuse", "times": 1} makes SMTP
    respond 451 to the next mail; `sms_down` and `push_busy` are for the other two. Addresses in .invalid (RFC 2606) do
    not exist: 550.
    """

    async def serve() -> None:
        folder = var_folder() / "mailbox"
        state = State(Store(folder), Subscriptions(folder / "subscriptions"))
        handler = SmtpHandler(state)
        smtp_socket = serving.listen(host, smtp_port, "SHOP_SMTP_PORT")
        http_socket = serving.listen(host, port, "SHOP_MAILBOX_PORT")
        smtp_server = await asyncio.get_running_loop().create_server(
            lambda: SMTP(
                handler,
                hostname="localhost",
                ident="Shopflow mailbox",
                data_size_limit=MAX_MAIL,
                enable_SMTPUTF8=True,
            ),
            sock=smtp_socket,
        )
        http_server = HTTPServer(application(state))
        http_server.add_socket(http_socket)
        log.info("mailbox listens on %s and on %s", serving.address(http_socket), serving.address(smtp_socket, "smtp"))
        try:
            await serving.until_signalled()
        finally:
            smtp_server.close()
            http_server.stop()
            await http_server.close_all_connections()

    serving.run(serve)


if __name__ == "__main__":
    main()
