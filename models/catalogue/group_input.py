"""Validation of product groups: options and their values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    field_validator,
)

from models.catalogue.text_types import Title, no_control_characters
from models.core.errors import Conflict, Invalid
from settings import settings

MAX_OPTIONS = 3
MAX_HANDLE = 255

Handle = Annotated[str, StringConstraints(pattern=r"^[^\s\x00-\x1f/?#]+$", max_length=MAX_HANDLE)]
OptionName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1), Field(max_length=100),
    AfterValidator(no_control_characters),
]  # fmt: skip
OptionValue = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1), Field(max_length=255),
    AfterValidator(no_control_characters),
]  # fmt: skip


_CHOSEN = TypeAdapter(dict[str, OptionValue])


class TooManyOptionValues(Conflict):
    code = "too_many_option_values"


def folded(text: str) -> str:
    """A name or value as it is compared: without regard to case and to the number of spaces."""
    return " ".join(text.casefold().split())


def _all_differ(texts: Sequence[str], what: str) -> None:
    if len({folded(text) for text in texts}) < len(texts):
        raise ValueError(f"must have different {what}")


class Option(BaseModel):
    """An option, such as Size, and its values in the order in which they are shown."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    name: OptionName
    values: list[OptionValue] = []

    @field_validator("values")
    @classmethod
    def _values_differ(cls, values: list[str]) -> list[str]:
        _all_differ(values, "values")
        return values


@dataclass(frozen=True)
class Grouping:
    """The group of an imported product, by its handle, and the product's value of each of its options."""

    handle: str
    title: str
    options: Mapping[str, str]


class GroupInput(BaseModel):
    """A validated group. Without a handle, it gets one."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    title: Title
    handle: Handle | None = None
    options: Annotated[list[Option], Field(min_length=1, max_length=MAX_OPTIONS)]

    @field_validator("options")
    @classmethod
    def _names_differ(cls, options: list[Option]) -> list[Option]:
        _all_differ([option.name for option in options], "names")
        return options


def validate_group(fields: Mapping[str, Any]) -> GroupInput:
    """Validates the fields of a group. Raises Invalid, and Conflict `too_many_option_values`."""
    try:
        draft = GroupInput.model_validate(fields)
    except ValidationError as error:
        raise Invalid("The product group is invalid; see errors.", errors=_by_field(error)) from error
    for option in draft.options:
        check_number_of_values(option.name, option.values)
    return draft


def validate_grouping(handle: str, title: str, options: Mapping[str, str]) -> Grouping:
    """Validates the group of an imported product. Raises Invalid."""
    given = [{"name": name, "values": [value]} for name, value in options.items()]
    draft = validate_group({"handle": handle, "title": title, "options": given})
    return Grouping(handle, draft.title, {option.name: option.values[0] for option in draft.options})


def check_number_of_values(name: str, values: Sequence[str]) -> None:
    """Raises Conflict `too_many_option_values` for an option with more values than the shop allows."""
    if len(values) > settings.option_values:
        detail = f"An option has at most {settings.option_values} values; {name} would have {len(values)}."
        raise TooManyOptionValues(detail, limit=settings.option_values)


def choose(options: Sequence[Mapping[str, Any]], chosen: Mapping[str, str]) -> list[str]:
    """The values of a product, in the order of the group's options, spelled as the group spells them if it has them.

    `chosen`: a value by the name of each option. Raises Invalid.
    """
    try:
        given = {folded(name): value for name, value in _CHOSEN.validate_python(chosen).items()}
    except ValidationError as error:
        faults = {f"options.{field}": reasons for field, reasons in _by_field(error).items()}
        raise Invalid("The options are invalid; see errors.", errors=faults) from error
    names = [folded(option["name"]) for option in options]
    if len(given) != len(chosen) or given.keys() != set(names):
        wanted = ", ".join(option["name"] for option in options)
        raise Invalid(
            "A product needs a value of each option.", errors={"options": [f"Must have a value of {wanted}."]}
        )
    return [_spelled(option["values"], given[name]) for option, name in zip(options, names, strict=True)]


def add_values(options: Sequence[Mapping[str, Any]], chosen: Iterable[Sequence[str]]) -> list[dict[str, Any]]:
    """The options with the values of products that they do not have yet. Raises Conflict `too_many_option_values`."""
    added = [{"name": option["name"], "values": [*option["values"]]} for option in options]
    known = [set(option["values"]) for option in options]
    for values in chosen:
        for option, seen, value in zip(added, known, values, strict=True):
            if value not in seen:
                seen.add(value)
                option["values"].append(value)
    for option in added:
        check_number_of_values(option["name"], option["values"])
    return added


def _spelled(values: Sequence[str], value: str) -> str:
    tidied = " ".join(value.split())
    return next((known for known in values if folded(known) == folded(value)), tidied)


def _by_field(error: ValidationError) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        message = fault["msg"].removeprefix("Value error, ")
        field = ".".join(map(str, fault["loc"])) or "options"
        found.setdefault(field, []).append(message[:1].upper() + message[1:].rstrip(".") + ".")
    return found
