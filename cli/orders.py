"""`shop orders`: finds orders."""

import json
from datetime import UTC, datetime
from typing import cast

import click
from rich.box import SIMPLE
from rich.table import Table
from sqlalchemy import select

from cli.run_selection import OrderOrUser
from cli.terminal import console
from models import fulfilment, orders, payments
from models.core.database import transaction
from models.operations import order_search
from models.operations.order_search import OrderFilters


class Day(click.ParamType[datetime]):
    """A day, as its first moment in UTC: `2026-11-29`."""

    name = "day"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            return datetime.strptime(str(value), "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            self.fail(f"{value!r} is not a day such as 2026-11-29.", param, ctx)


@click.group("orders")
def orders_() -> None:
    """Find orders."""


@orders_.command()
@click.argument("text", required=False)
@click.option("--status", type=click.Choice(orders.ORDER_STATUS.statuses), help="Only orders with this status.")
@click.option("--payment-status", type=click.Choice(payments.PAYMENT_STATUS.statuses), help="Only those paid so.")
@click.option(
    "--fulfilment-status", type=click.Choice(fulfilment.FULFILMENT_STATUSES), help="Only those shipped so far."
)
@click.option("--from", "since", type=Day(), help="Only orders placed on this day or later.")
@click.option("--to", "until", type=Day(), help="Only orders placed before this day.")
@click.option("--user", "user_id", type=OrderOrUser("usr"), help="Only orders of this customer: id, name or e-mail.")
@click.option("--sku", help="Only orders of this product.")
@click.option("--tag", help="Only orders with this tag.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Maximum number of orders.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def find(text: str | None, limit: int, as_json: bool, **chosen: object) -> None:
    """Find orders, newest first, as `GET /v1/orders` does.

    TEXT is the number of the order or its invoice, a payment reference, a tracking number, or the customer's e-mail
    address, full name or last name.
    """
    filters = cast(OrderFilters, {name: value for name, value in {"q": text, **chosen}.items() if value})
    with transaction() as session:
        query = order_search.narrow(session, select(orders.Order), filters).order_by(orders.Order.id.desc())
        found = list(session.scalars(query.limit(limit)))
        paid = payments.list_newest_payments(session, [order.id for order in found])
    rows = [_as_dict(order, paid[order.id].status) for order in found]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table(*rows[0] if rows else (), box=SIMPLE, pad_edge=False)
    for row in rows:
        table.add_row(*map(str, row.values()))
    console().print(table if rows else "No orders found.")


def _as_dict(order: orders.Order, payment_status: str) -> dict[str, object]:
    return {
        "number": str(order.number), "id": order.id, "placed": f"{order.created_at:%Y-%m-%d %H:%M:%S}",
        "status": order.status, "payment_status": payment_status,
        "customer": " ".join(filter(None, (order.first_name, order.last_name))),
        "total": f"{order.total / 100:.2f} {order.currency}",
    }  # fmt: skip
