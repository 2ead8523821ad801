"""Mails to staff and suppliers."""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

from sqlalchemy.orm import Session

from durable import Run
from durable.transitions import CANCELLED
from models import fulfilment, inventory, notifications, orders, payments, webhooks
from models.core.workflow_inputs import (
    AuthorisationInput,
    CaptureInput,
    IncidentInput,
    LowStockInput,
    ParcelInput,
    ReconciliationInput,
    RestockInput,
    StockCountInput,
    TemplateFailedInput,
    TransferInput,
    WebhookDisabledInput,
)
from models.notifications import Kind, contexts, kinds
from settings import settings
from tasks.inventory import reorder
from tasks.notifications.sending import Request, compose, key_of, sends
from tasks.payments import check_authorisation
from tasks.reconciliation import reconcile


@sends(kinds.STOCK_LOW)
def stock_low(session: Session, run: Run[LowStockInput]) -> Request | None:
    """Informs staff that stock has reached its reorder point, and whether more was ordered."""
    warehouse = inventory.get_warehouse(session, run.input["warehouse_id"])
    level = inventory.select_levels(run.input["product_id"], warehouse.id)
    _, sku, title = session.execute(level).one()
    ordered = (run.output(reorder) or {}).get("purchase_order_id")
    context: contexts.StockLow = {
        "sku": sku, "title": title, "warehouse": warehouse.name, "available": run.input["available"],
        "reorder_point": run.input["reorder_point"],
        "purchase_order": inventory.get_purchase_order(session, ordered).number if ordered else None,
    }  # fmt: skip
    return compose(session, run, kinds.STOCK_LOW, context, settings.staff_email)


@sends(kinds.GOODS_ORDERED)
def goods_ordered(session: Session, run: Run[RestockInput]) -> Request | None:
    """Sends the supplier a purchase order, unless it was cancelled before.

    Refused if the warehouse was closed since: it accepts no deliveries.
    """
    order = inventory.get_purchase_order(session, run.input["purchase_order_id"])
    if order.status == "cancelled":
        return None
    inventory.check_open(inventory.get_warehouse(session, order.warehouse_id))
    context = _purchase_order(session, order, lambda line: line.quantity)
    return compose(session, run, kinds.GOODS_ORDERED, context, settings.supplier_email)


@sends(kinds.ORDER_WITHDRAWN)
def order_withdrawn(session: Session, run: Run[RestockInput]) -> Request | None:
    """Informs the supplier of a cancelled purchase order what not to deliver, if it was sent before."""
    order = inventory.get_purchase_order(session, run.input["purchase_order_id"])
    if order.status != "cancelled" or not notifications.is_composed(session, kinds.GOODS_ORDERED, key_of(run)):
        return None
    context = _purchase_order(session, order, lambda line: line.quantity - line.received)
    return compose(session, run, kinds.ORDER_WITHDRAWN, context, settings.supplier_email)


@sends(kinds.RESTOCK_CANCELLED)
def restock_cancelled(session: Session, run: Run[RestockInput]) -> Request | None:
    """Informs staff why a purchase order was not sent."""
    order = inventory.get_purchase_order(session, run.input["purchase_order_id"])
    context: contexts.RestockCancelled = {"number": order.number, "reason": run.error["detail"]}
    return compose(session, run, kinds.RESTOCK_CANCELLED, context, settings.staff_email)


@sends(kinds.GOODS_RECEIVED)
def goods_received(session: Session, run: Run[RestockInput]) -> Request | None:
    """Informs staff of what was delivered."""
    order = inventory.get_purchase_order(session, run.input["purchase_order_id"])
    context = _purchase_order(session, order, lambda line: line.received)
    return compose(session, run, kinds.GOODS_RECEIVED, context, settings.staff_email)


def _purchase_order(
    session: Session, order: inventory.PurchaseOrder, quantity: Callable[[inventory.PurchaseLine], int]
) -> contexts.PurchaseOrder:
    lines: list[contexts.Goods] = [
        {"quantity": quantity(line), "title": line.title, "sku": line.sku}
        for line in inventory.get_purchase_lines(session, [order.id])[order.id]
        if quantity(line)
    ]
    warehouse = inventory.get_warehouse(session, order.warehouse_id)
    return {"number": order.number, "status": order.status, "warehouse": warehouse.name, "lines": lines}


@sends(kinds.TEMPLATE_FAILED)
def template_failed(session: Session, run: Run[TemplateFailedInput]) -> Request | None:
    """Informs staff of a template of theirs that fails."""
    context: contexts.TemplateFailed = {"template": run.input["template"], "error": run.input["error"]}
    return compose(session, run, kinds.TEMPLATE_FAILED, context, settings.staff_email)


@sends(kinds.SHIPMENT_FAILED)
def shipment_failed(session: Session, run: Run[ParcelInput]) -> Request | None:
    """Informs staff why a parcel was not shipped."""
    order = orders.get(session, run.input["order_id"])
    context: contexts.ShipmentFailed = {"number": order.number, "reason": run.error["detail"]}
    return compose(session, run, kinds.SHIPMENT_FAILED, context, settings.staff_email)


@sends(kinds.PAYMENT_REFUSED)
def payment_refused(session: Session, run: Run[CaptureInput]) -> Request | None:
    """Informs staff of a capture or a refund that the provider has refused; not of one that an operator cancelled."""
    if run.error["code"] == CANCELLED["code"]:
        return None
    return _about_money(session, run, kinds.PAYMENT_REFUSED)


@sends(kinds.REFUND_FAILED)
def refund_failed(session: Session, run: Run[CaptureInput]) -> Request | None:
    """Informs staff of a refund that was accepted and has failed."""
    return _about_money(session, run, kinds.REFUND_FAILED)


@sends(kinds.DISPUTE_OPENED)
def dispute_opened(session: Session, run: Run[CaptureInput]) -> Request | None:
    """Informs staff of a dispute."""
    return _about_money(session, run, kinds.DISPUTE_OPENED)


@sends(kinds.DISPUTE_CLOSED)
def dispute_closed(session: Session, run: Run[CaptureInput]) -> Request | None:
    """Informs staff of the decision about a dispute."""
    return _about_money(session, run, kinds.DISPUTE_CLOSED)


def _about_money(session: Session, run: Run[CaptureInput], kind: Kind[contexts.MoneyMoved]) -> Request | None:
    order = orders.get(session, run.input["order_id"])
    one = payments.get_transaction(session, run.input["transaction_id"])
    context: contexts.MoneyMoved = {
        "number": order.number, "payment_id": one.payment_id, "kind": one.kind, "status": one.status,
        "amount": one.amount, "currency": order.currency, "reason": (one.error or {}).get("detail", ""),
    }  # fmt: skip
    return compose(session, run, kind, context, settings.staff_email)


@sends(kinds.PARCEL_LOST)
def parcel_lost(session: Session, run: Run[ParcelInput]) -> Request | None:
    """Informs staff of a parcel that was not delivered in time, or that the carrier brings back."""
    parcel, order = fulfilment.get_parcel(session, run.input["parcel_id"]), orders.get(session, run.input["order_id"])
    if parcel.status not in ("lost", "returned"):
        return None
    context: contexts.ParcelLost = {
        "number": order.number, "returned": parcel.status == "returned", "carrier": parcel.carrier or "",
        "tracking": parcel.tracking_number or "",
    }  # fmt: skip
    return compose(session, run, kinds.PARCEL_LOST, context, settings.staff_email)


@sends(kinds.TRANSFER_INCOMPLETE)
def transfer_incomplete(session: Session, run: Run[TransferInput]) -> Request | None:
    """Informs staff of goods that were sent and have not arrived."""
    transfer = inventory.get_transfer(session, run.input["transfer_id"])
    lines = inventory.get_transfer_lines(session, [transfer.id])[transfer.id]
    missing: list[contexts.Goods] = [
        {"quantity": line.quantity - (line.received or 0), "title": line.title, "sku": line.sku}
        for line in lines
        if line.quantity != line.received
    ]
    if not missing:
        return None
    context: contexts.TransferIncomplete = {**_transfer(session, transfer), "lines": missing}
    return compose(session, run, kinds.TRANSFER_INCOMPLETE, context, settings.staff_email)


@sends(kinds.TRANSFER_CANCELLED)
def transfer_cancelled(session: Session, run: Run[TransferInput]) -> Request | None:
    """Informs staff why a transfer was cancelled, unless its goods had been received before."""
    transfer = inventory.get_transfer(session, run.input["transfer_id"])
    if transfer.status == "received":
        return None
    context: contexts.TransferCancelled = {**_transfer(session, transfer), "reason": run.error["detail"]}
    return compose(session, run, kinds.TRANSFER_CANCELLED, context, settings.staff_email)


def _transfer(session: Session, transfer: inventory.Transfer) -> contexts.Transfer:
    source, target = (inventory.get_warehouse(session, at) for at in (transfer.source_id, transfer.target_id))
    return {"transfer": transfer.id, "source": source.name, "target": target.name}


@sends(kinds.COUNT_SHORT)
def count_short(session: Session, run: Run[StockCountInput]) -> Request | None:
    """Informs staff of goods that are reserved for orders and were not there when they were counted."""
    count = inventory.get_count(session, run.input["stock_count_id"])
    short = session.scalars(inventory.select_count_lines(count.id, "short").order_by(inventory.CountLine.sku))
    lines: list[contexts.Goods] = [{"quantity": line.short, "title": line.title, "sku": line.sku} for line in short]
    if not lines:
        return None
    warehouse = inventory.get_warehouse(session, count.warehouse_id).name
    context: contexts.CountShort = {"stock_count": count.id, "warehouse": warehouse, "lines": lines}
    return compose(session, run, kinds.COUNT_SHORT, context, settings.staff_email)


@sends(kinds.COUNT_EXPIRED)
def count_expired(session: Session, run: Run[StockCountInput]) -> Request | None:
    """Informs staff that a stock count has expired. Whoever refuses or cancels one knows."""
    count = inventory.get_count(session, run.input["stock_count_id"])
    if count.status != "expired":
        return None
    context: contexts.CountExpired = {
        "stock_count": count.id, "warehouse": inventory.get_warehouse(session, count.warehouse_id).name,
        "counted": inventory.get_totals_of(session, count.id).counted,
    }  # fmt: skip
    return compose(session, run, kinds.COUNT_EXPIRED, context, settings.staff_email)


@sends(kinds.RECONCILIATION_DIFFERS)
def reconciliation_differs(session: Session, run: Run[ReconciliationInput]) -> Request | None:
    """Informs staff of differences between the providers' payments and ours. None for a part, or if there are none."""
    if run.parent:
        return None
    made = payments.get_reconciliation(session, (run.output(reconcile) or {})["reconciliation_id"])
    if made.status == "clean":
        return None
    context: contexts.ReconciliationDiffers = {
        "day": made.day.isoformat(), "reconciliation_id": made.id, "differences": made.counts["differences"],
        "repaired": made.counts["repaired"],
        "kinds": [(kind.replace("_", " "), made.counts[kind]) for kind in payments.DIFFERENCES if kind in made.counts],
    }  # fmt: skip
    return compose(session, run, kinds.RECONCILIATION_DIFFERS, context, settings.staff_email)


@sends(kinds.INCIDENT)
def incident(session: Session, run: Run[IncidentInput]) -> Request | None:
    """Informs operators of what requires them, and once more when it is over."""
    site = settings.public_url or settings.api_base
    context: contexts.Incident = {
        "incident": run.input["incident"], "detail": run.input["detail"], "resolved": run.input["state"] == "resolved",
        "url": f"{site}/ops/incidents/{quote(run.input['incident'], safe=':')}" if site else "",
    }  # fmt: skip
    return compose(session, run, kinds.INCIDENT, context, settings.alert_email or settings.staff_email)


@sends(kinds.WEBHOOK_DISABLED)
def webhook_disabled(session: Session, run: Run[WebhookDisabledInput]) -> Request | None:
    """Informs staff why a webhook endpoint was disabled, unless it was deleted since."""
    endpoint = session.get_one(webhooks.Endpoint, run.input["endpoint_id"])
    if endpoint.deleted_at is not None:
        return None
    context: contexts.WebhookDisabled = {"url": endpoint.url, "reason": run.input["reason"]}
    return compose(session, run, kinds.WEBHOOK_DISABLED, context, settings.staff_email)


@sends(kinds.AUTHORISATION_ENDS)
def authorisation_ends(session: Session, run: Run[AuthorisationInput]) -> Request | None:
    """Informs staff that the payment of an order will lapse, or has lapsed; each once."""
    outcome = run.output(check_authorisation)
    if outcome is None:
        return None
    order, ends = orders.get(session, run.input["order_id"]), datetime.fromisoformat(outcome["ends"])
    context: contexts.AuthorisationEnds = {
        "number": order.number, "lapsed": outcome["lapsed"], "ends": f"{ends:%Y-%m-%d %H:%M} UTC",
    }  # fmt: skip
    return compose(session, run, kinds.AUTHORISATION_ENDS, context, settings.staff_email)
