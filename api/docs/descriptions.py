"""Descriptions in the OpenAPI document that views do not give: of who is allowed, parameters, responses, headers."""

import re
from collections.abc import Mapping
from typing import Any

ACCESS: Mapping[str, str] = {
    "public": "For everybody.",
    "signed in": "For signed-in users.",
    "identified": "For signed-in users and API keys.",
}
"""Access rule → who may call. A rule with a colon is a permission."""
ACCESS_WITH_CART = "For signed-in users, and for guests with the token of their cart."
PARAMETERS: Mapping[tuple[str, str], str] = {
    ("header", "Idempotency-Key"): "Repeated with the same key and body, the request returns the first response again",
    ("path", "address"): "The e-mail address",
    ("path", "channel"): "The channel of the notification",
    ("path", "ending"): "The end of the name: its format",
    ("path", "kind"): "The kind",
    ("path", "language"): "The language of the template",
    ("path", "name"): "The name",
    ("path", "provider"): "The name of the provider, as in the list of providers",
    ("path", "role"): "The name of the role",
    ("path", "tag"): "A tag of the OpenAPI document",
    ("path", "width"): "The width in pixels",
    ("query", "fulfilment_status"): "Only those with this status of fulfilment",
    ("query", "handle"): "Only the group with this handle",
    ("query", "in_stock"): "Only products that are available, or only those that are not",
    ("query", "kind"): "Only those of this kind",
    ("query", "name"): "Only events of this name",
    ("query", "order_id"): "The order",
    ("query", "payment_status"): "Only those with this status of payment",
    ("query", "product_id"): "Only those of this product",
    ("query", "provider"): "Only those at this payment provider",
    ("query", "role"): "Only users with this role",
    ("query", "sku"): "Only those with this SKU",
    ("query", "state"): "Only lines in this state",
    ("query", "status"): "Only those with this status",
    ("query", "tag"): "Only those with this tag",
    ("query", "token"): "The token of the link in a mail",
    ("query", "warehouse_id"): "Only those of this warehouse",
    ("query", "workflow"): "Only runs of this workflow",
}
"""Place and name of a parameter → description, unless the view describes it."""
HEADERS: Mapping[str, str] = {
    "ETag": "The version of the resource, for `If-Match` and `If-None-Match`",
    "Location": "The URL of what was created: the resource, or the task to follow",
    "Preference-Applied": "`wait=N`, if the response is that of the ended run",
    "X-Cart-Token": "The token of the guest cart",
}
FILES: Mapping[str, str] = {
    "application/pdf": "A PDF file", "image/avif": "A picture",
    "image/png": "An image", "text/css": "A stylesheet", "text/csv": "A CSV file",
    "text/event-stream": "A stream of server-sent events", "text/html": "A page", "text/javascript": "A script",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "A workbook",
}  # fmt: skip
GENERIC = ("OK", "Created", "Accepted", "No Content")
"""Descriptions that only repeat the status."""


def describe(operation: dict[str, Any], rule: str) -> None:
    """Adds, in place, what the operation's view leaves open. The summary is its first sentence."""
    text = "\n\n".join(filter(None, (operation.get("summary"), operation.get("description"))))
    summary, rest = _first_sentence(" ".join(text.partition("\n\n")[0].split()))
    paragraphs = [rest, *text.split("\n\n")[1:], _access(operation, rule)]
    operation["summary"], operation["description"] = summary, "\n\n".join(filter(None, paragraphs))
    for parameter in operation["parameters"]:
        describe_parameter(parameter)
    for status, response in operation["responses"].items():
        if response["description"] in GENERIC:
            response["description"] = _response(status, response)
        for name, header in response.get("headers", {}).items():
            header.setdefault("description", HEADERS.get(name, ""))


def describe_parameter(parameter: dict[str, Any]) -> None:
    """Adds a description in place, unless there is one. A path's `order_id` is the id of the order."""
    name = parameter["name"]
    known = PARAMETERS.get((parameter["in"], name))
    if known is None and parameter["in"] == "path" and name.endswith("_id"):
        known = f"The id of the {name.removesuffix('_id').replace('_', ' ')}"
    if known is not None:
        parameter.setdefault("description", known)


def _first_sentence(text: str) -> tuple[str, str]:
    first, *rest = re.split(r"(?<=[.])\s+(?=[A-Z0-9`])", text, maxsplit=1)
    return first, "".join(rest)


def _access(operation: Mapping[str, Any], rule: str) -> str:
    if ":" in rule:
        return f"Requires the permission `{rule}`."
    return ACCESS_WITH_CART if {"cart": []} in operation.get("security", ()) else ACCESS.get(rule, "")


def _response(status: str, response: Mapping[str, Any]) -> str:
    """What a successful response contains, by its schema or its media type."""
    if status == "202":
        return "Accepted: the task to follow"
    for kind, media in response.get("content", {}).items():
        if kind in FILES:
            return FILES[kind]
        noun = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", media["schema"].get("$ref", "").rpartition("/")[2]).lower()
        if noun.endswith(" page"):
            return f"A page of the list, of at most `limit` rows, each {_article(noun.removesuffix(' page'))}"
        return f"{'Created: the' if status == '201' else 'The'} {noun or 'document'}"
    return "Done; there is no body"


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeio' else 'a'} {noun}"
