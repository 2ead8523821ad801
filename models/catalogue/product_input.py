"""Validation of products: the common fields, and the attributes of each kind."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
)

from models.catalogue.kind_input import BUILT_IN_KINDS, Kinds, validator_of
from models.catalogue.text_types import Name, ShortText, Title, no_control_characters
from models.core.errors import Invalid
from settings import settings

MAX_PRICE = 10**12 - 1  # far above any price, and exactly representable in JavaScript


class ProductInput(BaseModel):
    """A validated product. `category` and `author` are ids or names."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    sku: Annotated[str, StringConstraints(pattern=r"^[^\s\x00-\x1f]+( [^\s\x00-\x1f]+)*$", max_length=64)]
    kind: ShortText
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


def validate(fields: Mapping[str, object], kinds: Kinds = BUILT_IN_KINDS) -> ProductInput:
    """Validates the fields of a product of one of the kinds. Trims texts and removes hyphens from the ISBN.

    Raises Invalid; its `errors` name attributes as in `attributes.isbn`.
    """
    errors: dict[str, list[str]] = {}
    draft = None
    try:
        draft = ProductInput.model_validate(fields)
    except ValidationError as error:
        errors |= _by_field(error, "")
    kind, given = fields.get("kind"), fields.get("attributes", {})
    attributes: dict[str, Any] = {}
    if isinstance(kind, str) and kind not in kinds:
        errors.setdefault("kind", []).append(f"Must be one of: {', '.join(sorted(kinds))}."[:500])
    elif kind != "book" and fields.get("author") is not None:
        errors.setdefault("author", []).append("Only books have an author.")
    if isinstance(kind, str) and kind in kinds and isinstance(given, dict):
        try:
            attributes = validator_of(kinds[kind]).validate_python(given)
        except ValidationError as error:
            errors |= _by_field(error, "attributes.")
    if errors or draft is None:
        raise Invalid("The product is invalid; see errors.", errors=errors)
    kept = {name: value for name, value in attributes.items() if value is not None}
    return draft.model_copy(update={"attributes": kept})


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
