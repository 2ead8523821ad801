"""Returns are requested, approved or refused, and their goods received. Lock order: run → order → return."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypedDict

from sqlalchemy import Integer, bindparam, func, select, text
from sqlalchemy.orm import Session

import durable
from durable import transitions
from durable.ids import Id, new_id
from models import orders
from models.accounts import Principal
from models.core import event_log
from models.core.errors import Conflict, NotFound
from models.core.events import ReturnReceived
from models.returns.tables import RETURN_STATUS, Return, ReturnLine
from settings import settings

_RETURNABLE = (
    text("""
    SELECT inside.product_id, (sum(inside.quantity) - coalesce(max(back.quantity), 0))::integer AS quantity
    FROM fulfilment.parcel JOIN fulfilment.parcel_line AS inside ON inside.parcel_id = parcel.id
    LEFT JOIN (
        SELECT product_id,
            sum(CASE WHEN received_at IS NULL THEN line.quantity ELSE resellable + damaged END) AS quantity
        FROM returns.return AS made JOIN returns.return_line AS line ON line.return_id = made.id
        WHERE order_id = :order_id AND made.id IS DISTINCT FROM :besides AND status <> 'refused'
        AND NOT (status = 'closed' AND received_at IS NULL) GROUP BY product_id
    ) AS back ON back.product_id = inside.product_id
    WHERE parcel.order_id = :order_id AND parcel.status = 'delivered'
    GROUP BY inside.product_id ORDER BY inside.product_id
""")
    .bindparams(bindparam("order_id", type_=Id("ord")), bindparam("besides", type_=Id("ret")))
    .columns(product_id=Id("prd"), quantity=Integer)
)
_DELIVERED = text(
    "SELECT max(delivered_at) FROM fulfilment.parcel WHERE order_id = :order_id AND status = 'delivered'"
).bindparams(bindparam("order_id", type_=Id("ord")))


class Received(TypedDict):
    """Units of a product that have arrived; `condition` is resellable or damaged."""

    product_id: str
    quantity: int
    condition: str


def list_returnable(session: Session, order_id: str, besides: str | None = None) -> dict[str, int]:
    """Product → delivered units that are in no return, not counting the return `besides`. Sorted by product."""
    rows = session.connection().execute(_RETURNABLE, {"order_id": order_id, "besides": besides})
    return {row.product_id: row.quantity for row in rows if row.quantity > 0}


def request(
    session: Session, order_id: str, lines: Mapping[str, int], *, reason: str, comment: str | None, actor: str,
    is_staff: bool, exchange: list[dict[str, Any]] | None = None,
) -> Return:  # fmt: skip
    """Requests a return of delivered units (product id → units), and starts its run.

    Customers can do so for `SHOP_RETURN_DAYS` after the last delivery. `exchange`: what they want instead, as
    `exchanging.freeze` returns it. Raises NotFound, and Conflict `return_period_over`, or `nothing_to_return` with what
    is `returnable`.
    """
    order = orders.lock(session, order_id)
    delivered = session.connection().scalar(_DELIVERED, {"order_id": order_id})
    returnable = list_returnable(session, order_id)
    _check(returnable, lines)
    is_late = session.scalar(select(func.now() > delivered + timedelta(days=settings.return_days)))
    if is_late and not is_staff:
        raise Conflict(f"Returns are possible for {settings.return_days:g} days.", code="return_period_over")
    return_id = new_id("ret")
    about = {"return_id": return_id, "order_id": order_id}
    run_id = durable.start(session, "return", key=return_id, input=about, owner=order.user_id)
    made = Return(
        id=return_id, order_id=order_id, user_id=order.user_id, reason=reason, comment=comment, run_id=run_id,
        status="requested", exchange=exchange,
    )  # fmt: skip
    session.add(made)
    session.flush()
    session.add_all(ReturnLine(return_id=return_id, product_id=product, quantity=n) for product, n in lines.items())
    session.flush()
    return made


def approve(session: Session, return_id: str) -> Return:
    """Approves a requested return. Raises NotFound and Conflict `wrong_state`."""
    return _decide(session, return_id, "approved", None)


def refuse(session: Session, return_id: str, reason: str) -> Return:
    """Refuses a requested return, with a reason for the customer. Raises NotFound and Conflict `wrong_state`."""
    return _decide(session, return_id, "refused", reason)


def receive(session: Session, return_id: str, goods: Sequence[Received]) -> Return:
    """Records the goods of an approved return, which may be fewer or more than announced; wakes its run.

    Raises NotFound, and Conflict `wrong_state`, or `nothing_to_return` if more came than was delivered.
    """
    made = lock_return(session, return_id, with_run=True)
    RETURN_STATUS.move(made, "received")
    made.received_at = func.now()
    totals: dict[str, int] = {}
    for part in goods:
        totals[part["product_id"]] = totals.get(part["product_id"], 0) + part["quantity"]
    _check(list_returnable(session, made.order_id, besides=return_id), totals)
    lines = {line.product_id: line for line in list_lines(session, [return_id])[return_id]}
    for part in goods:
        line = lines.get(part["product_id"])
        if line is None:
            line = lines[part["product_id"]] = ReturnLine(
                return_id=return_id, product_id=part["product_id"], quantity=0, resellable=0, damaged=0
            )
            session.add(line)
        setattr(line, part["condition"], getattr(line, part["condition"]) + part["quantity"])
    session.flush()
    event_log.emit(session, ReturnReceived(return_id=return_id, order_id=made.order_id))
    durable.signal(session, made.run_id, "received", {})
    return made


def lock_return(session: Session, return_id: str, *, with_run: bool = False) -> Return:
    """The return, with its order, both locked; `with_run`: and its run before them. Raises NotFound."""
    made = get_return(session, return_id)
    if with_run:
        transitions.lock(session, made.run_id)  # a step locks its run first, too
    orders.lock(session, made.order_id)
    session.refresh(made, with_for_update=True)
    return made


def get_return(session: Session, return_id: str) -> Return:
    """The return. Raises NotFound."""
    made = session.get(Return, return_id)
    if made is None:
        raise NotFound("There is no such return.")
    return made


def get_visible_return(session: Session, return_id: str, principal: Principal) -> Return:
    """A return of the user, or with the permission `orders:read` of anybody. Raises NotFound."""
    made = get_return(session, return_id)
    if made.user_id != principal.user_id and "orders:read" not in principal.permissions:
        raise NotFound("There is no such return.")
    return made


def list_lines(session: Session, return_ids: Sequence[str]) -> dict[str, list[ReturnLine]]:
    """Return id → its lines."""
    found: dict[str, list[ReturnLine]] = {return_id: [] for return_id in return_ids}
    query = select(ReturnLine).where(ReturnLine.return_id.in_(return_ids)).order_by(ReturnLine.product_id)
    for line in session.scalars(query):
        found[line.return_id].append(line)
    return found


def _decide(session: Session, return_id: str, status: str, reason: str | None) -> Return:
    made = lock_return(session, return_id, with_run=True)
    RETURN_STATUS.move(made, status)
    made.decided_at, made.refused_because = func.now(), reason
    session.flush()
    durable.signal(session, made.run_id, "decided", {})
    return made


def _check(returnable: Mapping[str, int], lines: Mapping[str, int]) -> None:
    if any(returnable.get(product, 0) < units for product, units in lines.items()):
        shown = [{"product_id": product, "quantity": units} for product, units in returnable.items()]
        detail = "More is to be returned than was delivered and not returned before."
        raise Conflict(detail, code="nothing_to_return", returnable=shown)
