"""Request and response schemas of kinds of products."""

from typing import Any, NotRequired, TypedDict

from marshmallow import fields, validate

from api.http.fields import KIND_PATTERN, List, Pattern, Schema, Timestamp
from models import catalogue

_NAME = [validate.Length(max=40), Pattern("^[a-z][a-z0-9_]*$", error="lower-case letters, digits and underscores")]


def _bound(description: str) -> fields.Integer:
    most = catalogue.MAX_NUMBER
    return fields.Integer(strict=True, validate=validate.Range(-most, most), metadata={"description": description})


class KindAttribute(Schema):
    name = fields.String(required=True, validate=_NAME, metadata={"example": "capacity_ml"})
    type = fields.String(
        required=True, validate=validate.OneOf(tuple(catalogue.TYPES)), metadata={"example": "integer"}
    )
    minimum = _bound("Of a number")
    maximum = _bound("Of a number")
    values = List(
        fields.String(validate=validate.Length(1, 100)),
        validate=validate.Length(max=catalogue.MAX_VALUES),
        metadata={"description": "Of a text that must be one of these"},
    )


class ProductKindChanges(Schema):
    title = fields.String(validate=validate.Length(1, 200), metadata={"example": "Mugs"})
    attributes = List(fields.Nested(KindAttribute), validate=validate.Length(max=catalogue.MAX_ATTRIBUTES))


class NewProductKind(Schema):
    name = fields.String(required=True, validate=KIND_PATTERN, metadata={"example": "mug"})
    title = fields.String(required=True, validate=validate.Length(1, 200), metadata={"example": "Mugs"})
    attributes = List(fields.Nested(KindAttribute), validate=validate.Length(max=catalogue.MAX_ATTRIBUTES))


class NewProductKindBody(TypedDict):
    name: str
    title: str
    attributes: NotRequired[list[dict[str, Any]]]


class ShownAttribute(Schema):
    name = fields.String()
    type = fields.String(validate=validate.OneOf(tuple(catalogue.TYPES)))
    minimum = fields.Integer(allow_none=True)
    maximum = fields.Integer(allow_none=True)
    values = fields.List(fields.String())


class ProductKind(Schema):
    name = fields.String()
    title = fields.String()
    attributes = fields.List(
        fields.Nested(ShownAttribute),
        metadata={"description": "Its own. Each kind also has "
                  + ", ".join(f"`{attribute.name}`" for attribute in catalogue.COMMON)},
    )  # fmt: skip
    created_at = Timestamp()
    updated_at = Timestamp()
