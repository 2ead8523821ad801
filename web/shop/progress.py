"""What happens to an order, as its page shows it to the customer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from durable import RunNotFound, queries
from durable.tables import RunRow
from models import fulfilment, orders, payments, returns
from models.accounts import Principal
from models.core.database import transaction
from models.fulfilment import Parcel, ParcelLine
from models.returns import Return, ReturnLine
from serving.orders import order_views
from serving.tasks import find_next_action
from web.language import gettext, ngettext
from web.shop.order_words import (
    RETURNS,
    describe_cancellation,
    describe_order,
    describe_parcel,
    describe_wait,
)

OVER = ("cancelled", "delivered", "returned")
"""Statuses after which a page need not look again, unless goods are sent back."""
DECIDED = ("refunded", "refused", "closed")
"""Statuses after which a return does not change."""
PATIENCE = timedelta(seconds=20)
"""How old an order is when its page says that it takes longer than usual."""

Times = dict[str, datetime | None]
"""Step of the workflow → when it was done."""


@dataclass(frozen=True)
class Step:
    """A step of an order: done, now, later or failed; and when it was done."""

    name: str
    state: str
    at: datetime | None = None
    note: str = ""


@dataclass(frozen=True)
class Sent:
    """A parcel, what is in it, and what happens to it."""

    parcel: Parcel
    contents: str
    state: str
    place: str


@dataclass(frozen=True)
class SentBack:
    """A return, what is in it, and what happens to it."""

    made: Return
    contents: str
    state: str


@dataclass(frozen=True)
class Progress:
    """An order as its page shows it. `action`: what the customer must do before it goes on. `is_live`: it changes
    within seconds; `is_over`: it does not change any more; `is_slow`: it takes longer than usual."""

    order: dict[str, Any]
    headline: str
    steps: list[Step]
    parcels: list[Sent]
    returns: list[SentBack]
    credits: list[orders.CreditNote]
    action: Mapping[str, Any] | None
    reason: str
    wait: str
    run_id: str
    is_live: bool
    is_over: bool
    is_slow: bool
    can_cancel: bool
    can_cancel_pieces: bool
    can_return: bool
    can_pay_again: bool


def read_progress(order_id: str, principal: Principal) -> Progress:
    """The state of an order of this customer. Raises NotFound."""
    with transaction() as session:
        order = orders.get_visible_order(session, order_id, principal)
        [view] = order_views(session, [order], principal)
        parcels = _list_parcels(session, view)
        sent_back = _list_returns(session, view)
        is_own = order.user_id == principal.user_id  # staff who see it change it at the desk
        can_return = is_own and bool(parcels) and bool(returns.list_returnable(session, order_id))
        run, done = _read_run(session, order)
        action = find_next_action(session, run) if run is not None and order.status == "pending" else None
        decline = payments.get_payment(session, str(view["payment_id"])).decline_code
        credits = orders.list_credit_notes(session, order_id)
    status = order.status
    is_live = status == "pending"
    is_being_cancelled = is_live and run is not None and run.status == "compensating"
    return Progress(
        order=view, headline=describe_order(view, action, is_being_cancelled=is_being_cancelled),
        steps=_steps(view, done, [sent.parcel for sent in parcels], action), parcels=parcels, returns=sent_back,
        credits=credits, action=None if is_being_cancelled else action, reason=describe_cancellation(view, decline),
        wait=describe_wait(view), run_id=order.run_id or "", is_live=is_live,
        is_over=status in OVER and all(one.made.status in DECIDED for one in sent_back),
        is_slow=is_live and not action and datetime.now(UTC) - order.created_at > PATIENCE,
        can_cancel=is_own and status in ("pending", "confirmed") and not parcels and not is_being_cancelled,
        can_cancel_pieces=is_own and status == "confirmed" and _count_pieces(view) > 1, can_return=can_return,
        can_pay_again=is_own and status == "cancelled" and order.confirmed_at is None,
    )  # fmt: skip


def _count_pieces(order: Mapping[str, Any]) -> int:
    """The pieces that were not cancelled."""
    return sum(line["quantity"] - line["cancelled"] for line in order["lines"])


def _read_run(session: Session, order: orders.Order) -> tuple[RunRow | None, Times]:
    """The run of the checkout, unless it was deleted, and when its steps were done."""
    if order.run_id is None or order.status == "cancelled":
        return None, {}
    try:
        run, steps = queries.run_with_steps(session, order.run_id)
    except RunNotFound:
        return None, {}
    return run, {step.name: step.finished_at for step in steps if step.status == "done"}


def _list_parcels(session: Session, order: Mapping[str, Any]) -> list[Sent]:
    found = [parcel for parcel in fulfilment.list_parcels(session, order["id"]) if parcel.status != "cancelled"]
    ids = [parcel.id for parcel in found]
    contents, events = fulfilment.list_contents(session, ids), fulfilment.list_tracking(session, ids)
    newest = {parcel_id: reported[-1] for parcel_id, reported in events.items() if reported}
    return [
        Sent(
            parcel, _contents(order, contents[parcel.id]),
            describe_parcel(parcel.status, newest[parcel.id].status if parcel.id in newest else None),
            next((event.place for event in reversed(events[parcel.id]) if event.place), None) or "",
        )
        for parcel in found
    ]  # fmt: skip


def _list_returns(session: Session, order: Mapping[str, Any]) -> list[SentBack]:
    of_order = select(Return).where(Return.order_id == order["id"]).order_by(Return.id)
    found = list(session.scalars(of_order))
    contents = returns.list_lines(session, [made.id for made in found])
    return [SentBack(made, _contents(order, contents[made.id]), gettext(RETURNS[made.status])) for made in found]


def _contents(order: Mapping[str, Any], lines: Sequence[ParcelLine | ReturnLine]) -> str:
    """2 × Emma, 1 × Walden."""
    titles = {line["product_id"]: line["title"] for line in order["lines"]}
    return ", ".join(f"{line.quantity} × {titles[line.product_id]}" for line in lines if line.quantity)


def _steps(
    order: Mapping[str, Any], done: Times, parcels: Sequence[Parcel], action: Mapping[str, Any] | None
) -> list[Step]:
    confirmed, status = order["confirmed_at"], order["status"]
    reserved = confirmed or "inventory.reserve" in done
    shipped = [parcel.shipped_at for parcel in parcels if parcel.shipped_at]
    arrived = [parcel.delivered_at for parcel in parcels if parcel.delivered_at]
    has_left, has_arrived = status in ("shipped", "delivered", "returned"), status in ("delivered", "returned")
    paid = confirmed or "payments.await_customer" in done
    known: list[tuple[str, bool, datetime | None]] = [
        (gettext("Order received"), True, order["created_at"]),
        (gettext("Goods reserved for you"), bool(reserved), done.get("inventory.reserve")),
        (gettext("Payment approved"), bool(paid), done.get("payments.await_customer")),
        (gettext("Order confirmed"), bool(confirmed), confirmed),
        (gettext("Packed"), bool(shipped) or has_left, max((p.created_at for p in parcels), default=None)),
        (gettext("On its way to you"), has_left, max(shipped, default=None)),
        (gettext("Delivered"), has_arrived, max(arrived, default=None)),
    ]  # fmt: skip
    steps = [Step(name, "done", at) for name, is_done, at in known if is_done]
    if status == "cancelled":
        return [*steps, Step(gettext("Order cancelled"), "failed", order["cancelled_at"])]
    later = [name for name, is_done, _at in known if not is_done]
    note = gettext("Waiting for you to confirm it.") if action and action["type"] != "wait" else ""
    if shipped and not has_left:
        note = ngettext("%(num)s parcel has left.", "%(num)s parcels have left.", len(shipped)) % {"num": len(shipped)}
    elif len(shipped) > len(arrived) > 0:
        note = ngettext("%(num)s parcel has arrived.", "%(num)s parcels have arrived.", len(arrived)) % {
            "num": len(arrived)
        }
    return steps + [Step(name, "later" if at else "now", None, "" if at else note) for at, name in enumerate(later)]
