"""Request and response schemas of product groups."""

from typing import Any, NotRequired, TypedDict

from marshmallow import fields, validate

from api.catalogue.schemas import Sibling
from api.http.fields import IdField, List, MapField, Pattern, Schema, Timestamp
from api.http.pagination import PageQuery
from models import catalogue

MAX_LIST = 1000
"""Of a list in a request. The settings `group_products` and `option_values` say how many a group may have."""
_HANDLE = Pattern(r"^[^\s\x00-\x1f/?#]*$", error="must not contain spaces, slashes, question marks and number signs")


class ProductOption(Schema):
    name = fields.String(required=True, validate=validate.Length(1, 100), metadata={"example": "Size"})
    values = List(
        fields.String(validate=validate.Length(1, 255)),
        load_default=list,
        validate=validate.Length(max=MAX_LIST),
        metadata={"description": "In the order in which they are shown", "example": ["S", "M", "L"]},
    )


class ProductOptions(Schema):
    options = MapField(
        keys=fields.String(validate=validate.Length(1, 100)),
        values=fields.String(validate=validate.Length(1, 255)),
        required=True,
        validate=validate.Length(1, catalogue.MAX_OPTIONS),
        metadata={"description": "A value of each option of the group", "example": {"Size": "M"}},
    )


class ProductOptionsBody(TypedDict):
    options: dict[str, str]


class NewMember(ProductOptions):
    product_id = IdField("prd", required=True)


class NewProductGroup(Schema):
    title = fields.String(required=True, validate=validate.Length(1, 300), metadata={"example": "Linen shirt"})
    handle = fields.String(
        validate=[validate.Length(1, catalogue.MAX_HANDLE), _HANDLE],
        metadata={"description": "Unique; by default, the words of the title", "example": "linen-shirt"},
    )
    options = List(fields.Nested(ProductOption), required=True, validate=validate.Length(1, catalogue.MAX_OPTIONS))
    products = List(fields.Nested(NewMember), load_default=list, validate=validate.Length(max=MAX_LIST))


class NewProductGroupBody(TypedDict):
    title: str
    handle: NotRequired[str]
    options: list[dict[str, Any]]
    products: list[dict[str, Any]]


class ProductGroupChanges(Schema):
    title = fields.String(validate=validate.Length(1, 300))
    handle = fields.String(validate=[validate.Length(1, catalogue.MAX_HANDLE), _HANDLE])
    options = List(fields.Nested(ProductOption), validate=validate.Length(1, catalogue.MAX_OPTIONS))


class ListedProductGroup(Schema):
    id = IdField("grp")
    handle = fields.String()
    title = fields.String()
    options = fields.List(fields.Nested(ProductOption))
    created_at = Timestamp()
    updated_at = Timestamp()


class ProductGroup(ListedProductGroup):
    products = fields.List(fields.Nested(Sibling), metadata={"description": "In the order of their creation"})


class ProductGroupQuery(PageQuery):
    handle = fields.String(validate=validate.Length(1, catalogue.MAX_HANDLE))
