"""Migrations of a database with data, up and down."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID, uuid4

import pytest
from alembic.config import main
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from settings import settings
from tests.processes import ROOT, Process


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of a new empty database."""
    name = f"migrated_{uuid4().hex}"
    admin = create_engine(settings.database, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(settings.database).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def alembic(database: str, *arguments: str) -> None:
    """Runs Alembic in this process, which has imported the tables already: that takes most of the command's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(vars(settings), "database", database)  # what migrations/env.py reads
        patch.chdir(ROOT)
        main([*arguments])


def run_alembic(database: str, *arguments: str) -> str:
    """Runs the program `alembic`; returns what it says."""
    environment = {**os.environ, "SHOP_DATABASE_URL": database.replace("+psycopg", "")}
    with TemporaryDirectory() as folder:
        command = Process("alembic", *arguments, environment=environment, log=Path(folder) / "log")
        status, output = command.wait(60), command.log.read_text()
    assert status == 0, output
    return output


def test_existing_carts_are_kept_when_guest_carts_are_added(database: str) -> None:
    user, cart, product = ({"id": UUID(int=number)} for number in (1, 2, 3))
    alembic(database, "upgrade", "5eed00000001")
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO carts.cart (id, user_id) VALUES (:id, :user)"), {**cart, "user": user["id"]}
        )
        connection.execute(
            text("INSERT INTO carts.item (cart_id, product_id, quantity) VALUES (:cart, :id, 2)"),
            {"cart": cart["id"], **product},
        )
    alembic(database, "upgrade", "head")
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO carts.cart (id, token_hash) VALUES (gen_random_uuid(), 'a guest''s')"))
        kept = text("SELECT user_id, token_hash, reminded_of FROM carts.cart WHERE id = :id")
        assert connection.execute(kept, cart).all() == [(user["id"], None, None)]
        items = text("SELECT product_id, quantity, seen_price, seen_available FROM carts.item")
        assert connection.execute(items).all() == [(product["id"], 2, None, None)]
    alembic(database, "downgrade", "5eed00000001")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT id, user_id FROM carts.cart")).all() == [(cart["id"], user["id"])]
    engine.dispose()


def add_user(connection: Connection, name: str, addresses: int) -> None:
    user_id = uuid4()
    connection.execute(
        text("""INSERT INTO accounts.user (id, username, email, password_hash, first_name, last_name)
        VALUES (:id, :name, :email, 'x', 'A', 'B')"""),
        {"id": user_id, "name": name, "email": f"{name}@example.org"},
    )
    for number in range(addresses):
        connection.execute(
            text("""INSERT INTO accounts.address (id, user_id, line1, city, country)
            VALUES (:id, :user_id, 'Lane', 'Leeds', 'GB')"""),
            {"id": UUID(int=number), "user_id": user_id},
        )


def test_existing_accounts_get_a_default_address_and_users_permissions(database: str) -> None:
    alembic(database, "upgrade", "5eed00000001")
    engine = create_engine(database)
    with engine.begin() as connection:
        add_user(connection, "ada", 3)
        add_user(connection, "bob", 0)
        connection.execute(
            text("""INSERT INTO workflow.event (id, name, payload) VALUES (gen_random_uuid(), 'order.created', '{}')""")
        )
        connection.execute(text("DELETE FROM access.role WHERE name = 'staff'"))  # a shop may have deleted the role
    alembic(database, "upgrade", "head")
    with engine.connect() as connection:
        defaults = connection.execute(text("SELECT is_default FROM accounts.address ORDER BY id")).scalars()
        assert list(defaults) == [True, False, False]  # the oldest address
        granted = connection.execute(
            text("SELECT role || ' ' || permission FROM access.role_permission WHERE permission LIKE 'users:%'")
        ).scalars()
        assert set(granted) == {"admin users:read", "admin users:write"}
        assert connection.scalar(text("SELECT actor IS NULL AND subject IS NULL FROM workflow.event"))
    alembic(database, "downgrade", "5eed00000001")
    alembic(database, "upgrade", "head")
    engine.dispose()


PRODUCT_OF_BEFORE = """
INSERT INTO catalogue.category (id, name) VALUES (gen_random_uuid(), 'Clàssics');
INSERT INTO catalogue.author (id, name) VALUES (gen_random_uuid(), 'Emily Brontë');
INSERT INTO catalogue.product (id, sku, kind, title, description, price_amount, currency, category_id, author_id)
    SELECT gen_random_uuid(), 'W-1', 'book', 'Wuthering Heights', 'A foundling.', 899, 'EUR', category.id, author.id
    FROM catalogue.category, catalogue.author;
INSERT INTO inventory.stock (product_id, warehouse_id, on_hand, reserved)
    SELECT product.id, warehouse.id, 2, 1 FROM catalogue.product, inventory.warehouse;
"""


def test_existing_products_become_searchable(database: str) -> None:
    alembic(database, "upgrade", "5eed00000001")
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text(PRODUCT_OF_BEFORE))
    alembic(database, "upgrade", "head")
    found = text("SELECT sku FROM catalogue.product WHERE search @@ catalogue.wanted(:words)")
    with engine.connect() as connection:
        for words in ("bronte", "wuther", "classics", "foundling heights"):
            assert connection.scalars(found, {"words": words}).all() == ["W-1"], words
        assert connection.scalars(found, {"words": "emma"}).all() == []
        assert connection.scalars(text("SELECT sellable FROM inventory.stock")).all() == [True]
    alembic(database, "downgrade", "5eed00000001")
    alembic(database, "upgrade", "head")
    with engine.connect() as connection:
        assert connection.scalars(found, {"words": "bronte"}).all() == ["W-1"]
    engine.dispose()


def test_live_checkouts_get_the_quantities_that_they_reserve(database: str) -> None:
    """One run has them under the old name, and one takes them from the order's lines."""
    alembic(database, "upgrade", "ca7a10600001")
    engine, product = create_engine(database), UUID(int=9)
    about = {number: f'{{"order_id": "ord_{UUID(int=number).hex}"{more}}}' for number, more in (
        (1, f', "pieces": {{"prd_{product.hex}": 2}}'), (2, ""),
    )}  # fmt: skip
    with engine.begin() as connection:
        for number, input in about.items():
            order = {"id": UUID(int=number), "user": UUID(int=7), "product": product, "input": input}
            for statement in (
                """INSERT INTO orders."order" (id, user_id, total, currency, address)
                VALUES (:id, :user, 1, 'EUR', '{}')""",
                """INSERT INTO orders.line (order_id, product_id, sku, title, quantity, unit_price)
                VALUES (:id, :product, 'TEA', 'Tea', 2, 1)""",
                """INSERT INTO workflow.run (id, workflow, key, input, lease_until)
                VALUES (:id, 'checkout', CAST(:id AS text), CAST(:input AS jsonb), now())""",
            ):
                connection.execute(text(statement), {k: v for k, v in order.items() if f":{k}" in statement})
    alembic(database, "upgrade", "head")
    with engine.connect() as connection:
        found = connection.scalars(text("SELECT input->'quantities' FROM workflow.run ORDER BY id")).all()
    assert found == [{f"prd_{product.hex}": 2}] * 2
    engine.dispose()


PAID_BEFORE = """
INSERT INTO payments.payment (id, order_id, amount, currency, method, reference, status) VALUES
    (:held, :order, 1999, 'EUR', 'pm_card_visa', 'pi_1', 'captured'),
    (gen_random_uuid(), gen_random_uuid(), 1, 'EUR', 'pm_card_visa', NULL, 'pending');
"""
DONE_BEFORE = """
INSERT INTO payments.transaction (id, payment_id, kind, status, amount) VALUES
    (gen_random_uuid(), :held, 'authorise', 'succeeded', 1999), (gen_random_uuid(), :held, 'capture', 'succeeded', 500),
    (gen_random_uuid(), :held, 'refund', 'succeeded', 1), (gen_random_uuid(), :held, 'refund', 'succeeded', 1);
"""
ANOTHER_CAPTURE = """
INSERT INTO payments.transaction (id, payment_id, kind, status, amount)
VALUES (gen_random_uuid(), :held, :kind, 'succeeded', 1499)
"""
ANOTHER_PAYMENT = """
INSERT INTO payments.payment (id, order_id, amount, currency, method)
VALUES (gen_random_uuid(), :order, 1999, 'EUR', 'pm_card_visa')
"""


def test_existing_orders_accept_further_payments_and_captures(database: str) -> None:
    known = {"held": UUID(int=1), "order": UUID(int=2)}
    alembic(database, "upgrade", "0a7d0e7c0001")
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text(PAID_BEFORE), known)
        connection.execute(text(DONE_BEFORE), {"held": known["held"]})
    counted = text("SELECT (SELECT count(*) FROM payments.payment), (SELECT count(*) FROM payments.transaction)")
    alembic(database, "upgrade", "head")
    with engine.connect() as connection:
        assert connection.execute(counted).one() == (2, 4)
    alembic(database, "downgrade", "0a7d0e7c0001")  # no new row prevents the downgrade
    alembic(database, "upgrade", "head")
    with engine.begin() as connection:
        connection.execute(text(ANOTHER_PAYMENT), {"order": known["order"]})
        connection.execute(text(ANOTHER_CAPTURE), {"held": known["held"], "kind": "capture"})
        assert connection.execute(counted).one() == (3, 5)
    with pytest.raises(IntegrityError, match="uq_transaction_once"), engine.begin() as connection:
        connection.execute(text(ANOTHER_CAPTURE), {"held": known["held"], "kind": "authorise"})
    engine.dispose()


def test_declined_payments_have_failed(database: str) -> None:
    alembic(database, "upgrade", "ac710e000001")
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("""INSERT INTO payments.payment (id, order_id, amount, currency, method, status)
            VALUES (gen_random_uuid(), gen_random_uuid(), 1, 'EUR', 'pm_card_visa', 'declined')"""))  # fmt: skip
    found = text("SELECT status FROM payments.payment")
    for step, status in (("head", "failed"), ("ac710e000001", "declined"), ("head", "failed")):
        alembic(database, "downgrade" if status == "declined" else "upgrade", step)
        with engine.connect() as connection:
            assert connection.scalars(found).all() == [status]
    engine.dispose()


UNDER_WAY = """
INSERT INTO notifications.notification (id, key, kind, channel, recipient, subject, text) VALUES
    (gen_random_uuid(), 'checkout:o', 'order_confirmed', 'email', 'a', '', ''),
    (gen_random_uuid(), 'low_stock:e:stock_low', 'stock_low', 'email', 'b', '', '');
INSERT INTO accounts.guess (key, free_at) VALUES ('k', now());
INSERT INTO workflow.run (id, workflow, key, input, lease_until) VALUES
    (:run, 'erasure', 'e', '{}', now()),
    (gen_random_uuid(), 'clean_up', 'c', '{"slot": "s", "place": {"rule": "guess", "after": ["k"]}}', now());
INSERT INTO workflow.step (run_id, name, status, queue, started_at) VALUES
    (:run, 'carts.forget_user', 'done', 'carts', now()), (:run, 'accounts.forget_answers', 'done', 'accounts', now());
INSERT INTO workflow.attempt (run_id, step, number, error) VALUES (:run, 'orders.forget_user', 1, '{}');
"""


def test_live_runs_continue_under_the_new_names_of_their_steps(database: str) -> None:
    alembic(database, "upgrade", "0a7d0e7c0001")
    engine = create_engine(database)
    with engine.begin() as connection:
        for statement in UNDER_WAY.strip().removesuffix(";").split(";\n"):
            connection.execute(text(statement), {"run": UUID(int=1)} if ":run" in statement else {})
    for target in ("head", "0a7d0e7c0001", "head"):
        alembic(database, "upgrade" if target == "head" else "downgrade", target)
    with engine.connect() as connection:
        steps = connection.scalars(text("SELECT name FROM workflow.step ORDER BY name")).all()
        assert steps == ["accounts.erase_answers", "carts.erase_user"]
        assert connection.scalars(text("SELECT step FROM workflow.attempt")).all() == ["orders.erase_user"]
        place = connection.scalars(text("SELECT input->'place' FROM workflow.run WHERE workflow = 'clean_up'")).one()
        assert place == {"rule": "login_throttle", "after": ["k"]}
        assert connection.scalars(text("SELECT key FROM accounts.login_throttle")).all() == ["k"]
        keys = connection.scalars(text("SELECT key FROM notifications.notification ORDER BY key")).all()
        assert keys == ["checkout:o", "low_stock:e"]
    engine.dispose()


def test_the_migrations_match_the_models(database: str) -> None:
    alembic(database, "upgrade", "head")
    assert "No new upgrade operations detected" in run_alembic(database, "check")


def test_existing_orders_get_the_names_of_their_customers(database: str) -> None:
    alembic(database, "upgrade", "1ed9e7000002")
    engine = create_engine(database)
    with engine.begin() as connection:
        add_user(connection, "ada", 0)
        connection.execute(
            text("""INSERT INTO orders."order" (id, user_id, total, currency, address)
            SELECT gen_random_uuid(), id, 1, 'EUR', '{}'::jsonb FROM accounts.user
            UNION ALL SELECT gen_random_uuid(), gen_random_uuid(), 2, 'EUR', '{}'::jsonb""")
        )
    alembic(database, "upgrade", "head")
    with engine.connect() as connection:
        names = text("""SELECT first_name, last_name FROM orders."order" ORDER BY total""")
        assert connection.execute(names).all() == [("A", "B"), (None, None)]
    alembic(database, "downgrade", "1ed9e7000002")
    alembic(database, "upgrade", "head")
    engine.dispose()


def test_events_of_before_are_not_in_the_feed_and_movements_are_announced(database: str) -> None:
    alembic(database, "upgrade", "1abe15000001")
    engine, old = create_engine(database), "INSERT INTO workflow.event (id, name, payload) VALUES (:id, :name, '{}')"
    with engine.begin() as connection:
        connection.execute(text(old), {"id": UUID(int=1), "name": "order.created"})
    alembic(database, "upgrade", "head")
    with engine.begin() as connection:
        connection.execute(
            text("""INSERT INTO inventory.movement (id, product_id, warehouse_id, quantity, reason)
            SELECT gen_random_uuid(), gen_random_uuid(), id, 3, 'count' FROM inventory.warehouse""")
        )
        events = text("SELECT name, ordinal, payload->'quantity' FROM workflow.event ORDER BY name")
        assert connection.execute(events).all() == [("order.created", None, None), ("stock.changed", 1, 3)]
    alembic(database, "downgrade", "1abe15000001")
    with engine.begin() as connection:
        connection.execute(text(old), {"id": UUID(int=2), "name": "order.created"})
    alembic(database, "upgrade", "head")
    engine.dispose()


REPORTED = """
INSERT INTO orders."order" (id, user_id, status, total, currency, address, created_at, confirmed_at, cancelled_at)
    VALUES (:firm, :firm, 'delivered', 700, 'EUR', '{}', '2026-11-20T23:59Z', '2026-11-21T00:01Z', NULL),
        (:gone, :gone, 'cancelled', 700, 'EUR', '{}', '2026-11-20T12:00Z', '2026-11-20T12:00Z', '2026-11-22T12:00Z'),
        (:never, :never, 'cancelled', 700, 'EUR', '{}', '2026-11-20T12:00Z', NULL, '2026-11-20T12:01Z');
INSERT INTO orders.line (order_id, product_id, sku, title, quantity, cancelled, unit_price)
    SELECT id, :cup, 'CUP', 'A cup', 7, CASE WHEN id = :firm THEN 3 ELSE 0 END, 100 FROM orders."order";
INSERT INTO workflow.event (id, name, payload, created_at) VALUES (:firm, 'order.lines_cancelled', jsonb_build_object(
    'order_id', 'ord_' || replace(CAST(:firm AS text), '-', ''),
    'lines', jsonb_build_object('prd_' || replace(CAST(:cup AS text), '-', ''), 2)), '2026-11-23T12:00Z');
INSERT INTO returns.return (id, order_id, user_id, status, reason, run_id)
    VALUES (:back, :firm, :firm, 'received', 'none', :firm);
INSERT INTO inventory.movement (id, product_id, warehouse_id, quantity, reason, reference, created_at)
    SELECT :back, :cup, id, 1, 'return', 'ret_' || replace(CAST(:back AS text), '-', ''), '2026-11-24T12:00Z'
    FROM inventory.warehouse;
INSERT INTO reports.report (id, slot, run_id, period_start, period_end, totals, body)
    SELECT :firm, '2026-11-22', :firm, now() - interval '1 day', now(), '{"on_hand": 4}', jsonb_build_object(
        'warehouses', jsonb_build_array(jsonb_build_object('id', id, 'name', name, 'status', status, 'totals',
        jsonb_build_object('on_hand', 4)))) FROM inventory.warehouse;
INSERT INTO reports.line (report_id, warehouse_id, product_id, sku, title, kind, on_hand, reserved, came, went, low)
    SELECT :firm, id, :cup, 'CUP', 'A cup', 'book', 4, 1, 5, 1, false FROM inventory.warehouse
"""


def test_existing_orders_are_in_the_daily_sales_and_reports_keep_their_lines(database: str) -> None:
    alembic(database, "upgrade", "1a95ed000001")
    ids = {name: UUID(int=number) for number, name in enumerate(("firm", "gone", "never", "cup", "back"), 1)}
    engine = create_engine(database)
    with engine.begin() as connection:
        for statement in REPORTED.split(";\n"):
            connection.execute(text(statement), {name: ids[name] for name in ids if f":{name}" in statement})
    for target in ("head", "1a95ed000001", "head"):
        alembic(database, "upgrade" if target == "head" else "downgrade", target)
    with engine.begin() as connection:
        sales = connection.execute(
            text("SELECT day::text, sold, cancelled, returned, cancelled_amount FROM reports.daily_sales ORDER BY day")
        )
        assert sales.all() == [
            ("2026-11-20", 7, 0, 0, 0),  # the order that was cancelled later
            ("2026-11-21", 7, 1, 0, 100),  # one of its cancelled pieces has no event any more
            ("2026-11-22", 0, 7, 0, 700),
            ("2026-11-23", 0, 2, 0, 200),
            ("2026-11-24", 0, 0, 1, 0),
        ]
        assert connection.scalars(text("SELECT count(*) FROM reports.sales_change")).one() == 0
        lines = text("SELECT slice, number, cells->>'sku', cells->'on_hand', cells->'available' FROM reports.line")
        assert connection.execute(lines).all() == [(0, 1, "CUP", 4, 3)]
        kept = connection.execute(text("SELECT kind, rows, body->'groups'->0->'on_hand' FROM reports.report")).all()
        assert kept == [("levels", 1, 4)]
    engine.dispose()


def test_users_and_notifications_of_before_get_phones_devices_and_reasons(database: str) -> None:
    alembic(database, "upgrade", "1a95ed000001")
    engine = create_engine(database)
    with engine.begin() as connection:
        add_user(connection, "ada", 0)
        connection.execute(
            text("""INSERT INTO notifications.notification (id, key, kind, channel, recipient, subject, text)
            VALUES (gen_random_uuid(), 'welcome:1', 'welcome', 'email', 'ada@example.org', 'Welcome', 'Ada')""")
        )
    alembic(database, "upgrade", "head")
    with engine.begin() as connection:
        assert connection.scalars(text("SELECT last_error FROM notifications.notification")).all() == [None]
        number = text("""INSERT INTO accounts.phone (user_id, number, code_of, code_expires_at)
            SELECT id, :number, id, now() FROM accounts.user""")
        connection.execute(number, {"number": "+4915123456789"})
        connection.execute(
            text("""INSERT INTO accounts.device (id, user_id, type, endpoint, p256dh, auth)
            SELECT id, id, 'web_push', 'https://push.example/1', 'B', 'A' FROM accounts.user""")
        )
    with engine.begin() as connection, pytest.raises(IntegrityError):
        connection.execute(text("UPDATE accounts.phone SET number = '0151 23456789'"))
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM accounts.user"))
        left = text("SELECT (SELECT count(*) FROM accounts.phone) + (SELECT count(*) FROM accounts.device)")
        assert connection.scalars(left).one() == 0
    alembic(database, "downgrade", "1a95ed000001")
    alembic(database, "upgrade", "head")
    engine.dispose()


def test_users_get_folded_names_and_both_are_kept_that_are_spelled_alike(database: str) -> None:
    alembic(database, "upgrade", "13e000000001")
    engine = create_engine(database)
    names = ("stra\u00dfe", "strasse", "\uff41da", "ADA", "tom", "torn", "\u0130gor")
    with engine.begin() as connection:
        for name in names:
            add_user(connection, name, 0)
        for address in ("\u212a@example.org", "k@example.org", "\uff41@example.org"):
            connection.execute(
                text(
                    "INSERT INTO notifications.suppression (address, source, reason) VALUES (:address, 'refused', '')"
                ),
                {"address": address},
            )
        connection.execute(
            text("UPDATE accounts.user SET created_at = now() + n * interval '1 s' "
                 "FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS known (name, n) WHERE username = name"),
            {"names": list(names)},
        )  # fmt: skip
    told = run_alembic(database, "upgrade", "head")
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT username, username_key, username_skeleton, email_key, id FROM accounts.user")
        )
        by_name = {row.username: row for row in found}
        keys = {name: by_name[name].username_key for name in names}
        assert keys == {
            "stra\u00dfe": "strasse", "strasse": "strasse\nstrasse", "\uff41da": "ada", "ADA": "ada\nADA",
            "tom": "tom", "torn": "torn", "\u0130gor": "i\u0307gor",
        }  # fmt: skip
        assert by_name["ADA"].email_key == "ada@example.org\nADA@example.org"
        assert [by_name[name].username_skeleton for name in ("tom", "torn")] == ["torn", "torn\ntorn"]
        suppressed = connection.scalars(text("SELECT address FROM notifications.suppression ORDER BY address")).all()
        assert suppressed == ["a@example.org", "k@example.org"]
    for younger in ("strasse", "ADA"):
        for what in ("username", "e-mail address"):
            assert f"usr_{by_name[younger].id.hex} has the {what} of an older account" in told
    assert told.count("of an older account") == 4
    assert "example.org" not in told
    for target in ("13e000000001", "head"):
        alembic(database, "downgrade" if target != "head" else "upgrade", target)
    engine.dispose()


def test_existing_products_belong_to_no_group(database: str) -> None:
    alembic(database, "upgrade", "5eed00000001")
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text(PRODUCT_OF_BEFORE))
    alembic(database, "upgrade", "head")
    with engine.begin() as connection:
        assert connection.execute(text("SELECT group_id, option_values FROM catalogue.product")).all() == [(None, None)]
        connection.execute(text("""
            INSERT INTO catalogue.product_group (id, handle, title, options)
            VALUES (gen_random_uuid(), 'heights', 'Heights', '[]');
            UPDATE catalogue.product SET group_id = product_group.id, option_values = ARRAY['Paperback']
            FROM catalogue.product_group"""))  # fmt: skip
    alembic(database, "downgrade", "14v000000001")
    alembic(database, "upgrade", "head")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT sku, group_id FROM catalogue.product")).all() == [("W-1", None)]
    engine.dispose()


def test_products_keep_their_kinds_when_these_become_data(database: str) -> None:
    alembic(database, "upgrade", "5eed00000001")
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text(PRODUCT_OF_BEFORE))
    alembic(database, "upgrade", "head")
    with engine.begin() as connection:
        assert connection.execute(text("SELECT kind FROM catalogue.product")).scalars().all() == ["book"]
        connection.execute(text("INSERT INTO catalogue.kind (name, title, attributes) VALUES ('mug', 'Mugs', '[]')"))
        connection.execute(text("UPDATE catalogue.product SET kind = 'mug'"))
        with pytest.raises(IntegrityError), connection.begin_nested():
            connection.execute(text("UPDATE catalogue.product SET kind = 'teapot'"))
        connection.execute(text("UPDATE catalogue.product SET kind = 'book'"))
    alembic(database, "downgrade", "14v000000002")
    alembic(database, "upgrade", "head")
    engine.dispose()
