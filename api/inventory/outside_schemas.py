"""Request and response schemas of reservations for orders of other systems."""

from typing import NotRequired

from marshmallow import fields, validate

from api.http.fields import IdField, Line, List, Schema, Timestamp
from api.http.pagination import PageQuery
from api.inventory.schemas import MAX_LINES, Delivery, DeliveryBody, Goods
from models import inventory
from settings import settings

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


class ReservationLine(Schema):
    product_id = IdField("prd")
    sku = fields.String()
    title = fields.String()
    warehouse_id = IdField("wh")
    quantity = fields.Integer()


class Reservation(Schema):
    id = IdField("res")
    reference = fields.String()
    status = fields.String(validate=validate.OneOf(inventory.OUTSIDE_STATUS.statuses))
    lines = fields.List(
        fields.Nested(ReservationLine), metadata={"description": "A product has a line for each warehouse"}
    )
    expires_at = Timestamp(metadata={"description": "When held goods are released"})
    task_id = IdField("run", attribute="run_id")
    created_at = Timestamp()
    updated_at = Timestamp()


class ReservationQuery(PageQuery):
    status = fields.String(validate=validate.OneOf(inventory.OUTSIDE_STATUS.statuses))
    reference = fields.String(
        validate=validate.Length(1, REFERENCE), metadata={"description": "Only those for this order of another system"}
    )
