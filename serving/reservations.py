"""Reservations for orders of other systems, such as a marketplace or a till."""

from typing import NotRequired, TypedDict

from marshmallow import ValidationError, fields, validate, validates_schema
from sqlalchemy.orm import Session

from models import inventory
from models.core.database import transaction
from serving.fields import IdField, Line, List, Schema
from settings import settings

MAX_LINES = 500


class Goods(Schema):
    product_id = IdField("prd", required=True)
    quantity = fields.Integer(required=True, strict=True, validate=validate.Range(1, inventory.MAX_LEVEL))


class GoodsBody(TypedDict):
    product_id: str
    quantity: int


class DeliveryBody(TypedDict):
    lines: list[GoodsBody]


class Delivery(Schema):
    lines = List(fields.Nested(Goods), required=True, validate=validate.Length(1, MAX_LINES))

    @validates_schema
    def _each_product_once(self, data: DeliveryBody, **_: object) -> None:
        products = [line["product_id"] for line in data["lines"]]
        if len(set(products)) < len(products):
            raise ValidationError("each product may appear only once", "lines")


REFERENCE = 100


class NewReservation(Delivery):
    reference = Line(
        1, REFERENCE, links=True, required=True,
        metadata={"description": "What the other system calls its order", "example": "amazon-302-5512334"},
    )  # fmt: skip
    lines = List(fields.Nested(Goods), required=True, validate=validate.Length(1, MAX_LINES))
    expires_in = fields.Integer(
        strict=True, validate=validate.Range(1, settings.reservation_max_seconds),
        metadata={"description": "Seconds for which the goods are held; by default SHOP_RESERVATION_SECONDS"},
    )  # fmt: skip


class NewReservationBody(DeliveryBody):
    reference: str
    expires_in: NotRequired[int]


def reservation_view(session: Session, held: inventory.OutsideReservation) -> dict[str, object]:
    """A reservation with its lines."""
    return reservation_views(session, [held])[0]


def reservation_views(session: Session, found: list[inventory.OutsideReservation]) -> list[dict[str, object]]:
    """Reservations with their lines, with one query for any number."""
    lines = inventory.get_outside_lines(session, [held.id for held in found])
    names = ("id", "reference", "status", "expires_at", "run_id", "created_at", "updated_at")
    return [{**{name: getattr(held, name) for name in names}, "lines": lines[held.id]} for held in found]


def hold(session: Session, body: NewReservationBody, owner: str) -> inventory.OutsideReservation:
    """Holds stock for an order of another system, on behalf of this user. Raises what `inventory.hold` raises."""
    lines = {line["product_id"]: line["quantity"] for line in body["lines"]}
    seconds = body.get("expires_in", min(settings.reservation_seconds, settings.reservation_max_seconds))
    return inventory.hold(session, body["reference"], lines, seconds, owner=owner)


def read_one(reservation_id: str) -> dict[str, object]:
    """A reservation. Raises NotFound."""
    with transaction() as session:
        return reservation_view(session, inventory.get_outside(session, reservation_id))
