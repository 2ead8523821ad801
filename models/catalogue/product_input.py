"""Validation of products: the common fields, and the attributes of each kind."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from models.core.errors import Invalid
from settings import settings

MAX_PRICE = 10**12 - 1  # far above any price, and exactly representable in JavaScript


_CONTROL = re.compile("[\x00-\x08\x0b-\x1f]")


def no_control_characters(text: str) -> str:
    """PostgreSQL cannot store NUL; other control characters have no use in texts."""
    if _CONTROL.search(text):
        raise ValueError("must not contain control characters")
    return text


_TRIMMED = StringConstraints(strip_whitespace=True, min_length=1)
ShortText = Annotated[str, _TRIMMED, Field(max_length=100), AfterValidator(no_control_characters)]
Name = Annotated[str, _TRIMMED, Field(max_length=200), AfterValidator(no_control_characters)]
Title = Annotated[str, _TRIMMED, Field(max_length=300), AfterValidator(no_control_characters)]


def _iso_date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("must be a date like 2024-05-31") from None


def _isbn(text: str) -> str:
    """ISBN-10 or ISBN-13 without its hyphens (ISO 2108)."""
    digits = text.replace("-", "").replace(" ", "").upper()
    values = [10 if digit == "X" else int(digit) for digit in digits if digit in "0123456789X"]
    if len(values) != len(digits) or "X" in digits[:-1] or len(digits) not in (10, 13):
        raise ValueError("must be an ISBN of 10 or 13 digits")
    if len(digits) == 10:
        right = sum((10 - at) * value for at, value in enumerate(values)) % 11 == 0
    else:
        right = digits[-1] != "X" and sum((3 if at % 2 else 1) * value for at, value in enumerate(values)) % 10 == 0
    if not right:
        raise ValueError("has a wrong check digit")
    return digits


Count = Annotated[int, Field(ge=0, le=1_000_000)]
Measure = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)] | Count


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Book(_Strict):
    published_on: Annotated[str, AfterValidator(_iso_date)] | None = None
    isbn: Annotated[str, AfterValidator(_isbn)] | None = None
    pages: Annotated[int, Field(ge=1, le=100_000)] | None = None
    language: ShortText | None = None
    format: ShortText | None = None
    publisher: ShortText | None = None
    edition: ShortText | None = None


class Clothing(_Strict):
    size: ShortText | None = None
    colour: ShortText | None = None
    material: ShortText | None = None
    brand: ShortText | None = None
    gender: ShortText | None = None
    fit: ShortText | None = None
    care: ShortText | None = None


class Electronics(_Strict):
    brand: ShortText | None = None
    model: ShortText | None = None
    warranty_months: Annotated[int, Field(ge=0, le=600)] | None = None
    colour: ShortText | None = None
    power_w: Measure | None = None
    voltage_v: Measure | None = None
    battery_hours: Measure | None = None
    capacity_mah: Count | None = None
    storage_gb: Count | None = None
    memory_gb: Count | None = None
    screen_inches: Measure | None = None
    weight_g: Measure | None = None
    colour_temperature_k: Count | ShortText | None = None
    bluetooth: ShortText | None = None
    connection: ShortText | None = None
    ports: ShortText | None = None
    tuners: ShortText | None = None
    layout: ShortText | None = None
    hand: ShortText | None = None
    waterproof: ShortText | None = None


ATTRIBUTES: dict[str, type[_Strict]] = {"book": Book, "clothing": Clothing, "electronics": Electronics}


class ProductInput(_Strict):
    """A validated product. `category` and `author` are ids or names."""

    sku: Annotated[str, StringConstraints(pattern=r"^[^\s\x00-\x1f]+( [^\s\x00-\x1f]+)*$", max_length=64)]
    kind: Literal["book", "clothing", "electronics"]
    title: Title
    description: Annotated[str, Field(max_length=20_000), AfterValidator(no_control_characters)] = ""
    price_amount: Annotated[int, Field(ge=0, le=MAX_PRICE)]
    currency: str
    category: Name
    author: Name | None = None
    author_email: Name | None = None
    attributes: dict[str, Any] = {}

    @field_validator("currency")
    @classmethod
    def _check_currency(cls, currency: str) -> str:
        if currency != settings.currency:
            raise ValueError(f"must be {settings.currency}, the shop's currency")
        return currency

    @model_validator(mode="after")
    def _only_books_have_authors(self) -> "ProductInput":
        if self.kind != "book" and self.author is not None:
            raise ValueError("author: only books have an author")
        return self


def validate(fields: Mapping[str, object]) -> ProductInput:
    """Validates the fields of a product. Trims texts and removes hyphens from the ISBN.

    Raises Invalid; its `errors` name attributes as in `attributes.isbn`.
    """
    errors: dict[str, list[str]] = {}
    draft = None
    try:
        draft = ProductInput.model_validate(fields)
    except ValidationError as error:
        errors |= _by_field(error, "")
    kind, given = fields.get("kind"), fields.get("attributes", {})
    if isinstance(kind, str) and kind in ATTRIBUTES and isinstance(given, dict):
        try:
            attributes = ATTRIBUTES[kind].model_validate(given)
        except ValidationError as error:
            errors |= _by_field(error, "attributes.")
    if errors or draft is None:
        raise Invalid("The product is invalid; see errors.", errors=errors)
    return draft.model_copy(update={"attributes": attributes.model_dump(exclude_none=True)})


_SHOWN_AS = {"price_amount": "price.amount", "currency": "price.currency"}


def _by_field(error: ValidationError, prefix: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for mistake in error.errors(include_url=False, include_context=False, include_input=False):
        field = str(mistake["loc"][0]) if mistake["loc"] else ""
        message = mistake["msg"].removeprefix("Value error, ")
        if mistake["type"] == "extra_forbidden":
            message = "Unknown attribute." if prefix else "Unknown field."
        elif not field:
            field, _, message = message.partition(": ")
        field = _SHOWN_AS.get(field, field)
        sentence = message[:1].upper() + message[1:].rstrip(".") + "."
        faults = found.setdefault(prefix + field, [])
        if sentence not in faults:
            faults.append(sentence)
    return found
