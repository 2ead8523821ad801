"""Undoing an adjustment of stock: the opposite is booked. A movement itself is never changed or deleted."""

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.core.errors import Conflict, NotFound
from models.inventory.stock import adjust
from models.inventory.tables import Movement, Stock

UNDO = "undo"
"""The reason of movements that undo an adjustment, whose id is their reference."""
_ID = re.compile(r"[a-z]+_[0-9a-f]{32}")


def can_be_undone(movement: Movement) -> bool:
    """Whether a person has adjusted the level. What happens for an order, a transfer or the like has undoing of its
    own, and names it in its reference."""
    return movement.actor is not None and _ID.fullmatch(movement.reference or "") is None


def undo_adjustment(session: Session, movement_id: str, actor: str | None) -> tuple[Movement, Stock]:
    """Books the opposite of an adjustment, once.

    Raises NotFound, Conflict (`not_an_adjustment`, `already_undone`), and what `adjust` raises.
    """
    query = select(Movement).where(Movement.id == movement_id).with_for_update()
    movement = session.scalars(query).one_or_none()
    if movement is None:
        raise NotFound("No such stock movement.")
    if not can_be_undone(movement):
        raise Conflict("Only adjustments can be undone.", code="not_an_adjustment")
    since = Movement.product_id == movement.product_id, Movement.id > movement.id
    if session.scalars(select(Movement.id).where(*since, Movement.reference == movement.id).limit(1)).first():
        raise Conflict("This adjustment was undone already.", code="already_undone")
    return adjust(
        session, movement.product_id, -movement.quantity, UNDO, movement.warehouse_id, actor, reference=movement.id
    )
