"""Test data: products, customers and completed orders, written by a few large statements.

Each command runs in the environment of a running shop. `python -m benchmarks.history fill PRODUCTS ORDERS` fills an
empty shop. Each order has all its rows: lines, payment, invoice, reservations, run, steps, events and mail; and three
parcels with their tracking events, and ten stock movements. The runs of the parcels are left out.
`python -m benchmarks.history analyse` updates the statistics. `python -m benchmarks.history some` prints the ids of
random products, and `python -m benchmarks.history one` the ids of a past order, its product and its warehouse, as JSON.
"""

import json
import sys

from sqlalchemy import text

from models.core.database import engine

EACH = 10
"""Past orders per customer."""

PRODUCTS = """
INSERT INTO catalogue.category (id, name) SELECT uuidv7(), 'Shelf ' || n FROM generate_series(1, 100) AS n;
INSERT INTO catalogue.product (id, sku, kind, title, description, price_amount, currency, category_id)
    SELECT uuidv7((n - {products}) * interval '1 second'), 'PAST-' || n,
           (ARRAY['book', 'clothing', 'electronics'])[1 + n % 3], 'Thing number ' || n,
           repeat('some words about it ', 10), 500 + n % 5000, 'EUR', shelf.id
    FROM generate_series(1, {products}) AS n
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM catalogue.category) AS shelf ON place = 1 + n % 100;
INSERT INTO inventory.stock (product_id, warehouse_id, on_hand)
    SELECT product.id, warehouse.id, 1000000 FROM catalogue.product, inventory.warehouse WHERE is_default;
INSERT INTO inventory.movement (id, product_id, warehouse_id, quantity, reason)
    SELECT uuidv7(), product_id, warehouse_id, on_hand, 'opening stock' FROM inventory.stock
"""

ORDERS = """
CREATE TEMP TABLE thing AS
    SELECT row_number() OVER (ORDER BY id) - 1 AS n, id, sku, title, price_amount AS price FROM catalogue.product;
CREATE TEMP TABLE person AS SELECT n, uuidv7() AS id FROM generate_series(0, {orders} / {each}) AS n;
INSERT INTO accounts.user (id, username, username_key, username_skeleton, email, email_key, password_hash, first_name,
                           last_name, last_name_key, email_confirmed_at)
    SELECT id, name, name, name, name || '@example.com', name || '@example.com', 'none', 'Ada', 'Past', 'past',
           now()
    FROM (SELECT id, 'past' || n AS name FROM person) AS named;
INSERT INTO carts.cart (id, user_id) SELECT uuidv7(), id FROM person;
CREATE TEMP TABLE past AS
    SELECT o AS n, uuidv7((o - {orders}) * interval '30 seconds') AS id,
           uuidv7((o - {orders}) * interval '30 seconds') AS run_id, uuidv7() AS payment_id,
           person.id AS user_id, now() + (o - {orders}) * interval '30 seconds' AS at
    FROM generate_series(1, {orders}) AS o JOIN person ON person.n = o / {each};
CREATE TEMP TABLE bought AS
    SELECT past.id AS order_id, past.at, chosen.quantity, thing.*
    FROM past, LATERAL (
        SELECT n, count(*) AS quantity FROM unnest(ARRAY[
            past.n % {products}, past.n % {products}, (past.n * 7 + 1 + {products} / 2) % {products}
        ]) AS n GROUP BY n
    ) AS chosen JOIN thing ON thing.n = chosen.n;
INSERT INTO workflow.run (id, workflow, key, status, input, result, owner, lease_until, created_at, finished_at)
    SELECT run_id, 'checkout', 'ord_' || replace(id::text, '-', ''), 'succeeded', what, what, user_id, at, at, at
    FROM past, jsonb_build_object('order_id', 'ord_' || replace(id::text, '-', ''),
                                  'user_id', 'usr_' || replace(user_id::text, '-', '')) AS what;
INSERT INTO workflow.step (run_id, name, status, output, queue, worker, started_at, finished_at)
    SELECT run_id, queue || '.' || name, 'done', jsonb_build_object('reference', n), queue, 'all@past', at, at
    FROM past, (VALUES ('inventory', 'reserve'), ('payments', 'authorise'), ('orders', 'confirm'),
        ('inventory', 'allocate'), ('carts', 'clear'), ('notifications', 'order_confirmed'), ('orders', 'complete')
    ) AS step (queue, name);
INSERT INTO orders."order"
    (id, user_id, first_name, last_name, run_id, status, total, currency, address, created_at, confirmed_at)
    SELECT id, user_id, 'Ada', 'Past ' || n / {each}, run_id, 'delivered', 4000, 'EUR',
           '{{"line1": "1 Past Road", "city": "Ys"}}', at, at FROM past;
INSERT INTO orders.line (order_id, product_id, sku, title, quantity, unit_price)
    SELECT order_id, id, sku, title, quantity, price FROM bought;
INSERT INTO orders.invoice (id, number, order_id, issued_at) SELECT uuidv7(), 'PAST-' || n, id, at FROM past;
INSERT INTO payments.payment (id, order_id, amount, currency, method, reference, status, created_at, updated_at)
    SELECT payment_id, id, 4000, 'EUR', 'pm_card_visa', 'pi_past' || n, 'captured', at, at FROM past;
INSERT INTO payments.transaction (id, payment_id, kind, status, amount, reference, created_at)
    SELECT uuidv7(), payment_id, kind, 'succeeded', 4000, 'pi_past' || n, at
    FROM past, unnest(ARRAY['authorise', 'capture']) AS kind;
INSERT INTO inventory.reservation
    (order_id, product_id, warehouse_id, quantity, shipped, status, created_at, updated_at)
    SELECT order_id, bought.id, warehouse.id, quantity, quantity, 'shipped', at, at
    FROM bought, inventory.warehouse WHERE is_default;
INSERT INTO notifications.notification
    (id, key, user_id, kind, channel, recipient, subject, text, created_at, sent_at)
    SELECT uuidv7(), 'checkout:past' || n, user_id, 'order_confirmed', 'email', 'past@example.com', 'Confirmed',
           repeat('some words ', 20), at, at FROM past;
WITH last AS (
    SELECT position FROM workflow.event_cursor WHERE name = 'positions' FOR UPDATE
), placed AS (
    INSERT INTO workflow.event (id, name, subject, payload, created_at, version, ordinal, position)
    SELECT uuidv7(), name, subject, jsonb_build_object('order_id', subject), at, 1, nextval('workflow.event_ordinal'),
           last.position + row_number() OVER ()
    FROM last, past, concat('ord_', replace(past.id::text, '-', '')) AS subject,
        unnest(ARRAY['order.created', 'order.confirmed']) AS name
    RETURNING position
)
UPDATE workflow.event_cursor SET position = (SELECT max(position) FROM placed)
"""

# Three parcels of one unit each, and ten stock movements: a sale per parcel, and seven deliveries of the supplier.
PARCELS = """
CREATE TEMP TABLE packed AS
    SELECT uuidv7((past.n - {orders}) * interval '30 seconds') AS id, order_id, product_id, past.at, past.n * 3 + i AS n
    FROM past JOIN (
        SELECT order_id, bought.id AS product_id, i FROM bought, generate_series(1, quantity) AS i
    ) AS unit ON order_id = past.id
    ORDER BY past.n;
INSERT INTO fulfilment.parcel (id, order_id, warehouse_id, status, carrier, tracking_number, run_id, delivery_run_id,
        created_at, shipped_at, delivered_at)
    SELECT packed.id, order_id, warehouse.id, 'delivered', 'UPS', '1Z' || n, uuidv7(), uuidv7(), at, at,
        at + interval '2 days'
    FROM packed, inventory.warehouse WHERE is_default;
INSERT INTO fulfilment.parcel_line (parcel_id, product_id, quantity) SELECT id, product_id, 1 FROM packed;
INSERT INTO fulfilment.tracking_event (id, parcel_id, status, created_at)
    SELECT uuidv7(), id, status, at FROM packed, unnest(ARRAY['shipped', 'delivered']) AS status;
INSERT INTO inventory.movement (id, product_id, warehouse_id, quantity, reason, reference, created_at)
    SELECT uuidv7(), product_id, warehouse.id, -1, 'sale', 'ful_' || replace(packed.id::text, '-', ''), at
    FROM packed, inventory.warehouse WHERE is_default;
INSERT INTO inventory.movement (id, product_id, warehouse_id, quantity, reason, created_at)
    SELECT uuidv7(), thing.id, warehouse.id, 1, 'purchase order', at
    FROM past, generate_series(0, 6) AS i JOIN LATERAL (SELECT (past.n + i) % {products} AS n) AS chosen ON true
    JOIN thing ON thing.n = chosen.n, inventory.warehouse WHERE is_default
"""


def fill(products: int, orders: int) -> None:
    """Creates products and past orders, and updates the statistics of PostgreSQL's planner."""
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET lock_timeout = 0"))
        connection.execute(text("SET session_replication_role = replica"))  # foreign key checks would take hours
        for statement in [*PRODUCTS.split(";\n"), *((ORDERS + ";" + PARCELS).split(";\n") if orders else ())]:
            connection.execute(text(statement.format(products=products, orders=orders, each=EACH)))
        connection.execute(text("RESET session_replication_role"))
        connection.execute(text("VACUUM (ANALYZE)"))
        connection.execute(text("CHECKPOINT"))


def analyse() -> None:
    """Updates statistics and the visibility map, as autovacuum would within minutes."""
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE)"))


def some(count: int = 500) -> list[str]:
    """Ids of pseudo-random products, the same ones each time."""
    spread = text("SELECT id FROM catalogue.product ORDER BY hashtext(sku) LIMIT :count")
    with engine().connect() as connection:
        return [f"prd_{found.hex}" for found in connection.scalars(spread, {"count": count})]


def one() -> dict[str, str]:
    """The ids of a past order, of a product in it, and of its warehouse."""
    middle = text("""
        SELECT order_id, product_id, warehouse_id FROM fulfilment.parcel JOIN fulfilment.parcel_line ON parcel_id = id
        ORDER BY id OFFSET (SELECT count(*) / 2 FROM fulfilment.parcel) LIMIT 1
    """)
    with engine().connect() as connection:
        found = connection.execute(middle).one()
    prefixes = {"order_id": "ord", "product_id": "prd", "warehouse_id": "wh"}
    return {name: f"{prefix}_{found._mapping[name].hex}" for name, prefix in prefixes.items()}


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["fill", products, orders]:
            fill(int(products), int(orders))
        case ["analyse"]:
            analyse()
        case ["some"]:
            print("\n".join(some()))
        case ["one"]:
            print(json.dumps(one()))
