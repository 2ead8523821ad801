"""`python -m sandbox.gateway`: runs the sandbox payment gateway."""

import asyncio
import logging

import click
from tornado.httpserver import HTTPServer

from sandbox import serving
from sandbox.gateway.later import act
from sandbox.gateway.ledger import Ledger
from sandbox.gateway.server import application
from sandbox.gateway.webhooks import deliver
from settings import settings, var_folder

log = logging.getLogger("sandbox.gateway")
MAX_BODY = 1 << 20  # bytes


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=settings.gateway_port, show_default=True, help="Port; 0 picks a free one.")
@click.option(
    "--webhook-url",
    default=f"{settings.api_local}/v1/webhooks/payments",
    show_default=True,
    help="URL that receives the webhooks, signed with SHOP_STRIPE_WEBHOOK_SECRET.",
)
@click.option("--later", default=5.0, show_default=True, help="Seconds until refunds end and disputes begin.")
def main(host: str, port: int, webhook_url: str, later: float) -> None:
    """Run the sandbox payment gateway: Stripe's payment intents, refunds, disputes and webhooks, without payments.

    The ledger is stored in gateway.sqlite in the data folder. GET /sandbox/ledger returns it. POST /sandbox/faults
    {"kind": "delay|cut|unavailable|error|error_after", "times": 1, "seconds": 0, "path": "/v1/"} injects a fault into
    the next requests. POST /sandbox/payment_intents/<id>/lapse expires an authorisation, …/dispute disputes a charge,
    and POST /sandbox/refunds/<id>/end with the form status=succeeded|failed ends a refund. GET /sandbox/events returns
    all events. Payments that require authentication are confirmed at /sandbox/bank/<id>.
    """

    async def serve() -> None:
        ledger = Ledger(var_folder() / "gateway.sqlite")
        listener = serving.listen(host, port, "SHOP_GATEWAY_PORT")
        server = HTTPServer(application(ledger), max_body_size=MAX_BODY)
        server.add_socket(listener)
        log.info("sandbox gateway listens on %s, sends webhooks to %s", serving.address(listener), webhook_url)
        delivery = asyncio.create_task(deliver(ledger, webhook_url, settings.stripe_webhook_secret))
        habits = asyncio.create_task(act(ledger, later))
        try:
            await serving.until_signalled(delivery, habits)
        finally:
            server.stop()
            await server.close_all_connections()
            ledger.close()

    serving.run(serve)


if __name__ == "__main__":
    main()
