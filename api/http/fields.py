"""What only a REST API needs of fields: files, headers, ids in URLs. The types of fields are in `serving/fields.py`."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask_smorest import Blueprint
from werkzeug.routing import BaseConverter, Map

from serving.fields import (
    EITHER,
    KIND_NAME,
    KIND_PATTERN,
    MAX_AMOUNT,
    ROLE_NAME,
    SOMETIMES,
    Amount,
    IdField,
    Line,
    List,
    MapField,
    Money,
    Pattern,
    Schema,
    Timestamp,
    Total,
    TrueOrFalse,
    WebUrl,
)

__all__ = [
    "EITHER", "FILE", "KIND_PATTERN", "MAX_AMOUNT", "SOMETIMES", "Amount", "IdConverter", "IdField", "KindConverter",
    "Line", "List", "MapField", "Money", "Pattern", "RoleConverter", "Schema", "Timestamp", "Total", "TrueOrFalse",
    "WebUrl", "apidoc", "documents_header",
]  # fmt: skip

View = TypeVar("View", bound=Callable[..., object])

FILE = {"type": "string", "format": "binary"}
"""The schema of a file, as a body or a part of one."""


def documents_header(header: Mapping[str, object]) -> Callable[[View], View]:
    """Documents a request header, given as an OpenAPI parameter."""

    def decorate(view: View) -> View:
        documented = Blueprint.doc()(view)
        apidoc(documented).setdefault("arguments", {}).setdefault("parameters", []).append(header)
        return documented

    return decorate


def apidoc(view: Callable[..., object]) -> dict[str, Any]:
    """The OpenAPI metadata that flask-smorest keeps on a decorated view. Mutable."""
    metadata: dict[str, Any] = vars(view)["_apidoc"]
    return metadata


class IdConverter(BaseConverter):
    """An id in a URL: `<id("prd"):product_id>`. Anything else is 404."""

    def __init__(self, map: Map, prefix: str) -> None:
        super().__init__(map)
        self.regex = f"{re.escape(prefix)}_[0-9a-f]{{32}}"


class KindConverter(BaseConverter):
    """The name of a kind of products in a URL: `<kind:name>`. Anything else is 404."""

    regex = KIND_NAME


class RoleConverter(BaseConverter):
    """A role name in a URL: `<role:name>`. Anything else is 404."""

    regex = ROLE_NAME
