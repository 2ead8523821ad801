"""Query and response schemas of reservations for orders of other systems."""

from marshmallow import fields, validate

from api.http.fields import IdField, Schema, Timestamp
from api.http.pagination import PageQuery
from models import inventory
from serving.reservations import REFERENCE


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
