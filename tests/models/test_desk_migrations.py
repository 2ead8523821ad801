"""The migrations of the desk and of replays, of a database with data, up and down."""

from uuid import UUID

from sqlalchemy import create_engine, text

from tests.models.test_migrations import alembic, database

__all__ = ["database"]

ID = {"id": UUID(int=1)}
BEFORE = """
INSERT INTO accounts.user (id, username, username_key, username_skeleton, email, email_key, password_hash,
    first_name, last_name, last_name_key) VALUES (:id, 'ada', 'ada', 'ada', 'a@b.org', 'a@b.org', 'x', 'A', 'B', 'b');
INSERT INTO workflow.run (id, workflow, key, status, input, lease_until)
    VALUES (:id, 'report', 'k', 'succeeded', '{}', now());
INSERT INTO workflow.attempt (run_id, step, number, error) VALUES (:id, 'reports.write', 1, '{}');
INSERT INTO payments.payment (id, order_id, amount, currency, method) VALUES (:id, :id, 100, 'EUR', 'pm_card_visa');
INSERT INTO payments.transaction (id, payment_id, kind, status, amount)
    VALUES (:id, :id, 'dispute', 'needs_response', 100);
INSERT INTO inventory.warehouse (id, name) VALUES (:id, 'Annex');
INSERT INTO inventory.purchase_order (id, warehouse_id, run_id) VALUES (:id, :id, :id);
INSERT INTO inventory.purchase_order_line (purchase_order_id, product_id, sku, title, quantity)
    VALUES (:id, :id, 'TEA', 'Tea', 3);
INSERT INTO inventory.transfer (id, source_id, target_id, run_id)
    SELECT :id, id, :id, :id FROM inventory.warehouse WHERE name <> 'Annex';
INSERT INTO inventory.transfer_line (transfer_id, product_id, sku, title, quantity) VALUES (:id, :id, 'TEA', 'Tea', 2)
"""
KEPT = """
SELECT run.status, attempt.step, transaction.status, purchase_order_line.quantity, transfer_line.quantity
FROM workflow.run, workflow.attempt, payments.transaction, inventory.purchase_order_line, inventory.transfer_line
"""
ADDED = """
SELECT run.replays, attempt.output, transaction.respond_by, purchase_order_line.scanned, transfer_line.scanned
FROM workflow.run, workflow.attempt, payments.transaction, inventory.purchase_order_line, inventory.transfer_line
"""
USED = """
UPDATE workflow.run SET replays = 1;
UPDATE workflow.attempt SET output = '{}';
UPDATE payments.transaction SET respond_by = now();
UPDATE inventory.purchase_order_line SET scanned = 2;
UPDATE inventory.transfer_line SET scanned = 2;
INSERT INTO accounts.list_view (id, user_id, list, name, filters) VALUES (:id, :id, 'orders', 'Late', '{}')
"""


def test_what_was_there_is_kept_by_the_migrations_of_the_desk_and_of_replays(database: str) -> None:
    alembic(database, "upgrade", "15o000000001")
    engine = create_engine(database)
    kept = [("succeeded", "reports.write", "needs_response", 3, 2)]
    for statements in (BEFORE, USED):
        with engine.begin() as connection:
            for statement in statements.split(";\n"):
                connection.execute(text(statement), ID if ":id" in statement else {})
        alembic(database, "downgrade", "15o000000001")  # the first time, nothing is to be taken back
        with engine.connect() as connection:
            assert connection.execute(text(KEPT)).all() == kept
        alembic(database, "upgrade", "head")
        with engine.connect() as connection:
            assert connection.execute(text(KEPT)).all() == kept
            assert connection.execute(text(ADDED)).all() == [(0, None, None, 0, 0)]
    engine.dispose()
