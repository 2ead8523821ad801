"""What may be said of a product: the fields that all have, and the attributes of each kind."""

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

MAX_PRICE = 10**12  # far beyond any price, far within what JavaScript counts exactly


_CONTROL = re.compile("[\x00-\x08\x0b-\x1f]")


def _no_control_characters(text: str) -> str:
    """PostgreSQL can't store NUL, and no title needs a bell."""
    if _CONTROL.search(text):
        raise ValueError("must not contain control characters")
    return text


_TRIMMED = StringConstraints(strip_whitespace=True, min_length=1)
Short = Annotated[str, _TRIMMED, Field(max_length=100), AfterValidator(_no_control_characters)]
Name = Annotated[str, _TRIMMED, Field(max_length=200), AfterValidator(_no_control_characters)]
Title = Annotated[str, _TRIMMED, Field(max_length=300), AfterValidator(_no_control_characters)]


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
    language: Short | None = None
    format: Short | None = None
    publisher: Short | None = None
    edition: Short | None = None


class Clothing(_Strict):
    size: Short | None = None
    colour: Short | None = None
    material: Short | None = None
    brand: Short | None = None
    gender: Short | None = None
    fit: Short | None = None
    care: Short | None = None


class Electronics(_Strict):
    brand: Short | None = None
    model: Short | None = None
    warranty_months: Annotated[int, Field(ge=0, le=600)] | None = None
    colour: Short | None = None
    power_w: Measure | None = None
    voltage_v: Measure | None = None
    battery_hours: Measure | None = None
    capacity_mah: Count | None = None
    storage_gb: Count | None = None
    memory_gb: Count | None = None
    screen_inches: Measure | None = None
    weight_g: Measure | None = None
    colour_temperature_k: Count | Short | None = None
    bluetooth: Short | None = None
    connection: Short | None = None
    ports: Short | None = None
    tuners: Short | None = None
    layout: Short | None = None
    hand: Short | None = None
    waterproof: Short | None = None


ATTRIBUTES: dict[str, type[_Strict]] = {"book": Book, "clothing": Clothing, "electronics": Electronics}


class ProductInput(_Strict):
    """A product as somebody wants it to be, checked. `category` and `author` are ids or names."""

    sku: Annotated[str, StringConstraints(pattern=r"^[^\s\x00-\x1f]+( [^\s\x00-\x1f]+)*$", max_length=64)]
    kind: Literal["book", "clothing", "electronics"]
    title: Title
    description: Annotated[str, Field(max_length=20_000), AfterValidator(_no_control_characters)] = ""
    price_amount: Annotated[int, Field(ge=0, le=MAX_PRICE)]
    currency: str
    category: Name
    author: Name | None = None
    author_email: Name | None = None
    attributes: dict[str, Any] = {}

    @field_validator("currency")
    @classmethod
    def _of_the_shop(cls, currency: str) -> str:
        if currency != settings.currency:
            raise ValueError(f"must be {settings.currency}, the shop's currency")
        return currency

    @model_validator(mode="after")
    def _only_books_have_authors(self) -> "ProductInput":
        if self.kind != "book" and self.author is not None:
            raise ValueError("author: only books have an author")
        return self


def validate(fields: Mapping[str, object]) -> ProductInput:
    """The draft that `fields` describe, with its text trimmed and its ISBN without hyphens.

    Raises Invalid; its `errors` name an attribute as `attributes.isbn`.
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
        raise Invalid("This product can't be accepted as it is.", errors=errors)
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
