"""Base schema and field types: ids, money, times, patterns. Unknown fields are errors."""

from datetime import UTC, datetime
from typing import Any

from marshmallow import RAISE, ValidationError, fields, validate
from marshmallow import Schema as MarshmallowSchema

from serving.bounds import MAX_FAULTS
from settings import settings

KIND_NAME = "[a-z][a-z0-9_]{1,31}"
"""Of a kind of products."""

ROLE_NAME = "[a-z][a-z0-9_-]{1,63}"


MAX_AMOUNT = 10**12 - 1  # minor units; far above any order, and what fits into an average cost


SOMETIMES = {"x-sometimes": True}
"""Metadata of a field that may be absent from responses. All other response fields are `required`."""


EITHER = {"x-either": True}
"""Metadata of mutually exclusive fields: exactly one must be given."""


class Schema(MarshmallowSchema):
    """Base class of all schemas. Unknown fields are errors."""

    class Meta:
        unknown = RAISE


class Pattern(validate.Regexp):
    """The whole value must match. (With `$`, `validate.Regexp` allows a trailing newline.)"""

    def __call__(self, value: Any) -> Any:
        if self.regex.fullmatch(value) is None:
            raise ValidationError(self._format_error(value))
        return value


class IdField(fields.String):
    """An id with a prefix: `IdField("prd")` accepts `prd_` and 32 lower-case hex digits."""

    def __init__(self, prefix: str, **options: Any) -> None:
        pattern = f"^{prefix}_[0-9a-f]{{32}}$"
        options["validate"] = Pattern(pattern, error=f"must be an id: {prefix}_ and 32 hex digits")
        super().__init__(**options)


class WebUrl(fields.String):
    """An absolute http or https URL of at most 2,000 ASCII characters, without a user name and a fragment."""

    _LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    _HOST = rf"({_LABEL}(\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])"
    _PATTERN = rf"^https?://{_HOST}(:[1-9][0-9]{{0,4}})?([/?][!\x22$-~]*)?$"

    def __init__(self, **options: Any) -> None:
        pattern = Pattern(self._PATTERN, error="must be an absolute URL, http:// or https://")
        super().__init__(validate=[validate.Length(1, 2000), pattern], **options)


class List(fields.List[Any]):
    """A list in a request. Its length is judged before its items, and judging ends after the faults that are reported.

    `validate` has to bound the length.
    """

    def _deserialize(self, value: Any, *_: object, **options: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        for validator in self.validators:
            if isinstance(validator, validate.Length):
                validator(value)
        items, faults = [], {}
        for index, item in enumerate(value):
            try:
                items.append(self.inner.deserialize(item, **options))
            except ValidationError as error:
                faults[index] = error.messages
            if len(faults) > MAX_FAULTS:
                break
        if faults:
            raise ValidationError(faults)
        return items


class MapField(fields.Dict):
    """An object with any names, in a request. Faults are named by them: `capacity.book`. `validate` has to bound it."""

    def _deserialize(self, value: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return super()._deserialize(value, *arguments, **options)  # type: ignore[no-untyped-call]
        except ValidationError as error:
            if not isinstance(error.messages, dict):
                raise
            faults = {name: fault.get("value") or fault["key"] for name, fault in error.messages.items()}
            raise ValidationError(faults) from error


class Line(fields.String):
    """One line of text that is mailed or printed: at most `longest` characters, and no line breaks, control characters
    or invisible format characters, such as those that reverse the direction of writing. ZWNJ and ZWJ are allowed where
    Arabic and Indic scripts need them.

    Nor, unless `links`, anything that a mail program would show as a link: `https://…`, `www.…`, `example.com`.
    """

    _CONTROLS = r"\u0000-\u001f\u007f-\u009f"
    _FORMATS = r"\u00ad\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff"
    TAGS = "\U000e0000-\U000e007f"
    """Format characters beyond U+FFFF. JavaScript without the flag `u` cannot read such a range, so that the OpenAPI
    document leaves it out."""
    _JOINED, _JOINERS = r"\u0600-\u1fff", r"\u200c\u200d"
    _LINE = rf"([^{_CONTROLS}{_FORMATS}{TAGS}{_JOINED}{_JOINERS}]|(?!\u180e)[{_JOINED}][{_JOINERS}]?)*$"
    _NO_LINK = r"(?!.*(://|[wW]{3}\.|[^\s.,;:]{2}[.\u3002\uff0e\uff61][^\s.,;:\d]{2}))"

    def __init__(self, shortest: int, longest: int, *, links: bool = False, **options: Any) -> None:
        kinds = "line breaks and control characters" + ("" if links else ", links and domain names")
        pattern = Pattern(f"^{'' if links else self._NO_LINK}{self._LINE}", error=f"must not contain {kinds}")
        super().__init__(validate=[validate.Length(shortest, longest), pattern], **options)


class Timestamp(fields.AwareDateTime):
    """An RFC 3339 time. Output is in UTC with `Z`; input must have an offset."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: object, **_: object) -> str | None:
        return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class TrueOrFalse(fields.Boolean):
    """A JSON boolean. 1 and "yes", which `fields.Boolean` accepts, are errors."""

    def _deserialize(self, value: object, *_: object, **__: object) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Money(Schema):
    """An amount in minor units (cents) of an ISO 4217 currency. Input must be in the shop's currency."""

    amount = fields.Integer(
        required=True, strict=True, validate=validate.Range(0, MAX_AMOUNT), metadata={"example": 1999}
    )
    currency = fields.String(
        required=True,
        validate=validate.Equal(settings.currency, error="this shop's currency is {other}"),
        metadata={"example": settings.currency},
    )


class Total(Schema):
    """A calculated amount in a response. It can be larger than those that are accepted."""

    amount = fields.Integer(required=True, metadata={"example": 3998})
    currency = fields.String(required=True, metadata={"example": settings.currency})


class Amount(fields.Field[int]):
    """An amount in a request: minor units of the shop's currency as an integer, or a Money object. At least 1."""

    _UNITS = {"type": "integer", "minimum": 1, "maximum": MAX_AMOUNT}
    _MONEY = {
        "type": "object", "additionalProperties": False, "required": ["amount", "currency"],
        "properties": {"amount": _UNITS, "currency": {"type": "string", "enum": [settings.currency]}},
    }  # fmt: skip

    def __init__(self, **options: Any) -> None:
        options["metadata"] = {**options.get("metadata", {}), "anyOf": [self._UNITS, self._MONEY]}
        super().__init__(**options)

    def _deserialize(self, value: object, *_: object, **__: object) -> int:
        amount = Money().load(value)["amount"] if isinstance(value, dict) else value
        if isinstance(amount, float) and amount.is_integer():  # JSON has one type of numbers: 100.0 is an integer
            amount = int(amount)
        if not isinstance(amount, int) or isinstance(amount, bool) or not 1 <= amount <= MAX_AMOUNT:
            raise ValidationError(f"must be an integer of minor units between 1 and {MAX_AMOUNT}, or a money object")
        return amount


KIND_PATTERN = Pattern(f"^{KIND_NAME}$", error="2 to 32 lower-case letters, digits or underscores")
"""Of the name of a kind of products."""


PLAUSIBLE = validate.Range(datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
