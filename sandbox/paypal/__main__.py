"""`python -m sandbox.paypal`: the sandbox PayPal as a process."""

import asyncio
import logging

import click
from tornado.httpserver import HTTPServer

from sandbox import serving
from sandbox.paypal.ledger import Ledger
from sandbox.paypal.server import application
from sandbox.paypal.webhooks import deliver
from settings import settings, var_folder

log = logging.getLogger("sandbox.paypal")
MAX_BODY = 1 << 20


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=settings.paypal_port, show_default=True, help="Port; 0 picks a free one.")
@click.option(
    "--webhook-url",
    default=f"{settings.api_local}/v1/webhooks/paypal",
    show_default=True,
    help="Where events are posted.",
)
def main(host: str, port: int, webhook_url: str) -> None:
    """The sandbox PayPal: orders with the intent AUTHORIZE, captures, refunds and webhooks, without money.

    Its book is paypal.sqlite in the data folder. / lists the orders, GET /sandbox/ledger shows the book, POST
    /sandbox/faults {"kind": "late|cut|500|500_after|429", "times": 1, "seconds": 0, "path": " /v2/"} lets the next
    requests go wrong whose "METHOD /path" the pattern matches. DELETE /sandbox/tokens lets all tokens expire, POST
    /sandbox/orders/<id>/age {"hours": 5} makes an order older. A customer approves an order at
    /checkoutnow?token=<id>.
    """

    async def serve() -> None:
        ledger = Ledger(var_folder() / "paypal.sqlite")
        listener = serving.listen(host, port, "SHOP_PAYPAL_PORT")
        base = serving.address(listener)
        client = (settings.paypal_client_id, settings.paypal_client_secret)
        server = HTTPServer(application(ledger, client, settings.paypal_webhook_id), max_body_size=MAX_BODY)
        server.add_socket(listener)
        log.info("sandbox PayPal on %s, webhooks to %s", base, webhook_url)
        delivery = asyncio.create_task(deliver(ledger, webhook_url, settings.paypal_webhook_id, base))
        try:
            await serving.until_signalled(delivery)
        finally:
            server.stop()
            await server.close_all_connections()
            ledger.close()

    serving.run(serve)


if __name__ == "__main__":
    main()
