"""Request and response schemas of the picture views."""

from typing import NotRequired, TypedDict

from marshmallow import fields, validate

from api.catalogue.schemas import PictureSource, ShownPicture
from api.http.fields import IdField, Schema, Timestamp
from api.http.pagination import PageQuery
from api.tasks.schemas import Accepted
from models import pictures

_ALT = {"description": "What it shows, in words, for whoever cannot see it", "example": "A red mug with two handles"}
STATUSES = [status for status in pictures.PICTURE_STATUS.statuses if status != "removed"]


class NewPictureQuery(Schema):
    alt = fields.String(validate=validate.Length(0, pictures.MAX_ALT), metadata=_ALT)


class PictureChanges(Schema):
    alt = fields.String(validate=validate.Length(0, pictures.MAX_ALT), metadata=_ALT)
    position = fields.Integer(
        strict=True, validate=validate.Range(1, 10_000), metadata={"description": "Its place, from 1"}
    )


class PictureChangesBody(TypedDict):
    alt: NotRequired[str]
    position: NotRequired[int]


class PictureError(Schema):
    code = fields.String()
    detail = fields.String()


class Picture(Schema):
    id = IdField("pic")
    product_id = IdField("prd")
    task_id = IdField("run", attribute="run_id")
    status = fields.String(validate=validate.OneOf(STATUSES))
    alt = fields.String()
    position = fields.Integer()
    width = fields.Integer(allow_none=True, metadata={"description": "Null until it is ready"})
    height = fields.Integer(allow_none=True)
    sources = fields.List(fields.Nested(PictureSource))
    error = fields.Nested(PictureError, allow_none=True, metadata={"description": "Why it has failed"})
    created_at = Timestamp()
    updated_at = Timestamp()
    links = fields.Dict(keys=fields.String(), values=fields.String())


class AcceptedPicture(Accepted):
    picture_id = IdField("pic", required=True)
    picture = fields.Nested(Picture, required=True)


class ShownPictures(Schema):
    data = fields.List(fields.Nested(ShownPicture))


class PictureQuery(PageQuery):
    product_id = IdField("prd")
    status = fields.String(validate=validate.OneOf(STATUSES))
