"""The plans of order searches: in a shop with many orders, none of them reads a whole table."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from models import orders
from models.core.database import transaction
from models.operations import order_search
from models.operations.order_search import OrderFilters
from tests.models.plans import Explain, nodes

ORDERS = 60_000
MOST = 600
"""Rows that a page of 21 orders may read; a few for each order and index."""
FILL = """
SET LOCAL session_replication_role = replica;
CREATE TEMP TABLE past ON COMMIT DROP AS
    SELECT n, uuidv7((n - :orders) * interval '1 minute') AS id, uuidv7() AS user_id,
        now() + (n - :orders) * interval '1 minute' AS at FROM generate_series(1, :orders) AS n;
INSERT INTO accounts.user (id, username, username_key, username_skeleton, email, email_key, password_hash, first_name,
                           last_name, last_name_key)
    SELECT user_id, name, name, name, name || '@example.com', name || '@example.com', 'x', 'Ada', 'Past', 'past'
    FROM (SELECT user_id, 'past' || n AS name FROM past WHERE n % 10 = 0) AS named;
INSERT INTO orders."order" (id, user_id, first_name, last_name, status, total, currency, address, tags, created_at)
    SELECT id, user_id, CASE WHEN n % 5000 = 7 THEN 'Zoe' ELSE 'Ada' END, 'Past',
        CASE WHEN n % 5000 = 7 THEN 'processing' ELSE 'delivered' END, 100, 'EUR', '{}',
        CASE WHEN n % 5000 = 7 THEN ARRAY['rare', 'common'] WHEN n % 3 = 0 THEN ARRAY['common'] ELSE '{}' END, at
    FROM past;
INSERT INTO orders.line (order_id, product_id, sku, title, quantity, unit_price)
    SELECT id, id, CASE WHEN n % 5000 = 7 THEN 'RARE' ELSE 'COMMON' END, 'A thing', 1, 100 FROM past;
INSERT INTO orders.invoice (id, number, order_id) SELECT uuidv7(), '2026-' || n, id FROM past;
INSERT INTO payments.payment (id, order_id, amount, captured, currency, method, reference, status)
    SELECT uuidv7(), id, 100, 100, 'EUR', 'pm', 'pi_' || n,
        CASE WHEN n % 5000 = 7 THEN 'partially_refunded' ELSE 'captured' END FROM past;
INSERT INTO fulfilment.parcel (id, order_id, warehouse_id, status, tracking_number, run_id, shipped_at)
    SELECT uuidv7(), id, id, 'delivered', CASE WHEN n % 3 = 0 THEN 'BY HAND' ELSE 'T' || n END, id, at FROM past
"""


@pytest.fixture
def past() -> None:
    """Orders of months, most of them alike; one in 5,000 is rare in every respect."""
    with transaction() as session:
        for statement in FILL.split(";\n"):
            session.execute(text(statement), {"orders": ORDERS} if ":orders" in statement else {})
    with transaction() as session:
        for table in ('orders."order"', "orders.line", "orders.invoice", "payments.payment", "fulfilment.parcel"):
            session.execute(text(f"ANALYZE {table}"))


LONG_AGO = datetime.now(UTC) - timedelta(days=30)
SEARCHES: dict[str, tuple[OrderFilters, int]] = {
    "an invoice number": ({"q": "2026-7"}, 1),
    "a payment reference": ({"q": "pi_7"}, 1),
    "a tracking number": ({"q": "T8"}, 1),
    "a tracking number of many": ({"q": "BY HAND"}, 21),
    "an e-mail address": ({"q": "PAST10@example.com"}, 1),
    "a common name": ({"q": "Ada  past"}, 21),
    "a rare name": ({"q": "zoe past"}, 12),
    "a common last name": ({"q": "past"}, 21),
    "an unknown name": ({"q": "nobody"}, 0),
    "a common status": ({"status": "delivered"}, 21),
    "a rare status": ({"status": "processing"}, 12),
    "a common payment status": ({"payment_status": "captured"}, 21),
    "a rare payment status": ({"payment_status": "partially_refunded"}, 12),
    "a common fulfilment status": ({"fulfilment_status": "delivered"}, 21),
    "a rare fulfilment status": ({"fulfilment_status": "partially_fulfilled"}, 12),
    "no fulfilment": ({"fulfilment_status": "unfulfilled"}, 0),
    "a common SKU": ({"sku": "COMMON"}, 21),
    "a rare SKU": ({"sku": "RARE"}, 12),
    "a common tag": ({"tag": "common"}, 21),
    "a rare tag": ({"tag": "rare"}, 12),
    "a day long ago": ({"since": LONG_AGO, "until": LONG_AGO + timedelta(hours=1)}, 21),
    "all at once": ({"q": "zoe past", "status": "processing", "sku": "RARE", "tag": "rare"}, 12),
}


def test_a_search_among_many_orders_reads_few_rows(past: None) -> None:
    assert {what: fault for what in SEARCHES if (fault := _fault(what))} == {}


def _fault(what: str) -> object:
    """What is wrong with a search, if anything."""
    filters, expected = SEARCHES[what]
    with transaction() as session:
        query = order_search.narrow(session, select(orders.Order), filters)
        query = query.order_by(orders.Order.id.desc()).limit(21)
        found = len(session.scalars(query).all())
        (answer,) = session.execute(Explain(query)).one()
    read = [node for node in nodes(answer[0]["Plan"]) if "Scan" in node["Node Type"]]
    if found != expected:
        return f"found {found} orders"
    if "Seq Scan" in {node["Node Type"] for node in read}:
        return "reads a whole table"
    return sum(map(_rows, read)) > MOST * (8 if "since" in filters else 1) and read


def _rows(node: dict[str, Any]) -> float:
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return float((node["Actual Rows"] + removed) * node["Actual Loops"])
