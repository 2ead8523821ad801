"""`python -m sandbox.gateway`: the sandbox payment gateway as a process."""

import asyncio
import logging

import click
from tornado.httpserver import HTTPServer

from sandbox import serving
from sandbox.gateway.ledger import Ledger
from sandbox.gateway.server import application
from sandbox.gateway.webhooks import deliver
from settings import settings, var_folder

log = logging.getLogger("sandbox.gateway")
MAX_BODY = 1 << 20


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=settings.gateway_port, show_default=True, help="Port; 0 picks a free one.")
@click.option(
    "--webhook-url",
    default=f"http://127.0.0.1:{settings.api_port}/v1/webhooks/payments",
    show_default=True,
    help="Where events are posted, signed with SHOP_STRIPE_WEBHOOK_SECRET.",
)
def main(host: str, port: int, webhook_url: str) -> None:
    """The sandbox payment gateway: Stripe's payment intents, refunds and webhooks, without money.

    Its ledger is gateway.sqlite in the data folder. GET /sandbox/ledger shows it, POST /sandbox/faults
    {"kind": "delay|cut|unavailable|error|error_after", "times": 1, "seconds": 0, "path": "/v1/"} lets the next
    requests go wrong, POST /sandbox/payment_intents/<id>/lapse lets an authorisation lapse. A payment
    that needs authentication is confirmed at /sandbox/bank/<id>.
    """

    async def serve() -> None:
        ledger = Ledger(var_folder() / "gateway.sqlite")
        listener = serving.listen(host, port, "SHOP_GATEWAY_PORT")
        server = HTTPServer(application(ledger), max_body_size=MAX_BODY)
        server.add_socket(listener)
        log.info("sandbox gateway on %s, webhooks to %s", serving.address(listener), webhook_url)
        delivery = asyncio.create_task(deliver(ledger, webhook_url, settings.stripe_webhook_secret))
        try:
            await serving.until_told(delivery)
        finally:
            server.stop()
            await server.close_all_connections()
            ledger.close()

    serving.run(serve)


if __name__ == "__main__":
    main()
