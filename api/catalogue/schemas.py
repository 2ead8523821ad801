"""Request and response schemas of the catalogue views."""

from typing import Any, NotRequired, TypedDict

from marshmallow import fields, validate

from api.http.fields import KIND_PATTERN, SOMETIMES, IdField, Line, Money, Schema, Timestamp
from api.http.pagination import PageQuery
from models.imports import IMPORT_STATUS

ATTRIBUTES = "Those of its kind: `GET /v1/kinds`"


class Reference(Schema):
    id = fields.String(required=True)
    name = fields.String(required=True)


class Availability(Schema):
    available = fields.Integer(metadata={"description": "Units available for sale"})
    in_stock = fields.Boolean()


class Sibling(Schema):
    id = IdField("prd")
    sku = fields.String()
    title = fields.String()
    options = fields.Dict(keys=fields.String(), values=fields.String())
    price = fields.Nested(Money)
    in_stock = fields.Boolean()


class GroupOfProduct(Schema):
    id = IdField("grp")
    handle = fields.String()
    title = fields.String()
    options = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata={"description": "The product's value of each option", "example": {"Size": "M"}},
    )
    siblings = fields.List(
        fields.Nested(Sibling),
        metadata={**SOMETIMES, "description": "The other products of the group; only with a single product"},
    )
    products = fields.Integer(
        metadata={**SOMETIMES, "description": "How many products the group has; only with `group=true`"}
    )
    price_from = fields.Nested(Money, metadata={**SOMETIMES, "description": "The lowest price; with `group=true`"})
    price_to = fields.Nested(Money, metadata={**SOMETIMES, "description": "The highest price; with `group=true`"})


class Product(Schema):
    id = IdField("prd")
    sku = fields.String()
    kind = fields.String(metadata={"description": "`GET /v1/kinds` lists them", "example": "book"})
    title = fields.String()
    description = fields.String()
    price = fields.Nested(Money)
    category = fields.Nested(Reference)
    author = fields.Nested(Reference, allow_none=True)
    attributes = fields.Dict(keys=fields.String(), metadata={"description": ATTRIBUTES})
    group = fields.Nested(GroupOfProduct, allow_none=True)
    availability = fields.Nested(Availability)
    created_at = Timestamp()
    updated_at = Timestamp()


class _ProductFields(Schema):
    """The fields that all ways of writing a product share. The model validates the values."""

    title = fields.String(required=True, metadata={"example": "Emma"})
    description = fields.String(metadata={"example": "Rich, clever and bored, and wrong about everybody."})
    price = fields.Nested(Money, required=True)
    category = fields.String(required=True, metadata={"description": "Id or name", "example": "Classics"})
    sku = fields.String(required=True, metadata={"example": "BOOK-EMMA"})
    attributes = fields.Dict(keys=fields.String(), metadata={"description": ATTRIBUTES, "example": {"pages": 480}})


class NewProduct(_ProductFields):
    kind = fields.String(required=True, validate=KIND_PATTERN, metadata={"example": "book"})
    author = fields.String(
        allow_none=True, metadata={"description": "Id or name; books only", "example": "Jane Austen"}
    )


class ProductChanges(NewProduct):
    def __init__(self, **options: Any) -> None:
        super().__init__(partial=tuple(NewProduct._declared_fields), **options)  # a nested price must be complete


class BookAuthor(Schema):
    name = Line(1, 200, required=True, metadata={"example": "Jane Austen"})
    email = fields.Email(allow_none=True, validate=validate.Length(max=200))
    address = Line(0, 500, allow_none=True)


class NewBook(_ProductFields):
    sku = fields.String(metadata={"description": "If omitted, a new one", "example": "BOOK-EMMA"})
    author = fields.Nested(BookAuthor, required=True)
    published_on = fields.Date(metadata={"example": "1815-12-23"})


def product_fields(body: dict[str, Any]) -> dict[str, object]:
    """Maps the fields of a request to those of the model."""
    price = body.pop("price", None)
    return body if price is None else {**body, "price_amount": price["amount"], "currency": price["currency"]}


class NewCategory(Schema):
    name = fields.String(required=True, validate=validate.Length(1, 200), metadata={"example": "Novels"})
    parent_id = IdField("cat", allow_none=True)


class NewCategoryBody(TypedDict):
    name: str
    parent_id: NotRequired[str | None]


class CategoryChanges(Schema):
    name = fields.String(validate=validate.Length(1, 200))
    parent_id = IdField("cat", allow_none=True, metadata={"description": "Null: a top-level category"})


class Category(NewCategory):
    id = IdField("cat")


class NewAuthor(Schema):
    name = Line(1, 200, required=True, metadata={"example": "Jane Austen"})
    email = fields.Email(allow_none=True, validate=validate.Length(max=254))
    address = Line(0, 500, allow_none=True)


class NewAuthorBody(TypedDict):
    name: str
    email: NotRequired[str | None]
    address: NotRequired[str | None]


class AuthorChanges(Schema):
    name = Line(1, 200)
    email = fields.Email(allow_none=True, validate=validate.Length(max=254))
    address = Line(0, 500, allow_none=True)


class Author(NewAuthor):
    id = IdField("aut")


class ListedAuthor(Schema):
    """The public fields. Contact data of authors is not public."""

    id = IdField("aut")
    name = fields.String()


class AuthorQuery(PageQuery):
    q = fields.String(
        validate=validate.Length(1, 200), metadata={"description": "Words, or prefixes of words, of the name"}
    )


class ImportQuery(Schema):
    kind = fields.String(
        validate=KIND_PATTERN,
        metadata={
            "description": "The product kind for rows of a Shopify export that do not specify one",
            "example": "book",
        },
    )


class Refusal(Schema):
    line = fields.Integer(metadata={"description": "The line at which the row begins in the file"})
    sku = fields.String()
    reason = fields.String()


class ListedImport(Schema):
    id = IdField("imp")
    task_id = IdField("run", attribute="run_id")
    status = fields.String(validate=validate.OneOf(IMPORT_STATUS.statuses))
    format = fields.String(validate=validate.OneOf(("shopflow", "shopify")))
    file_name = fields.String(allow_none=True)
    sha256 = fields.String()
    size = fields.Integer(metadata={"description": "Of the file, in bytes"})
    bytes_read = fields.Integer()
    rows = fields.Integer(metadata={"description": "Rows read so far, without those that are not products"})
    created = fields.Integer()
    updated = fields.Integer()
    unchanged = fields.Integer()
    refused = fields.Integer()
    skipped = fields.Integer(metadata={"description": "Rows that are not products, such as additional images"})
    dropped = fields.Integer(metadata={"description": "Rows not imported because the import was refused or cancelled"})
    error = fields.Dict(allow_none=True, metadata={"description": "Why it was refused or cancelled: code and detail"})
    created_at = Timestamp()
    finished_at = Timestamp(
        allow_none=True, metadata={"description": "Null while the import is running; the counts are not final"}
    )
    links = fields.Dict(keys=fields.String(), values=fields.String())


class ColumnNotTaken(Schema):
    column = fields.String()
    rows = fields.Integer(metadata={"description": "How many rows have a value there"})


class Import(ListedImport):
    columns_not_taken = fields.List(
        fields.Nested(ColumnNotTaken), metadata={"description": "Columns with values for which the shop has no place"}
    )
    refusals = fields.List(
        fields.Nested(Refusal), metadata={"description": "The first refusals; the CSV file contains all"}
    )
    refusals_complete = fields.Boolean()
