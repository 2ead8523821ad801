"""The invariants of the audit: they hold in a busy shop, and every violation is found."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from models import orders, payments
from models.core.database import transaction
from models.operations import audit
from tasks.stored_files import check_files
from tests.models.auditing import broken, change, check, ledger
from tests.models.sales import Action, Sale
from tests.reaching import ENDPOINT, KEYS, add_device
from tests.shopping import make_customer


def test_all_invariants_hold_in_a_new_shop() -> None:
    found = check(ledger())
    assert len(found) == 67
    with_store = len(found) + len(check_files())
    assert f" {with_store} invariants hold\n" in Path("README.md").read_text()
    assert [finding for finding in found.values() if not finding.ok] == []


def test_the_figures_count_what_was_checked(sold: Sale, refused: Sale) -> None:
    found = {name: finding.figures for name, finding in check(ledger(sold, refused)).items()}
    assert found["every order has ended or is in progress"] == {
        "orders": 2, "confirmed": 1, "cancelled": 1, "under_way": 0, "wrong": 0,
    }  # fmt: skip
    assert found["every confirmed order is paid once"] == {
        "confirmed": 1, "lapsed": 0, "totals": 2, "held": 2, "wrong": 0,
    }  # fmt: skip
    assert found["invoice numbers have no gaps"] == {"years": 1, "invoices": 1, "numbers": 1, "wrong": 0}
    assert found["every line of a confirmed order is allocated"] == {
        "lines": 1, "pieces": 2, "allocated": 2, "wrong": 0,
    }  # fmt: skip
    assert found["every customer was notified of the order's result"] == {
        "ended": 2, "sent": 2, "refused": 0, "held": 0, "wrong": 0,
    }  # fmt: skip
    assert found["the gateway has authorised at most once for a payment"] == {
        "payments": 2, "authorised": 2, "captured": 0, "wrong": 0,
    }  # fmt: skip
    assert found["the gateway's payments match the shop's"] == {
        "payments": 2, "held": 2, "held_there": 2, "wrong": 0,
    }  # fmt: skip


@pytest.mark.parametrize("turns_back_after", [None, 3])
def test_all_invariants_hold_at_every_step_of_an_order(sold: Sale, book: str, turns_back_after: int | None) -> None:
    sale = Sale(book)
    actions = sale.forwards()
    if turns_back_after is not None:
        actions = [*actions[:turns_back_after], *sale.backwards()]
    for action in [lambda: None, *actions]:
        action()
        assert broken(ledger(sold, sale)) == {}, action


@pytest.mark.parametrize("turns_back", [False, True])
def test_changes_after_the_gateways_snapshot_are_no_violation(book: str, turns_back: bool) -> None:
    sale = Sale(book)
    for action in sale.forwards()[:3]:
        action()
    before = ledger(sale)
    later = Sale(book)
    for action in [*(sale.backwards() if turns_back else sale.forwards()[3:]), *later.forwards()]:
        action()
    assert broken(before) == {}
    assert broken(ledger(sale, later)) == {}


def test_an_undeliverable_mail_is_no_violation(book: str) -> None:
    sale = Sale(book)
    actions: list[Action] = [*sale.forwards()[:6], lambda: sale.notify(fault="550 no such mailbox"), sale.end]
    for action in actions:
        action()
    assert broken(ledger(sale)) == {}
    assert check(ledger(sale))["every customer was notified of the order's result"].figures["refused"] == 1


def test_a_held_mail_is_no_violation_until_the_address_is_confirmed(book: str) -> None:
    sale = Sale(book)
    actions: list[Action] = [*sale.forwards()[:6], sale.notify, sale.end]
    for action in actions:
        action()
    make_customer("unconfirmed")
    change("UPDATE accounts.user SET email_confirmed_at = NULL")
    change("""UPDATE notifications.notification SET sent_at = NULL, held = '{}', user_id = (
        SELECT id FROM accounts.user WHERE username = 'unconfirmed')""")
    assert broken(ledger(sale)) == {}
    assert check(ledger(sale))["every customer was notified of the order's result"].figures["held"] == 1
    change("UPDATE accounts.user SET email_confirmed_at = now()")
    assert [*broken(ledger(sale))] == ["mails are held only for addresses that are not confirmed"]
    change("UPDATE accounts.user SET email_confirmed_at = NULL, status = 'closed'")
    assert [*broken(ledger(sale))] == ["mails are held only for addresses that are not confirmed"]


def test_a_cancelled_order_without_a_payment_attempt_is_no_violation(book: str) -> None:
    sale = Sale(book)
    actions: list[Action] = [sale.cancel, lambda: sale.notify("order_cancelled"), lambda: sale.end("cancelled")]
    for action in actions:
        action()
    assert broken(ledger(sale)) == {}


@pytest.mark.parametrize(
    ("statement", "invariants"),
    [
        ("UPDATE workflow.run SET finished_at = NULL, status = 'running', lease_until = now() - interval '2 minutes'",
         ["every run has ended or is leased"]),
        ("UPDATE workflow.run SET status = 'failed'", ["no run is failed or stuck"]),
        ("UPDATE workflow.run SET finished_at = NULL, status = 'running', stuck_at = now()",
         ["no run is failed or stuck"]),
        ('UPDATE orders."order" SET total = total + 1',
         ["every order's total is the sum of its lines", "every confirmed order is paid once"]),
        ("UPDATE orders.line SET quantity = quantity + 1",
         ["every order's total is the sum of its lines", "every line of a confirmed order is allocated",
          "daily sales are the sums of the lines of confirmed orders"]),
        ("UPDATE orders.line SET cancelled = 1",
         ["every line of a confirmed order is allocated",
          "daily cancellations are the cancelled pieces of confirmed orders"]),
        ("UPDATE reports.sales_change SET sold = 3", ["daily sales are the sums of the lines of confirmed orders"]),
        ("UPDATE reports.sales_change SET returned = 1",
         ["daily returns are the units that returns have brought in"]),
        ("UPDATE inventory.stock SET average_cost = 5",
         ["average costs lie between the costs at which units came"]),
        ("UPDATE orders.line SET cancelled = 1; UPDATE payments.payment SET cancelled = 1; "
         "UPDATE inventory.reservation SET quantity = 1; UPDATE inventory.stock SET reserved = 1",
         ["cancelled pieces of an order are neither captured nor left uncredited",
          "daily cancellations are the cancelled pieces of confirmed orders"]),
        ("UPDATE payments.payment SET amount = amount - 1",
         ["every confirmed order is paid once", "the gateway's payments match the shop's"]),
        ("UPDATE payments.payment SET currency = 'USD'",
         ["every confirmed order is paid once", "the gateway's payments match the shop's"]),
        ("UPDATE payments.payment SET status = 'voided'",
         ["every confirmed order is paid once", "the gateway's payments match the shop's"]),
        ("UPDATE payments.payment SET status = 'captured'", ["the gateway's payments match the shop's"]),
        ("UPDATE payments.payment SET reference = NULL",
         ["the gateway's payments match the shop's", "the gateway holds no money without an order"]),
        ("UPDATE payments.payment SET next_action = '{}'",
         ["payments wait for their customers only during the checkout"]),
        ("DELETE FROM payments.transaction", ["every confirmed order is paid once"]),
        ("DELETE FROM orders.invoice",
         ["exactly the confirmed orders have an invoice", "invoice numbers have no gaps"]),
        ("UPDATE orders.invoice_counter SET last = last + 1", ["invoice numbers have no gaps"]),
        ("UPDATE orders.invoice SET number = left(number, 4) || '-000002'", ["invoice numbers have no gaps"]),
        ("DELETE FROM orders.invoice_counter", ["invoice numbers have no gaps"]),
        ("UPDATE inventory.reservation SET status = 'reserved'", ["every line of a confirmed order is allocated"]),
        ("DELETE FROM inventory.reservation",
         ["every line of a confirmed order is allocated", "reserved stock is the sum of live reservations"]),
        ("UPDATE notifications.notification SET sent_at = NULL",
         ["every customer was notified of the order's result",
          "every notification was sent or refused when its run succeeded"]),
        ("UPDATE notifications.notification SET kind = 'order_cancelled'",
         ["every customer was notified of the order's result"]),
        ("DELETE FROM notifications.notification", ["every customer was notified of the order's result"]),
        ("UPDATE inventory.stock SET on_hand = on_hand + 1", ["stock on hand is the sum of movements"]),
        ("DELETE FROM inventory.movement", ["stock on hand is the sum of movements"]),
        ("UPDATE inventory.stock SET reserved = reserved + 1", ["reserved stock is the sum of live reservations"]),
    ],
)  # fmt: skip
def test_violations_of_a_confirmed_order_are_found(sold: Sale, statement: str, invariants: list[str]) -> None:
    change(statement)
    found = broken(ledger(sold))
    assert sorted(found) == sorted(invariants)
    for name, examples in found.items():
        if "order" in name and "gateway" not in name and not name.startswith("daily"):  # those are of products
            assert examples == [sold.id]


@pytest.mark.parametrize(
    ("statement", "invariants"),
    [
        ("UPDATE orders.\"order\" SET status = 'pending'",
         ["every order has ended or is in progress"]),
        ("UPDATE payments.payment SET status = 'authorised'",
         ["a cancelled order holds neither stock nor money", "the gateway's payments match the shop's"]),
        ("UPDATE inventory.reservation SET status = 'reserved'",
         ["a cancelled order holds neither stock nor money", "reserved stock is the sum of live reservations"]),
        ("INSERT INTO orders.invoice (id, number, order_id) SELECT id, '2026-000001', id FROM orders.\"order\"",
         ["exactly the confirmed orders have an invoice", "invoice numbers have no gaps"]),
        ("DELETE FROM notifications.notification", ["every customer was notified of the order's result"]),
        ("UPDATE notifications.notification SET kind = 'order_confirmed'",
         ["every customer was notified of the order's result"]),
    ],
)  # fmt: skip
def test_violations_of_a_cancelled_order_are_found(refused: Sale, statement: str, invariants: list[str]) -> None:
    change(statement)
    assert sorted(broken(ledger(refused))) == sorted(invariants)


def test_oversold_stock_is_found(sold: Sale) -> None:
    change("ALTER TABLE inventory.stock DROP CONSTRAINT ck_stock_not_oversold")
    try:
        change("UPDATE inventory.stock SET on_hand = 1")
        assert "no stock is negative or oversold" in broken(ledger(sold))
    finally:
        change("UPDATE inventory.stock SET on_hand = 100")
        change("ALTER TABLE inventory.stock ADD CONSTRAINT ck_stock_not_oversold CHECK (reserved <= on_hand)")


def test_an_audit_is_read_only_and_uses_one_snapshot(sold: Sale, book: str) -> None:
    now = ledger(sold)
    with transaction() as session:
        first = audit.audit(session, now)
        other = Sale(book)
        other.reserve()
        assert session.scalars(select(func.count()).select_from(orders.Order)).one() == 1
        with pytest.raises(Exception, match="read-only transaction"):
            session.execute(text("DELETE FROM workflow.event"))
    assert [finding for finding in first if not finding.ok] == []


def test_a_confirmed_order_whose_authorisation_has_lapsed_is_no_violation(sold: Sale) -> None:
    assert sold.held
    with transaction() as session:
        assert payments.record_lapse(session, sold.payment_id)
        assert not payments.record_lapse(session, sold.payment_id)
    lapsed = replace(ledger(sold), payments=[replace(sold.held, state="lapsed")])
    assert broken(lapsed) == {}
    found = check(lapsed)
    assert found["every confirmed order is paid once"].figures["lapsed"] == 1
    assert found["authorisations that have lapsed"].examples == [sold.id]


def test_a_device_of_a_closed_account_is_found(database: None) -> None:
    user_id = make_customer("closed")
    add_device(user_id, {"endpoint": ENDPOINT, "keys": KEYS})
    assert broken(ledger()) == {}
    change("UPDATE accounts.user SET status = 'closed'")
    assert broken(ledger()) == {"phone numbers, devices and second factors belong to open accounts": [user_id]}


def test_an_account_that_its_name_does_not_find_is_found(database: None) -> None:
    user_id = make_customer("lost")
    assert broken(ledger()) == {}
    change("UPDATE accounts.user SET email_key = 'lost@example.org' || E'\n' || email")
    found = check(ledger())
    assert found["accounts are found by their names"].ok
    assert found["accounts whose name an older account has"].examples == [user_id]
    change("UPDATE accounts.user SET username_key = 'found'")
    assert broken(ledger()) == {"accounts are found by their names": [user_id]}
