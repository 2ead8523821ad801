"""`python -m sandbox.mailbox`: the mailbox as a process, SMTP on one port and its pages on another."""

import asyncio
import logging

import click
from aiosmtpd.smtp import SMTP, Envelope, Session
from tornado.httpserver import HTTPServer

from sandbox import serving
from sandbox.mailbox.pages import State, application
from sandbox.mailbox.store import Store
from settings import settings, var_folder

log = logging.getLogger("sandbox.mailbox")
MAX_MAIL = 10 << 20  # bytes; a larger one is refused for good


class Reception:
    """Takes mails: an answer of 250 means that the mail is on the disk."""

    def __init__(self, state: State) -> None:
        self.state = state

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.state.faults.next():
            return "451 4.3.0 The mailbox was told to refuse this (/sandbox/faults); try again later"
        assert isinstance(envelope.original_content, bytes)
        message = self.state.store.keep_mail(envelope.mail_from or "", envelope.rcpt_tos, envelope.original_content)
        return f"250 2.0.0 Kept as {message.id}"


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--smtp-port", default=settings.smtp_port, show_default=True, help="SMTP; 0 picks a free port.")
@click.option("--port", default=settings.mailbox_port, show_default=True, help="Pages; 0 picks a free port.")
def main(host: str, smtp_port: int, port: int) -> None:
    """The mailbox: keeps every mail it gets in the folder mailbox of the data folder, and shows them.

    A mail whose Message-ID it already has counts as one more delivery of the same mail. POST /push takes
    text messages and pushes; POST /sandbox/faults {"kind": "refuse", "times": 1} lets SMTP answer 451.
    """

    async def serve() -> None:
        state = State(Store(var_folder() / "mailbox"))
        reception = Reception(state)
        door = serving.listen(host, smtp_port, "SHOP_SMTP_PORT")
        window = serving.listen(host, port, "SHOP_MAILBOX_PORT")
        mail_server = await asyncio.get_running_loop().create_server(
            lambda: SMTP(
                reception,
                hostname="localhost",
                ident="Shopflow mailbox",
                data_size_limit=MAX_MAIL,
                enable_SMTPUTF8=True,
            ),
            sock=door,
        )
        page_server = HTTPServer(application(state))
        page_server.add_socket(window)
        log.info("mailbox on %s, mail on %s", serving.address(window), serving.address(door, "smtp"))
        try:
            await serving.until_told()
        finally:
            mail_server.close()
            page_server.stop()
            await page_server.close_all_connections()

    serving.run(serve)


if __name__ == "__main__":
    main()
