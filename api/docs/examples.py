"""Generates examples from schemas: the field's own example, or one that fits its name, format and type."""

import re
from collections.abc import Mapping
from typing import Any

EXAMPLE_VALUES: Mapping[str, Any] = {
    "access_token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c3JfMDFhMWZkYyJ9.c2lnbmF0dXJl",
    "author": "Jane Austen", "checks": {"database": "ok", "broker": "ok", "workers": "ok"}, "city": "London",
    "code": "insufficient_stock", "country": "GB", "currency": "EUR", "description": "A novel of 1815.",
    "detail": "Only 3 units of this product are available.", "email": "ada@example.org", "expires_in": 900,
    "first_name": "Ada", "invoice_number": "2026-000001", "ip": "192.0.2.7",
    "key": "ord_01a1fdc4abb67dd09aa30324abf4e594", "last_name": "Lovelace",
    "line1": "12 St James's Square", "method": "pm_card_visa", "name": "Emma",
    "next_cursor": None, "number": "100001", "payload": {}, "postal_code": "SW1Y 4JH", "product_id": None,
    "queue": "inventory", "reason": "delivery", "reference": "delivery note 4711", "sku": "BOOK-EMMA",
    "status": "active", "title": "Emma", "token_type": "Bearer", "user_agent": "curl/8.14.1", "username": "ada",
    "workflow": "checkout", "roles": ["customer"], "permissions": [], "gateway": "stripe", "slot": "2026-11-21",
    "has_more": False,
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}  # fmt: skip
"""Field name → example value."""
EXAMPLE_ID = "01a1fdc4abb67dd09aa30324abf4e594"
FORMATS = {
    "date-time": "2026-11-21T11:01:27.448605Z", "date": "1815-12-23", "email": "ada@example.org",
    "password": "correct horse battery", "uri": "https://example.org/hook",
}  # fmt: skip


class Examples:
    """Generates examples for the schemas of one document."""

    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self.schemas = schemas

    def of(self, schema: Mapping[str, Any], *, whole: bool, name: str = "") -> Any:
        """An example that is valid for the schema. `whole`: with all fields, as in a response; otherwise with the
        required fields and those with an example of their own, as in a request."""
        schema = self.resolved(schema)
        for given in ("example", "const", "default"):
            if given in schema:
                return schema[given]
        for choice in ("anyOf", "oneOf"):
            if choice in schema and "properties" not in schema:
                return self.of(schema[choice][0], whole=whole, name=name)
        if "enum" in schema:
            return EXAMPLE_VALUES[name] if EXAMPLE_VALUES.get(name) in schema["enum"] else schema["enum"][0]
        kind = schema.get("type", "object" if "properties" in schema else None)
        kind = next((one for one in kind if one != "null"), "null") if isinstance(kind, list) else kind
        if kind == "object":
            return self._object(schema, whole=whole, name=name)
        if kind == "array":
            return EXAMPLE_VALUES[name] if name in EXAMPLE_VALUES else [self.of(schema.get("items", {}), whole=whole)]
        return _plain(kind, schema, name)

    def resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Follows `$ref` to the schema."""
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].rpartition("/")[2]]
        return schema

    def _object(self, schema: Mapping[str, Any], *, whole: bool, name: str) -> Any:
        fields = schema.get("properties", {})
        if not fields:
            values = schema.get("additionalProperties")
            if not values:
                return EXAMPLE_VALUES.get(name) or {}
            if name == "links":
                return {"task": f"/v1/tasks/run_{EXAMPLE_ID}"}
            return {"status" if name == "figures" else "name": self.of(values, whole=whole)}
        wanted = schema.get("required", ())
        return {
            name: self.of(field, whole=whole, name=name)
            for name, field in fields.items()
            if whole or name in wanted or "example" in field
        }


def _plain(kind: Any, schema: Mapping[str, Any], name: str) -> Any:
    if kind == "boolean":
        return EXAMPLE_VALUES[name] if isinstance(EXAMPLE_VALUES.get(name), bool) else True
    if kind in ("integer", "number"):
        least = max(schema.get("minimum", 1), schema.get("exclusiveMinimum", 0) + 1)
        return min(
            EXAMPLE_VALUES[name] if isinstance(EXAMPLE_VALUES.get(name), int) else least, schema.get("maximum", 10**9)
        )
    if kind == "string":
        return _text(schema, name)
    return EXAMPLE_VALUES.get(name)


def _text(schema: Mapping[str, Any], name: str) -> str:
    pattern = schema.get("pattern", "")
    if found := re.fullmatch(r"\^?([a-z]+)_\[0-9a-f\]\{32\}\$?", pattern):
        return f"{found[1]}_{EXAMPLE_ID}"
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    known = EXAMPLE_VALUES.get(name, "")
    if isinstance(known, str) and known and re.search(pattern, known):
        return known
    return "text"
