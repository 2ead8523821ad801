"""Customers who want to know when a product that is sold out is available again. Each is notified once."""

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import durable
from models import catalogue
from models.core.database import Statements
from models.core.errors import Conflict
from models.inventory.stock import get_available, in_stock
from models.inventory.tables import Reservation, Waiting

BATCH_SIZE = 500  # customers


def wait_for_stock(session: Session, user_id: str, product_id: str) -> None:
    """Notes that a customer waits for a product. A second call changes nothing.

    Raises NotFound, and Conflict `in_stock` if the product is available.
    """
    catalogue.get_product(session, product_id)
    if get_available(session, [product_id])[product_id] > 0:
        raise Conflict("This product is available.", code="in_stock")
    session.execute(insert(Waiting).values(user_id=user_id, product_id=product_id).on_conflict_do_nothing())


def waits_for_stock(connection: Statements, user_id: str, product_id: str) -> bool:
    """Whether a customer waits for a product."""
    waiting = select(Waiting.product_id).where(Waiting.user_id == user_id, Waiting.product_id == product_id)
    return connection.execute(waiting).first() is not None


def stop_waiting(session: Session, user_id: str, product_id: str | None = None) -> None:
    """Forgets that a customer waits for a product, by default for any."""
    waiting = delete(Waiting).where(Waiting.user_id == user_id)
    session.execute(waiting if product_id is None else waiting.where(Waiting.product_id == product_id))


def count_waiting(session: Session, product_id: str) -> int:
    """How many customers wait for a product."""
    return session.scalars(select(func.count()).select_from(Waiting).where(Waiting.product_id == product_id)).one()


def notify_waiting(
    session: Session, portion: int = BATCH_SIZE, *, order_id: str | None = None
) -> tuple[int, bool]:  # fmt: skip
    """Starts a `back_in_stock` for each customer who waits for a product that is available, and forgets them.

    `order_id`: only for the products that were reserved for this order. Returns their number, and whether there may be
    more.
    """
    due = select(Waiting).where(in_stock(Waiting.product_id)).order_by(Waiting.product_id, Waiting.user_id)
    if order_id:
        due = due.where(Waiting.product_id.in_(select(Reservation.product_id).where(Reservation.order_id == order_id)))
    found = session.scalars(due.limit(portion).with_for_update(skip_locked=True, of=Waiting)).all()
    for one in found:
        about = {"user_id": one.user_id, "product_id": one.product_id}
        since = one.created_at.isoformat()
        durable.start(session, "back_in_stock", key=f"{one.product_id}:{one.user_id}:{since}", input=about)
        session.delete(one)
    return len(found), len(found) == portion
