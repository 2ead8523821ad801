"""Completes the OpenAPI document that flask-smorest generates: adds errors, examples and `required`."""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from flask import Flask

from api.docs.error_codes import codes
from api.docs.examples import EXAMPLE_ID, Examples
from api.docs.links import add_links

METHODS = ("get", "post", "put", "patch", "delete")
PROBLEM = "application/problem+json"
SOMETIMES, EITHER = "x-sometimes", "x-either"
DESCRIPTION = """Register or sign in, and send the access token as `Authorization: Bearer …`. Long-running operations
return `202` and a task to follow; with `Prefer: wait=10` they wait for the result. Amounts are integers in the
currency's minor unit.
Errors are problem documents (RFC 9457) with a `code`: [list of all codes](/docs/errors)."""
COMMON_CODES = ("uri_too_long", "headers_too_large", "internal_error", "unavailable")
EXTRA_MEMBERS: Mapping[str, dict[str, Any]] = {
    "answer_too_large": {"limit": 16_777_216},
    "below_reserved": {"available": 3},
    "capacity_exceeded": {"remaining": 12},
    "insufficient_stock": {"available": 3},
    "more_than_ordered": {"lines": [{"product_id": f"prd_{EXAMPLE_ID}", "outstanding": 2}]},
    "payment_declined": {"decline_code": "insufficient_funds"},
    "product_unavailable": {"products": [f"prd_{EXAMPLE_ID}"]},
    "second_factor_required": {"challenge": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c3IifQ.c2ln", "expires_in": 300},
    "too_many_requests": {"retry_after": 17},
    "too_many_streams": {"retry_after": 5},
}
"""Error code → additional members of its example."""


def finish(document: dict[str, Any], app: Flask) -> dict[str, Any]:
    """Completes the document in place: adds every possible response, examples, and `required` for fields that are
    always present in responses."""
    schemas = document["components"]["schemas"]
    document["info"]["description"] = DESCRIPTION
    _require(document, schemas)
    rules = _rules(app)
    examples = Examples(schemas)
    for item in document["paths"].values():
        for parameter in item.get("parameters", ()):  # of the path
            parameter["example"] = examples.of(parameter["schema"], whole=True, name=parameter["name"])
    for path, method, operation in operations(document):
        operation["operationId"] = f"{method}_{re.sub('[^a-z0-9]+', '_', path.lower()).strip('_')}"
        _conditional_headers(operation)
        _body_required(operation, examples)
        _examples(operation, examples)
        _error_responses(operation, method, path, rules.get((path, method), ""), examples)
    add_links(document, examples)
    document["components"].pop("responses", None)  # every operation now has its own
    schemas.pop("PaginationMetadata", None)
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yields path, method and description of every operation."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def _rules(app: Flask) -> dict[tuple[str, str], str]:
    """Path and method → the access rule that the view declares."""
    found = {}
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule)
        view = app.view_functions[rule.endpoint]
        for method in METHODS:
            function = getattr(getattr(view, "view_class", None), method, view)
            found[path, method] = getattr(function, "rule", "")
    return found


def _require(document: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Marks all fields of response-only schemas as required, except those marked as sometimes absent."""
    request_schemas: set[str] = set()
    for _, _, operation in operations(document):
        _collect_references(operation.get("requestBody", {}), schemas, request_schemas)
    for name, schema in schemas.items():
        fields = schema.get("properties", {})
        if name not in request_schemas and name != "Problem":
            required = [field for field, described in fields.items() if not described.get(SOMETIMES)]
            schema.update({"required": required} if required else {})
        either = [field for field, described in fields.items() if described.get(EITHER)]
        if either:
            schema["oneOf"] = [{"required": [field]} for field in either]
        for described in fields.values():
            described.pop(SOMETIMES, None)
            described.pop(EITHER, None)


def _collect_references(part: Any, schemas: dict[str, Any], found: set[str]) -> None:
    """Adds the names of all schemas that a part of the document references, directly or indirectly."""
    if isinstance(part, dict):
        name = str(part.get("$ref", "")).rpartition("/")[2]
        if name in schemas and name not in found:
            found.add(name)
            _collect_references(schemas[name], schemas, found)
        for inner in part.values():
            _collect_references(inner, schemas, found)
    elif isinstance(part, list):
        for inner in part:
            _collect_references(inner, schemas, found)


def _conditional_headers(operation: dict[str, Any]) -> None:
    """Documents conditional requests: `If-None-Match` where there is an ETag, `If-Match` where there is `stale`.

    Reading honours `If-Match`, too, which is of no use to a client: the document has only the response.
    """
    parameters = operation.setdefault("parameters", [])
    if "stale" in operation.get("x-codes", ()):
        described = "The `ETag` of the version you read; 412 if the resource has changed since"
        parameters.append(_header("If-Match", described))
    answer = operation["responses"].get("200", {})
    if "ETag" in answer.get("headers", {}) and "requestBody" not in operation:
        parameters.append(_header("If-None-Match", "The `ETag` of the version you have"))
        operation["responses"]["304"] = {"description": "Not modified"}
        operation["x-codes"] = [*operation.get("x-codes", ()), "stale"]


def _header(name: str, description: str) -> dict[str, Any]:
    schema = {"type": "string"}
    return {"in": "header", "name": name, "schema": schema, "description": description, "example": '"20261121.3"'}


def _body_required(operation: dict[str, Any], examples: Examples) -> None:
    """A request body without required fields is optional."""
    for media in operation.get("requestBody", {}).get("content", {}).values():
        schema = examples.resolved(media["schema"])
        operation["requestBody"]["required"] = "required" in schema or "oneOf" in schema


def _examples(operation: dict[str, Any], examples: Examples) -> None:
    for media in operation.get("requestBody", {}).get("content", {}).values():
        media.setdefault("example", examples.of(media["schema"], whole=False))
    for answer in operation["responses"].values():
        for kind, media in answer.get("content", {}).items():
            if kind == "application/json":
                media.setdefault("example", examples.of(media["schema"], whole=True))


def _error_responses(operation: dict[str, Any], method: str, path: str, rule: str, examples: Examples) -> None:
    """Adds every possible error of the operation to its responses, grouped by status, each with an example."""
    responses = operation["responses"]
    for generic in ("default", "422"):
        responses.pop(generic, None)
    by_status: dict[int, list[str]] = {}
    for name in dict.fromkeys((*operation.pop("x-codes", ()), *_implied_codes(operation, method, path, rule))):
        by_status.setdefault(codes()[name].status, []).append(name)
    for status in sorted(by_status):
        names = by_status[status]
        about = {"type": "object", "properties": {"code": {"enum": names}}}
        content: dict[str, Any] = {"schema": {"allOf": [{"$ref": "#/components/schemas/Problem"}, about]}}
        content["examples"] = {name: _problem_example(name, rule, operation, examples) for name in names}
        described: dict[str, Any] = {"description": HTTPStatus(status).phrase, "content": {PROBLEM: content}}
        if status in (429, 503):
            described["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
        if str(status) in responses:  # a response that is not a problem document, such as that of /readyz
            described["content"] |= responses[str(status)]["content"]
        responses[str(status)] = described


def _implied_codes(operation: dict[str, Any], method: str, path: str, rule: str) -> Iterator[str]:
    """The error codes that follow from an operation's parameters, body and access rule."""
    names = {(parameter["in"], parameter["name"]) for parameter in operation["parameters"]}
    if operation.get("security"):
        yield from ("not_signed_in", "invalid_token")
    if {"api_key": []} in operation.get("security", ()):
        yield "invalid_api_key"
    if {"cart": []} in operation.get("security", ()):
        yield "invalid_cart_token"
    if rule not in (
        "public",
        "identified",
    ):  # the permission is missing, or an API key is used where a user is required
        yield "not_allowed"
    if ":" in rule:
        yield "second_factor_missing"
    if "{" in path:
        yield "not_found"
    if method in ("post", "put", "patch") or operation.get("requestBody"):
        yield from ("malformed_json", "body_too_large", "unsupported_media_type")
    if operation.get("requestBody") or any(place == "query" for place, _ in names):
        yield "invalid_fields"
    if {("query", "limit"), ("query", "cursor")} <= names:
        yield "answer_too_large"
    if ("header", "Idempotency-Key") in names:
        yield from ("idempotency_key_required", "idempotency_key_too_long", "idempotency_key_reused")
    if path.startswith("/v1/"):
        yield from COMMON_CODES


def _problem_example(name: str, rule: str, operation: dict[str, Any], examples: Examples) -> dict[str, Any]:
    """An example of an error of this operation."""
    code = codes()[name]
    extra = EXTRA_MEMBERS.get(name, {})
    if name in ("not_allowed", "second_factor_missing") and ":" in rule:
        extra = {"permission": rule}
    if name == "invalid_fields":
        extra = {"errors": _example_errors(operation, examples)}
    about = {"type": f"/docs/errors#{name}", "title": HTTPStatus(code.status).phrase, "status": code.status}
    value = {**about, "detail": code.summary, "code": name, **extra, "request_id": "c5b4ccb689714ada9d091d15599b2450"}
    return {"summary": code.summary, "value": value}


def _example_errors(operation: dict[str, Any], examples: Examples) -> dict[str, list[str]]:
    """An example of `errors` for a field of this operation."""
    for media in operation.get("requestBody", {}).get("content", {}).values():
        schema = examples.resolved(media["schema"])
        if schema.get("required"):
            return {schema["required"][0]: ["Missing data for required field."]}
        fields = [*schema.get("properties", ()), "body"]
        return {fields[0]: ["Not a valid value."]}
    queries = [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"]
    return {queries[0]: ["Not a valid value."]}
