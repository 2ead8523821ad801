"""Forms: validated by the schemas of the API, and shown again with what is wrong with each field."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from flask import request
from marshmallow import Schema, ValidationError

from durable import Refusal
from models.core.errors import TooManyRequests
from serving.bounds import flatten_messages
from web.wording import describe_field, describe_refusal

SECRET = ("password", "current_password", "new_password", "code")
"""Fields that are never shown again."""


@dataclass
class Form:
    """What was sent, and what is wrong with it: field → sentence. `refusal` is about the form as a whole."""

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    refusal: str = ""

    def value(self, name: str) -> str:
        """What to show in a field."""
        return "" if name.rpartition(".")[2] in SECRET else self.values.get(name, "")

    def refuse(self, error: Refusal, fields: Mapping[str, str] = MappingProxyType({})) -> None:
        """Takes in a refusal; `fields`: code → the field that it is about. Raises what is not about the form."""
        if error.status >= 500 or isinstance(error, TooManyRequests) or error.code == "fresh_sign_in_required":
            raise error
        about = fields.get(error.code)
        named = error.extra.get("errors")
        if about:
            self.errors[about] = describe_refusal(error.code, error.detail)
        elif isinstance(named, dict):
            self.errors |= {str(name): describe_field(str(reasons[0])) for name, reasons in named.items()}
        else:
            self.refusal = describe_refusal(error.code, error.detail)

    def __bool__(self) -> bool:
        """Whether it can be taken."""
        return not self.errors and not self.refusal


def sent() -> Form:
    """The form of the request, as it was filled in."""
    return Form({name: value.strip() if name not in SECRET else value for name, value in request.form.items()})


def read(schema: Schema, prefix: str = "") -> tuple[Form, Any]:
    """The form of the request and its values as the schema loads them: `address.city` is `{"address": {"city": …}}`.

    Fields that are empty count as missing. `prefix`: only fields that begin with it, without it.
    """
    form = sent()
    filled = {name: value for name, value in form.values.items() if name.startswith(prefix) and value}
    known = {name.removeprefix(prefix): value for name, value in filled.items()}
    try:
        return form, schema.load(_nested(_known(schema, known)))
    except ValidationError as error:
        for name, reasons in flatten_messages(error.messages).items():
            form.errors[prefix + name] = describe_field(reasons[0])
        return form, None


def _known(schema: Schema, given: Mapping[str, str]) -> dict[str, str]:
    names = {shown.data_key or name for name, shown in schema.fields.items()}
    return {name: value for name, value in given.items() if name.partition(".")[0] in names}


def _nested(flat: Mapping[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in flat.items():
        *parents, last = name.split(".")
        inside: Any = made
        for parent in parents:
            inside = inside.setdefault(parent, {}) if isinstance(inside, dict) else None
        if isinstance(inside, dict):  # not within a field that has a value
            inside[last] = value
    return made


def is_id(prefix: str, text: str) -> bool:
    """Whether a text from a form is an id with this prefix, which the database can look up."""
    return re.fullmatch(f"{prefix}_[0-9a-f]{{32}}", text) is not None
