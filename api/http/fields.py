"""What schemas are made of: ids, money, times, patterns; unknown fields are refused everywhere."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from flask_smorest import Blueprint
from marshmallow import RAISE, ValidationError, fields, validate
from marshmallow import Schema as MarshmallowSchema
from werkzeug.routing import BaseConverter, Map

from settings import settings

View = TypeVar("View", bound=Callable[..., object])

MAX_AMOUNT = 10**12  # minor units; far above any order, far below what a bigint holds after multiplying


SOMETIMES = {"x-sometimes": True}
"""Metadata of a field that an answer may leave out. All others of what only goes out are `required`."""


EITHER = {"x-either": True}
"""Metadata of the fields of a schema of which exactly one is to be given."""


def taking(header: Mapping[str, object]) -> Callable[[View], View]:
    """Says in the OpenAPI document that a view takes this header, an OpenAPI parameter."""

    def decorate(view: View) -> View:
        documented = Blueprint.doc()(view)
        apidoc(documented).setdefault("arguments", {}).setdefault("parameters", []).append(header)
        return documented

    return decorate


def apidoc(view: Callable[..., object]) -> dict[str, Any]:
    """What flask-smorest has noted at a decorated view for the OpenAPI document, to be added to."""
    noted: dict[str, Any] = vars(view)["_apidoc"]
    return noted


class Schema(MarshmallowSchema):
    """What goes in or out of an endpoint, exactly."""

    class Meta:
        unknown = RAISE


class Pattern(validate.Regexp):
    """The whole value must match. (`validate.Regexp` lets a line end through after `$`.)"""

    def __call__(self, value: Any) -> Any:
        if self.regex.fullmatch(value) is None:
            raise ValidationError(self._format_error(value))
        return value


class IdField(fields.String):
    """An id with a prefix: `IdField("prd")` takes `prd_` and 32 lower-case hex digits."""

    def __init__(self, prefix: str, **options: Any) -> None:
        pattern = f"^{prefix}_[0-9a-f]{{32}}$"
        options["validate"] = Pattern(pattern, error=f"must be an id: {prefix}_ and 32 hex digits")
        super().__init__(**options)


class Timestamp(fields.AwareDateTime):
    """A time in RFC 3339, shown in UTC with a `Z`; one that comes in must name its offset."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: object, **_: object) -> str | None:
        return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class TrueOrFalse(fields.Boolean):
    """A truth value of JSON itself: 1 and "yes", which `fields.Boolean` takes for true, are refused."""

    def _deserialize(self, value: object, *_: object, **__: object) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Money(Schema):
    """An amount in minor units (cents) of a currency of ISO 4217; what comes in is in the shop's currency."""

    amount = fields.Integer(
        required=True, strict=True, validate=validate.Range(0, MAX_AMOUNT), metadata={"example": 1999}
    )
    currency = fields.String(
        required=True,
        validate=validate.Equal(settings.currency, error="this shop's currency is {other}"),
        metadata={"example": settings.currency},
    )


class IdConverter(BaseConverter):
    """An id in an address: `<id("prd"):product_id>`. Anything else is not found."""

    def __init__(self, map: Map, prefix: str) -> None:
        super().__init__(map)
        self.regex = f"{re.escape(prefix)}_[0-9a-f]{{32}}"


class RoleConverter(BaseConverter):
    """The name of a role in an address: `<role:name>`. Anything else is not found."""

    regex = "[a-z][a-z0-9_-]{1,63}"
