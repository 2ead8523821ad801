"""How long the server takes for the lists of the desk, with a million orders, payments and movements.

`python -m benchmarks.desk [ROWS [FOLDER]]` fills a new database by a few large statements, then asks for each list as
somebody who holds every permission, in this process: without the network, with the real PostgreSQL. Prints the median
and the 95th percentile. FOLDER keeps the database for the next time. Rows belong together as far as the lists look: an
order has a customer, a line and a payment.
"""

import json
import os
import secrets
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROUNDS = 40
"""Requests for each list; as many before are not measured, up to ten."""
FEW = 10
"""There are ten times fewer products, customers, purchase orders, transfers and reservations than orders."""
LISTS = (
    "/desk/", "/desk/orders", "/desk/orders?status=confirmed", "/desk/orders?payment_status=captured",
    "/desk/orders?q=Past", "/desk/payments", "/desk/payments?status=failed", "/desk/customers", "/desk/returns",
    "/desk/stock", "/desk/stock?low=true", "/desk/stock?q=thing", "/desk/stock?warehouse_id={annex}",
    "/desk/stock-alerts", "/desk/stock-alerts?warehouse_id={annex}", "/desk/movements",
    "/desk/movements?warehouse_id={annex}", "/desk/purchase-orders", "/desk/purchase-orders?status=partly_received",
    "/desk/purchase-orders?warehouse_id={annex}", "/desk/purchase-orders?status=ordered&warehouse_id={annex}",
    "/desk/transfers", "/desk/transfers?status=in_transit", "/desk/transfers?warehouse_id={annex}",
    "/desk/stock-counts", "/desk/stock-counts?status=submitted", "/desk/stock-counts?warehouse_id={annex}",
    "/desk/reservations", "/desk/reservations?status=held", "/desk/warehouses", "/desk/warehouses/{annex}",
    "/desk/warehouses/{annex}/figures",
    "/desk/stock/{product}", "/desk/movements?product_id={product}",
    "/desk/orders?sku=PAST-7", "/desk/payments?provider=paypal", "/desk/payments?status=disputed",
    "/desk/purchase-orders?status=cancelled", "/desk/transfers?status=cancelled", "/desk/stock-counts?status=expired",
    "/desk/reservations?status=expired", "/desk/purchase-orders?warehouse_id={nowhere}",
    "/desk/transfers?warehouse_id={nowhere}", "/desk/stock-alerts?warehouse_id={nowhere}",
    "/desk/stock?warehouse_id={nowhere}", "/desk/stock?low=true&warehouse_id={nowhere}",
    "/desk/movements?warehouse_id={nowhere}", "/desk/stock-counts?warehouse_id={nowhere}",
)  # fmt: skip

SALES = """
CREATE TEMP TABLE thing AS
    SELECT row_number() OVER (ORDER BY id) - 1 AS n, id, sku, title, price_amount AS price FROM catalogue.product;
CREATE UNIQUE INDEX ON thing (n);
CREATE TEMP TABLE person AS SELECT n, uuidv7() AS id FROM generate_series(0, {few}) AS n;
CREATE UNIQUE INDEX ON person (n);
INSERT INTO accounts.user (id, username, username_key, username_skeleton, email, email_key, password_hash, first_name,
                           last_name, last_name_key, email_confirmed_at)
    SELECT id, name, name, name, name || '@example.com', name || '@example.com', 'none', 'Ada', 'Past', 'past',
           now()
    FROM (SELECT id, 'past' || n AS name FROM person) AS named;
CREATE TEMP TABLE past AS
    SELECT o AS n, uuidv7((o - {rows}) * interval '30 seconds') AS id, person.id AS user_id,
           now() + (o - {rows}) * interval '30 seconds' AS at, thing.id AS product_id, sku, title, price
    FROM generate_series(1, {rows}) AS o JOIN person ON person.n = o / 10 JOIN thing ON thing.n = o % {few};
INSERT INTO orders."order"
    (id, user_id, first_name, last_name, status, total, currency, address, created_at, confirmed_at)
    SELECT id, user_id, 'Ada', 'Past ' || n / 10,
           CASE WHEN n % 200 = 0 THEN 'confirmed' WHEN n % 97 = 0 THEN 'cancelled' ELSE 'delivered' END,
           price, 'EUR', '{{"line1": "1 Past Road", "city": "Ys"}}', at, at FROM past ORDER BY n;
INSERT INTO orders.line (order_id, product_id, sku, title, quantity, unit_price)
    SELECT id, product_id, sku, title, 1, price FROM past ORDER BY n;
INSERT INTO payments.payment (id, order_id, amount, currency, method, reference, status, created_at, updated_at)
    SELECT uuidv7((n - {rows}) * interval '30 seconds'), id, price, 'EUR', 'pm_card_visa', 'pi_past' || n,
           CASE WHEN n % 200 = 0 THEN 'authorised' WHEN n % 97 = 0 THEN 'failed' ELSE 'captured' END, at, at
    FROM past ORDER BY n;
INSERT INTO inventory.movement (id, product_id, warehouse_id, quantity, reason, reference, created_at)
    SELECT uuidv7((n - {rows}) * interval '30 seconds'), product_id, warehouse.id, -1, 'sale', 'past ' || n, at
    FROM past, inventory.warehouse WHERE is_default ORDER BY n
"""

STOCK = """
INSERT INTO inventory.warehouse (id, name) VALUES (uuidv7(), 'Annex');
CREATE TEMP TABLE place AS SELECT id, row_number() OVER (ORDER BY is_default DESC) - 1 AS n FROM inventory.warehouse;
INSERT INTO inventory.stock (product_id, warehouse_id, on_hand, reorder_point, low_since)
    SELECT thing.id, place.id, thing.n % 20, 1, CASE WHEN thing.n % 20 <= 1 THEN now() - thing.n * interval '1 s' END
    FROM thing, place WHERE place.n = 1;
CREATE TEMP TABLE made AS
    SELECT n, uuidv7((n - {few}) * interval '5 minutes') AS id, now() + (n - {few}) * interval '5 minutes' AS at
    FROM generate_series(1, {few}) AS n;
INSERT INTO inventory.purchase_order (id, warehouse_id, status, run_id, created_at, updated_at, closed_at)
    SELECT made.id, place.id, CASE WHEN made.n % 50 = 0 THEN 'ordered' WHEN made.n % 51 = 0 THEN 'partly_received'
           ELSE 'received' END, uuidv7(), at, at, CASE WHEN made.n % 50 <> 0 AND made.n % 51 <> 0 THEN at END
    FROM made JOIN place ON place.n = made.n / 3 % 2 ORDER BY made.n;
INSERT INTO inventory.purchase_order_line
    (purchase_order_id, product_id, sku, title, quantity, delivered, received, unit_cost)
    SELECT made.id, thing.id, sku, title, 10, got, got, 100 FROM made, generate_series(0, 2) AS i
    JOIN LATERAL (SELECT (made.n * 3 + i) % {few} AS n) AS chosen ON true JOIN thing ON thing.n = chosen.n,
    LATERAL (SELECT CASE WHEN made.n % 50 = 0 THEN 0 WHEN made.n % 51 = 0 THEN 5 ELSE 10 END AS got) AS received;
INSERT INTO inventory.transfer (id, source_id, target_id, status, run_id, created_at, updated_at, received_at)
    SELECT made.id, source.id, target.id, CASE WHEN made.n % 500 = 0 THEN 'in_transit' ELSE 'received' END, uuidv7(),
           at, at, CASE WHEN made.n % 500 <> 0 THEN at END
    FROM made JOIN place AS source ON source.n = made.n / 3 % 2 JOIN place AS target ON target.n = 1 - source.n
    ORDER BY made.n;
INSERT INTO inventory.transfer_line (transfer_id, product_id, sku, title, quantity, received)
    SELECT made.id, thing.id, sku, title, 2, CASE WHEN made.n % 500 <> 0 THEN 2 END
    FROM made JOIN thing ON thing.n = made.n % {few};
INSERT INTO inventory.stock_count (id, warehouse_id, scope, status, run_id, created_at, updated_at)
    SELECT made.id, place.id, 'products', CASE WHEN made.n % 500 = 0 THEN 'submitted' ELSE 'booked' END,
           uuidv7(), at, at
    FROM made JOIN place ON place.n = made.n / 3 % 2 ORDER BY made.n;
INSERT INTO inventory.stock_count_line
    (stock_count_id, product_id, sku, title, unit_value, expected, counted, counted_at)
    SELECT made.id, thing.id, sku, title, price, 3, 3 + made.n % 2, at
    FROM made JOIN thing ON thing.n = made.n % {few};
INSERT INTO inventory.outside_reservation
    (id, reference, status, units, run_id, expires_at, created_at, updated_at)
    SELECT id, 'market-' || n, CASE WHEN n % 500 = 0 THEN 'held' ELSE 'shipped' END, 1, uuidv7(), at, at, at FROM made
    ORDER BY n;
INSERT INTO inventory.reservation (order_id, product_id, warehouse_id, quantity, shipped, status)
    SELECT made.id, thing.id, place.id, 1, CASE WHEN made.n % 500 = 0 THEN 0 ELSE 1 END,
           CASE WHEN made.n % 500 = 0 THEN 'reserved' ELSE 'shipped' END
    FROM made JOIN thing ON thing.n = made.n % {few} JOIN place ON place.n = 0
"""


def fill(rows: int) -> None:
    """Fills the new database, and updates the statistics of PostgreSQL's planner."""
    from sqlalchemy import text

    from benchmarks.history import PRODUCTS
    from models.core.database import engine

    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET lock_timeout = 0"))
        connection.execute(text("SET session_replication_role = replica"))  # foreign key checks would take hours
        for part in (PRODUCTS.format(products=rows // FEW), SALES, STOCK):
            for statement in part.split(";\n"):
                began = time.monotonic()
                connection.execute(text(statement.format(rows=rows, few=rows // FEW)))
                print(f"{time.monotonic() - began:6.1f} s  {' '.join(statement.split())[:70]}", file=sys.stderr)
        connection.execute(text("RESET session_replication_role"))
        connection.execute(text("VACUUM (ANALYZE)"))
        connection.execute(text("CHECKPOINT"))


def enter(app: Any) -> Any:
    """A client in which somebody with every permission has signed in."""
    from models import access as roles
    from models import accounts
    from models.core.database import transaction
    from web import access

    name = f"boss-{secrets.token_hex(4)}"
    with transaction() as session:
        user = accounts.add_customer(
            session, username=name, email=f"{name}@example.com", password_hash="none",  # noqa: S106
            first_name="The", last_name="Boss", address={"line1": "1 Past Road", "city": "Ys", "country": "GB"},
        )  # fmt: skip
        roles.grant(session, user.id, "admin")
        opened = accounts.open_session(session, user.id, "benchmark", "127.0.0.1")
    client = app.test_client()
    with app.test_request_context():
        response = app.make_response("")
        access.sign_in(response, opened)
    cookie, _, value = response.headers["Set-Cookie"].partition(";")[0].partition("=")
    client.set_cookie(cookie, value)
    return client


def measure(client: Any, path: str) -> list[float]:
    """Milliseconds of each request."""
    found = []
    for _ in range(ROUNDS + min(ROUNDS, 10)):
        began = time.perf_counter()
        answer = client.get(path, headers={"Accept": "text/html"})
        found.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{path}: {answer.status_code}")
    return found[-ROUNDS:]


def serve(exits: ExitStack, folder: Path | None) -> None:
    """Starts servers of this benchmark alone, and leads the settings to them. PostgreSQL keeps its data in `folder`."""
    from local import postgres, redis

    var = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="shop-bench-")))
    url = exits.enter_context(postgres.running(folder))
    urls = {"database_url": url, "broker_url": exits.enter_context(redis.running())}
    (var / "stack.json").write_text(json.dumps(urls))
    os.environ["SHOP_VAR"] = str(var)


def main(rows: int = 1_000_000, folder: Path | None = None) -> None:
    is_filled = folder is not None and (folder / "postgres").exists()
    with ExitStack() as exits:
        serve(exits, folder)
        from sqlalchemy import select

        from models import inventory
        from models.catalogue import Product
        from models.core.database import transaction
        from models.core.schema import migrate
        from web.app import create_app

        migrate()
        if not is_filled:
            fill(rows)
        client = enter(create_app())
        with transaction() as session:
            found = session.scalars(inventory.select_warehouses())
            ids = {"annex": next(one.id for one in found if one.name == "Annex"), "nowhere": f"wh_{'0' * 32}"}
            ids["product"] = str(session.scalars(select(Product.id).where(Product.sku == "PAST-7")).one())
        for path in LISTS:
            spent = measure(client, path.format(**ids))
            print(f"{median(spent):7.1f} ms {quantiles(spent, n=20)[-1]:7.1f} ms  {path}", flush=True)


if __name__ == "__main__":
    main(*(make(value) for make, value in zip((int, Path), sys.argv[1:], strict=False)))
