"""Views of backorders: how many units of a product are sold beyond stock."""

from datetime import UTC, date, datetime
from typing import TypedDict

from flask.views import MethodView
from marshmallow import ValidationError, fields, validate, validates_schema

from api.http.auth import allowed
from api.http.errors import error_codes
from api.http.fields import IdField, Schema
from api.inventory.blueprint import blueprint
from models import inventory
from models.core.database import transaction


class BackorderBody(TypedDict):
    limit: int
    promised_on: date | None


class Backorder(Schema):
    limit = fields.Integer(
        required=True, strict=True, validate=validate.Range(0, inventory.MAX_LEVEL),
        metadata={"description": "Units that are sold beyond stock at most; 0: none", "example": 20},
    )  # fmt: skip
    promised_on = fields.Date(
        allow_none=True, load_default=None, metadata={"description": "Required unless `limit` is 0. Not in the past"}
    )

    @validates_schema
    def _promised(self, data: BackorderBody, **_: object) -> None:
        promised_on = data["promised_on"]
        if data["limit"] and promised_on is None:
            raise ValidationError("required unless `limit` is 0", "promised_on")
        if promised_on is not None and promised_on < datetime.now(UTC).date():
            raise ValidationError("must not be in the past", "promised_on")


class BackorderTerms(Schema):
    product_id = IdField("prd")
    limit = fields.Integer(attribute="maximum")
    backordered = fields.Integer(metadata={"description": "Units that orders wait for"})
    promised_on = fields.Date(allow_none=True)


@blueprint.route('/products/<id("prd"):product_id>/backorder')
class BackorderView(MethodView):
    @allowed("stock:read")
    @blueprint.response(200, BackorderTerms)
    def get(self, product_id: str) -> inventory.BackorderTerms:
        """Returns how many units of a product are sold beyond stock, and how many orders wait for."""
        with transaction() as session:
            return inventory.get_terms(session, product_id)

    @allowed("stock:write")
    @error_codes("not_found")
    @blueprint.arguments(Backorder)
    @blueprint.response(200, BackorderTerms)
    def put(self, body: BackorderBody, product_id: str) -> inventory.BackorderTerms:
        """Allows units of a product to be sold beyond stock, with a promised date.

        A lower limit, or another date, changes nothing about units that orders already wait for.
        """
        with transaction() as session:
            return inventory.set_terms(session, product_id, body["limit"], body["promised_on"])

    @allowed("stock:write")
    @blueprint.response(204)
    def delete(self, product_id: str) -> None:
        """Allows no more units to be sold beyond stock. Orders that wait are still filled."""
        with transaction() as session:
            inventory.set_terms(session, product_id, 0, None)
