"""Error responses of the OpenAPI document: for each status the codes, with an example of each.

Equal responses and examples are shared, as components: otherwise the document is ten times as large.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from api.docs.error_codes import codes
from api.docs.examples import EXAMPLE_ID, Examples

PROBLEM = "application/problem+json"
PROBLEM_SCHEMA = {"$ref": "#/components/schemas/Problem"}
CODES = "x-codes"
"""Member of an error response: all codes that it can have. Generators ignore it, our tests do not."""
SERVER_CODES = ("uri_too_long", "headers_too_large")
COMMON_CODES = ("internal_error", "unavailable")
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


class Problems:
    """Adds the error responses of a document's operations, and the components that they share."""

    def __init__(self, examples: Examples) -> None:
        self.examples = examples
        self.shared: dict[str, Any] = {}
        """The examples, by name."""

    def add(self, operation: dict[str, Any], method: str, path: str, rule: str) -> None:
        """Adds every possible error of the operation to its responses, grouped by status, each with an example."""
        responses = operation["responses"]
        for generic in ("default", "422"):
            responses.pop(generic, None)
        by_status: dict[int, list[str]] = {}
        for name in dict.fromkeys((*operation.pop(CODES, ()), *_implied_codes(operation, method, path, rule))):
            by_status.setdefault(codes()[name].status, []).append(name)
        for status in sorted(by_status):
            described = self._response(status, by_status[status], rule, operation)
            if str(status) in responses:  # a response that is not a problem document, such as that of /readyz
                described["content"] |= responses[str(status)]["content"]
            responses[str(status)] = described

    def _response(self, status: int, names: list[str], rule: str, operation: dict[str, Any]) -> dict[str, Any]:
        listed = ", ".join(f"`{name}`" for name in names)
        found = {name: {"$ref": f"#/components/examples/{self._example(name, rule, operation)}"} for name in names}
        described: dict[str, Any] = {
            "description": f"{HTTPStatus(status).phrase}: {listed}", CODES: names,
            "content": {PROBLEM: {"schema": PROBLEM_SCHEMA, "examples": found}},
        }  # fmt: skip
        if status in (429, 503):
            described["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds"}}
        return described

    def _example(self, name: str, rule: str, operation: dict[str, Any]) -> str:
        """The name of the shared example of an error of this operation."""
        code, extra, shared = codes()[name], EXTRA_MEMBERS.get(name, {}), name
        if name in ("not_allowed", "second_factor_missing") and ":" in rule:
            extra, shared = {"permission": rule}, f"{name}.{rule.replace(':', '.')}"
        if name == "invalid_fields":
            field, reason = self._fault(operation)
            extra, shared = {"errors": {field: [reason]}}, f"{name}.{field}.{reason.split()[0].lower()}"
        about = {"type": f"/docs/errors#{name}", "title": HTTPStatus(code.status).phrase, "status": code.status}
        request_id = "c5b4ccb689714ada9d091d15599b2450"
        value = {**about, "detail": code.summary, "code": name, **extra, "request_id": request_id}
        self.shared[shared] = {"summary": code.summary, "value": value}
        return shared

    def _fault(self, operation: dict[str, Any]) -> tuple[str, str]:
        """A field of this operation, and an example of what can be wrong with it."""
        for media in operation.get("requestBody", {}).get("content", {}).values():
            schema = self.examples.resolved(media["schema"])
            if schema.get("required"):
                return schema["required"][0], "Missing data for required field."
            fields = [*schema.get("properties", ()), "body"]
            return fields[0], "Not a valid value."
        queries = [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"]
        return queries[0], "Not a valid value."


def share_responses(operations: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Replaces equal error responses of the operations by references; returns the responses that they refer to."""
    found: dict[str, list[tuple[dict[str, Any], str]]] = {}
    for operation in operations:
        for status, response in operation["responses"].items():
            if CODES in response:
                found.setdefault(json.dumps(response), []).append((operation["responses"], status))
    shared = {}
    for written, places in found.items():
        if len(places) > 1:
            response = json.loads(written)
            name = _component_name(response)
            shared[name] = response
            for responses, status in places:
                responses[status] = {"$ref": f"#/components/responses/{name}"}
    return shared


def _component_name(response: dict[str, Any]) -> str:
    """The names of its examples: the codes, with the permission or the field that an example is about."""
    return "-".join(each["$ref"].rpartition("/")[2] for each in response["content"][PROBLEM]["examples"].values())


def _implied_codes(operation: dict[str, Any], method: str, path: str, rule: str) -> Iterator[str]:
    """The error codes that follow from an operation's parameters, body and access rule."""
    names = {(parameter["in"], parameter["name"]) for parameter in operation["parameters"]}
    if operation.get("security"):
        yield from ("not_signed_in", "invalid_token")
    if {"api_key": []} in operation.get("security", ()):
        yield "invalid_api_key"
    if {"cart": []} in operation.get("security", ()):
        yield "invalid_cart_token"
    # The permission is missing, or an API key is used where a user is required.
    if rule not in ("public", "identified"):
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
    yield from SERVER_CODES
    if path.startswith("/v1/"):
        yield from COMMON_CODES
