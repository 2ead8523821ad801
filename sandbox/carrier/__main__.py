"""`python -m sandbox.carrier`: the sandbox carrier as a process."""

import asyncio
import logging

import click
from tornado.httpserver import HTTPServer

from sandbox import serving
from sandbox.carrier import shipments, trackers
from sandbox.carrier.book import Book
from sandbox.carrier.server import application
from sandbox.carrier.webhooks import deliver
from settings import settings, var_folder

log = logging.getLogger("sandbox.carrier")
MAX_BODY = 1 << 20
LOOK = 0.2


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=settings.carrier_port, show_default=True, help="Port; 0 picks a free one.")
@click.option(
    "--webhook-url",
    default=f"{settings.api_local}/v1/webhooks/carrier",
    show_default=True,
    help="Where events are posted, signed with SHOP_CARRIER_WEBHOOK_SECRET.",
)
@click.option("--auto-deliver", type=click.FloatRange(min=0), help="Move parcels by themselves; seconds per move.")
@click.option("--refund-after", default=2.0, show_default=True, help="Seconds until a refund is decided.")
def main(host: str, port: int, webhook_url: str, auto_deliver: float | None, refund_after: float) -> None:
    """The sandbox carrier: EasyPost's shipments, labels, refunds, trackers and webhooks, without parcels.

    Its book is carrier.sqlite in the data folder. The page / lists the parcels, with buttons that move them, and GET
    /sandbox/parcels does so as JSON. POST /sandbox/parcels/<tracking code>/move {"status": "in_transit"} moves one.
    POST /sandbox/faults {"kind": "late|cut|500|500_after|429", "times": 1, "seconds": 0, "path": "/v2/",
    "method": "POST"} lets the next requests go wrong. An address in the city Nowhere is refused, and nobody carries
    parcels to AQ.
    """

    async def serve() -> None:
        book = Book(var_folder() / "carrier.sqlite")
        listener = serving.listen(host, port, "SHOP_CARRIER_PORT")
        server = HTTPServer(application(book), max_body_size=MAX_BODY)
        server.add_socket(listener)
        log.info("sandbox carrier on %s, webhooks to %s", serving.address(listener), webhook_url)
        delivery = asyncio.create_task(deliver(book, webhook_url, settings.carrier_webhook_secret))
        progress = asyncio.create_task(move_on(book, auto_deliver, refund_after))
        try:
            await serving.until_signalled(delivery, progress)
        finally:
            server.stop()
            await server.close_all_connections()
            book.close()

    serving.run(serve)


async def move_on(book: Book, auto_deliver: float | None, refund_after: float) -> None:
    """Decides on refunds when it is time, and moves the parcels that move by themselves. Never ends."""
    while True:
        with book.transaction():
            shipments.settle_refunds(book, refund_after)
            if auto_deliver is not None:
                trackers.move_by_themselves(book, auto_deliver)
        await asyncio.sleep(LOOK)


if __name__ == "__main__":
    main()
