"""Fills a shop so that each page of the desk shows something, without workers. Each function returns name → path."""

from datetime import UTC, datetime, timedelta
from typing import Any

from durable.ids import new_id
from models import access, catalogue, fulfilment, inventory, notifications, payments, pictures, returns, webhooks
from models.core.database import transaction
from models.reports import KINDS
from tests.delivering import delivered
from tests.models.shelves import warehouse
from tests.photographs import photograph
from tests.publishing import add_picture
from tests.reporting import written
from tests.shopping import make_customer, make_product
from tests.web.desk.selling import Bought


def desk_pages() -> dict[str, str]:
    """Name → path of the pages of orders, money, customers and products, with orders at several stages."""
    emma, annex = make_product("EMMA", 9), warehouse("Annex")
    fresh = Bought(emma, 2).confirmed()
    returned = Bought(make_product("DUNE", 5), 2, "alan").confirmed()
    parcel = returned.parcel()
    with transaction() as session:
        fulfilment.deliver(session, parcel.id, returned.order.user_id)
        fulfilment.edit(session, returned.id, actor=returned.order.user_id, note="Call first", tags=["vip", "gift"])
        made = returns.request(
            session, returned.id, {returned.product_id: 1}, reason="The cover is torn", comment="Sorry!",
            actor=returned.order.user_id, is_staff=True,
        )  # fmt: skip
        returns.approve(session, made.id)
    assert annex
    returned.disputed()
    made_up = reconciled({"kind": "amount_differs", "payment_id": fresh.payment_id, "order_id": fresh.id, "ours": 100,
                          "ours_currency": "EUR"}, {"kind": "forgotten_authorisation", "repair": "done"})  # fmt: skip
    report_pages = {f"report-{kind}": f"/desk/reports/{written(kind, days=9)}" for kind in KINDS}
    return {
        **report_pages, "reports": "/desk/reports", "new-report": "/desk/reports/new",
        "subscriptions": "/desk/reports/subscriptions", "disputes": "/desk/disputes?view=all",
        "payment": f"/desk/payments/{returned.payment_id}", "reconciliations": "/desk/reconciliations",
        "reconciliation": f"/desk/reconciliations/{made_up}",
        "today": "/desk/", "orders": "/desk/orders", "order-to-ship": fresh.path, "order-returned": returned.path,
        "no-orders": "/desk/orders?q=nobody", "picking": "/desk/picking", "returns": "/desk/returns",
        "payments": "/desk/payments", "products": "/desk/products", "product": f"/desk/products/{emma}",
        "new-product": "/desk/products/new", "stock": "/desk/stock", "product-stock": f"/desk/stock/{emma}",
        "transfers": "/desk/transfers", "customers": "/desk/customers", "imports": "/desk/imports",
        "customer": f"/desk/customers/{fresh.order.user_id}", "not-found": "/desk/orders/ord_" + "0" * 32,
    }  # fmt: skip


def catalogue_pages() -> dict[str, str]:
    """Name → path of the pages of the catalogue, and of what is done with many orders."""
    emma = make_product("EMMA", 9)
    sales = [Bought(emma, 2, name).confirmed() for name in ("grace", "alan")]
    with transaction() as session:
        group = catalogue.create_group(session, {"title": "Shirt", "options": [{"name": "Size", "values": ["S", "M"]}]})
        catalogue.put_into_group(session, group, emma, {"Size": "S"})
        author = catalogue.create_author(session, "Jane Austen")
        owner = sales[0].order.user_id
        pictures.add(session, emma, photograph(), "", owner)
        broken = pictures.add(session, emma, photograph(), "", owner)
        pictures.fail(session, broken.id, {"code": "picture_refused", "detail": "The file is broken."})
    add_picture(emma, "The front", 600)
    many = "&".join(f"order={one.id}" for one in sales)
    return {
        "orders-found": "/desk/orders?q=Grace+Tester", "ship-many": f"/desk/orders/many/ship?{many}",
        "tag-many": f"/desk/orders/many/tag?{many}", "cancel-many": f"/desk/orders/many/cancel?{many}",
        "pictures": f"/desk/products/{emma}/pictures", "groups": "/desk/groups", "group": f"/desk/groups/{group.id}",
        "new-group": "/desk/groups/new", "kinds": "/desk/kinds", "kind": "/desk/kinds/book",
        "categories": "/desk/categories", "authors": "/desk/authors", "author": f"/desk/authors/{author.id}",
    }  # fmt: skip


def stock_pages() -> dict[str, str]:
    """Name → path of the pages of stock, with something on each."""
    emma, dune = make_product("EMMA", 9), make_product("DUNE", 5)
    annex = warehouse("Annex", clothing=500)
    with transaction() as session:
        main = inventory.get_default_warehouse(session).id
        order = inventory.restock(session, {emma: 12, dune: 4}, costs={emma: 250}).id
        inventory.scan_delivery(session, order, "EMMA", 3)
        inventory.set_threshold(session, dune, None, 6, 20)
        inventory.set_threshold(session, emma, None, 30, None)
        made = inventory.send_transfer(session, inventory.request_transfer(session, main, annex, {emma: 2}).id)
        count = inventory.open_count(session, None, actor="usr_" + "0" * 32).id
        inventory.enter_lines(session, count, [{"product_id": emma, "counted": 5}], "usr_" + "0" * 32)
        inventory.hold(session, "market-302-5512334", {emma: 1}, 3600)
        inventory.adjust(session, emma, 2, "found behind the shelf", actor="usr_" + "0" * 32)
    new = f"/desk/purchase-orders/new?product={emma}&quantity-{emma}=20&product={dune}"
    return {
        "alerts": "/desk/stock-alerts", "alerts-one": f"/desk/stock-alerts?warehouse_id={main}",
        "movements": "/desk/movements", "purchase-orders": "/desk/purchase-orders", "order-goods": new,
        "purchase-order": f"/desk/purchase-orders/{order}", "scan": f"/desk/purchase-orders/{order}/scan",
        "transfers": "/desk/transfers", "transfer": f"/desk/transfers/{made.id}", "new-transfer": "/desk/transfers/new",
        "scan-transfer": f"/desk/transfers/{made.id}/scan", "counts": "/desk/stock-counts",
        "new-count": "/desk/stock-counts/new", "count": f"/desk/stock-counts/{count}",
        "scan-count": f"/desk/stock-counts/{count}/scan", "reservations": "/desk/reservations",
        "warehouses": "/desk/warehouses", "warehouse": f"/desk/warehouses/{annex}",
        "new-warehouse": "/desk/warehouses/new", "product-stock": f"/desk/stock/{emma}",
    }  # fmt: skip


def settings_pages() -> dict[str, str]:
    """Name → path of the pages of the settings, with something on each."""
    grace = make_customer("grace")
    failed = {"url": "https://warehouse.example/events", "response_status": 500, "response_body": "out of order"}
    with transaction() as session:
        first = webhooks.create_endpoint(
            session, "https://warehouse.example/events", ["order.created"], "The warehouse"
        )
        second = webhooks.create_endpoint(session, f"https://{'long.' * 20}example/events?token={'0' * 60}", [], "")
        webhooks.update_endpoint(session, second.id, {"status": "disabled"})
        notifications.suppress(session, "nobody@example.org", "permanent", "550 5.1.1 user unknown")
        access.create_role(session, access.PERMISSIONS, "auditor", ["audit:read", "runs:read"])
        access.grant_role(session, access.PERMISSIONS, grace, "auditor")
        key, _ = access.create_key(session, grace, access.PERMISSIONS, "till", ["stock:read"], timedelta(days=30))
        notifications.change_template(session, ("order_shipped", "sms", "de"), {"text": "Ihr Paket ist unterwegs."})
    delivery = delivered(first.id, error="HTTP 500", **failed)
    bought = Bought(make_product("EMMA", 9), 2, "alan").confirmed()
    with transaction() as session:
        message = session.scalars(notifications.select_notifications(bought.order.user_id)).first()
    assert message is not None
    return {
        "webhooks": "/desk/webhooks", "webhook": f"/desk/webhooks/{first.id}", "new-webhook": "/desk/webhooks/new",
        "webhook-disabled": f"/desk/webhooks/{second.id}", "delivery": f"/desk/webhooks/deliveries/{delivery}",
        "templates": "/desk/templates", "template": "/desk/templates/welcome/email/en",
        "template-sms": "/desk/templates/order_shipped/sms/de",
        "suppressions": "/desk/suppressions", "staff": "/desk/staff", "person": f"/desk/staff/{grace}",
        "roles": "/desk/roles", "role": "/desk/roles/auditor", "role-admin": "/desk/roles/admin",
        "new-role": "/desk/new-role", "keys": "/desk/api-keys", "key": f"/desk/api-keys/{key.id}",
        "new-key": "/desk/api-keys/new", "audit-log": "/desk/audit-log", "audit-check": "/desk/audit-log/check",
        "settings": "/desk/settings", "account": f"/desk/customers/{bought.order.user_id}",
        "message": f"/desk/messages/{message.id}",
    }  # fmt: skip


def reconciled(*differences: dict[str, Any]) -> str:
    """A reconciliation of today with these differences."""
    made, now = new_id("rec"), datetime.now(UTC)
    rows = [
        {
            "reconciliation_id": made, "subject": f"pi_{number}", "gateway": "stripe", "order_id": None,
            "payment_id": None, "reference": f"pi_{number}", "ours": None, "ours_currency": None, "theirs": 1250,
            "theirs_currency": "EUR", "repair": None, **one,
        }
        for number, one in enumerate(differences)
    ]  # fmt: skip
    with transaction() as session:
        payments.add_differences(session, rows)
        counts = {"ours": 5, "theirs": 6, **payments.count_differences(session, made)}
        session.add(payments.Reconciliation(
            id=made, run_id=new_id("run"), day=now.date(), period_start=now - timedelta(days=7), period_end=now,
            status="differences" if rows else "clean", counts=counts,
        ))  # fmt: skip
    return made
