"""What staff write on an order for each other: a note and tags."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from models.orders.queries import lock
from models.orders.tables import Order


def annotate(session: Session, order_id: str, *, note: str | None = None, tags: Sequence[str] | None = None) -> Order:
    """Returns the order, locked, with its new note and tags.

    `None` leaves a value as it is; an empty note deletes the note. Tags are sorted, each once. Raises NotFound.
    """
    order = lock(session, order_id)
    if note is not None:
        order.note = note or None
    if tags is not None:
        order.tags = sorted(set(tags))
    return order


def add_tag(session: Session, order_id: str, tag: str) -> bool:
    """Gives an order a tag, and says whether it is new. Raises NotFound."""
    order = lock(session, order_id)
    if tag in order.tags:
        return False
    order.tags = sorted({*order.tags, tag})
    return True


def remove_tag(session: Session, order_id: str, tag: str) -> bool:
    """Takes a tag from an order, and says whether it had it. Raises NotFound."""
    order = lock(session, order_id)
    had = tag in order.tags
    order.tags = [each for each in order.tags if each != tag]
    return had
