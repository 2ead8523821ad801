"""Kinds of products: the attributes that their products may have."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, model_validator
from typing_extensions import TypedDict

from models.catalogue.text_types import Barcode, Isbn, IsoDate, Name, ShortText
from models.core.errors import Invalid

MAX_ATTRIBUTES = 50
MAX_VALUES = 100
MAX_NUMBER = 10**12
KIND_NAME = r"[a-z][a-z0-9_]{1,31}"
TYPES: dict[str, Any] = {
    "text": ShortText, "integer": int, "number": int | float, "integer_or_text": int | ShortText, "boolean": bool,
    "date": IsoDate, "isbn": Isbn, "barcode": Barcode,
}  # fmt: skip
_BOUNDED = ("integer", "number", "integer_or_text")

AttributeName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
Bound = Annotated[int, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)]


class Attribute(BaseModel):
    """An attribute: `minimum` and `maximum` of numbers, and `values` of a text that is one of a list."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    name: AttributeName
    type: Literal["text", "integer", "number", "integer_or_text", "boolean", "date", "isbn", "barcode"]
    minimum: Bound | None = None
    maximum: Bound | None = None
    values: Annotated[tuple[ShortText, ...], Field(max_length=MAX_VALUES, strict=False)] = ()

    @model_validator(mode="after")
    def _fits_its_type(self) -> "Attribute":
        if (self.minimum, self.maximum) != (None, None) and self.type not in _BOUNDED:
            raise ValueError(f"minimum and maximum are of numbers, and {self.name} is none")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"the minimum of {self.name} is above its maximum")
        if self.values and self.type != "text":
            raise ValueError(f"values are of a text, and {self.name} is none")
        return self

    def accepts_all_of(self, other: "Attribute") -> bool:
        """Whether every value of another definition of the attribute is one of this one."""
        low, high = (-MAX_NUMBER - 1, MAX_NUMBER + 1)
        if self.type != other.type or (self.values and not {*other.values} <= {*self.values}):
            return False
        if self.values and not other.values:
            return False
        return (self.minimum if self.minimum is not None else low) <= (
            other.minimum if other.minimum is not None else low
        ) and (self.maximum if self.maximum is not None else high) >= (
            other.maximum if other.maximum is not None else high
        )

    @property
    def python_type(self) -> Any:
        """The type that pydantic validates."""
        if self.values:
            return Literal[self.values]
        if self.type not in _BOUNDED:
            return TYPES[self.type]
        low, high = self.minimum, self.maximum
        number = Field(ge=-MAX_NUMBER if low is None else low, le=MAX_NUMBER if high is None else high)
        integer = Annotated[int, number]
        if self.type == "number":
            return Annotated[float, number, Field(allow_inf_nan=False)] | integer
        return integer if self.type == "integer" else integer | ShortText


class KindInput(BaseModel):
    """A validated kind."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    name: Annotated[str, StringConstraints(pattern=f"^{KIND_NAME}$")]
    title: Name
    attributes: Annotated[tuple[Attribute, ...], Field(max_length=MAX_ATTRIBUTES, strict=False)] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> "KindInput":
        names = [attribute.name for attribute in self.attributes]
        if len(set(names)) < len(names):
            raise ValueError("the names of attributes must differ")
        return self


Kinds = Mapping[str, tuple[Attribute, ...]]
"""Name of a kind → its attributes, with the common ones."""


@lru_cache(500)
def validator_of(attributes: tuple[Attribute, ...]) -> TypeAdapter[dict[str, Any]]:
    """Validates the attributes of a product. (A TypedDict, whose keys may have any name.)"""
    fields = {one.name: one.python_type | None for one in attributes}
    make: Any = TypedDict  # for mypy, which knows it with literal fields only
    found = make("Attributes", fields, total=False)
    found.__pydantic_config__ = ConfigDict(strict=True, extra="forbid")
    return TypeAdapter(found)


def validate_kind(fields: Mapping[str, Any]) -> KindInput:
    """Validates the fields of a kind. Raises Invalid."""
    try:
        return KindInput.model_validate(fields)
    except ValidationError as error:
        faults: dict[str, list[str]] = {}
        for fault in error.errors(include_url=False, include_context=False, include_input=False):
            message = fault["msg"].removeprefix("Value error, ")
            field = ".".join(map(str, fault["loc"])) or "attributes"
            faults.setdefault(field, []).append(message[:1].upper() + message[1:].rstrip(".") + ".")
        raise Invalid("The kind is invalid; see errors.", errors=faults) from error


def _number(name: str, maximum: int = 1_000_000) -> Attribute:
    return Attribute(name=name, type="number", minimum=0, maximum=maximum)


def _integer(name: str, minimum: int = 0, maximum: int = 1_000_000) -> Attribute:
    return Attribute(name=name, type="integer", minimum=minimum, maximum=maximum)


def _texts(names: str) -> tuple[Attribute, ...]:
    return tuple(Attribute(name=name, type="text") for name in names.split())


COMMON = (Attribute(name="barcode", type="barcode"), *_texts("brand"), _number("weight_g"))
"""Attributes of every kind that does not define its own with these names."""


def with_common(attributes: tuple[Attribute, ...]) -> tuple[Attribute, ...]:
    """The attributes of a kind and those of every kind."""
    own = {attribute.name for attribute in attributes}
    return (*attributes, *(attribute for attribute in COMMON if attribute.name not in own))


BUILT_IN: dict[str, tuple[Attribute, ...]] = {
    "book": (
        Attribute(name="published_on", type="date"), Attribute(name="isbn", type="isbn"), _integer("pages", 1, 100_000),
        *_texts("language format publisher edition"),
    ),
    "clothing": _texts("size colour material brand gender fit care"),
    "electronics": (
        *_texts("brand model"), _integer("warranty_months", 0, 600), *_texts("colour"),
        *map(_number, ("power_w", "voltage_v", "battery_hours")), *map(_integer, ("capacity_mah", "storage_gb")),
        _integer("memory_gb"), _number("screen_inches"), _number("weight_g"),
        Attribute(name="colour_temperature_k", type="integer_or_text", minimum=0, maximum=1_000_000),
        *_texts("bluetooth connection ports tuners layout hand waterproof"),
    ),
}  # fmt: skip
"""The kinds of a new shop."""
BUILT_IN_KINDS: Kinds = {name: with_common(attributes) for name, attributes in BUILT_IN.items()}
