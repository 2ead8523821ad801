"""Completes the OpenAPI document that flask-smorest generates: adds errors, examples and `required`."""

import re
from collections.abc import Iterator
from typing import Any

from flask import Flask

from api.docs.descriptions import describe, describe_parameter
from api.docs.examples import Examples
from api.docs.links import add_links
from api.docs.operation_ids import operation_id
from api.docs.problems import Problems, share_responses
from api.http.fields import Line

METHODS = ("get", "post", "put", "patch", "delete")
SOMETIMES, EITHER = "x-sometimes", "x-either"
EXACTLY_ONE = "x-exactly-one-of"
"""Member of a schema: fields of which exactly one must be given. `oneOf` beside `properties` would say it in JSON
Schema, but then generators make no type of the schema."""
LICENCE = {"name": "Apache License 2.0", "identifier": "Apache-2.0"}
DESCRIPTION = """Register or sign in, and send the access token as `Authorization: Bearer …`. Long-running operations
return `202` and a task to follow; with `Prefer: wait=10` they wait for the result. Amounts are integers in the
currency's minor unit.
Errors are problem documents (RFC 9457) with a `code`: [list of all codes](/docs/errors)."""


def finish(document: dict[str, Any], app: Flask) -> dict[str, Any]:
    """Completes the document in place: adds every possible response, examples, and `required` for fields that are
    always present in responses."""
    schemas = document["components"]["schemas"]
    document["info"] |= {"description": DESCRIPTION, "license": LICENCE}
    document["servers"] = [{"url": "/", "description": "The shop that serves this document"}]
    _require(document, schemas)
    _simplify_patterns(document)
    rules = _rules(app)
    examples = Examples(schemas)
    problems = Problems(examples)
    for item in document["paths"].values():
        for parameter in item.get("parameters", ()):  # of the path
            parameter["example"] = examples.of(parameter["schema"], whole=True, name=parameter["name"])
            describe_parameter(parameter)
    for path, method, operation in operations(document):
        rule = rules.get((path, method), "")
        operation["operationId"] = operation_id(method, path, operation)
        operation.setdefault("security", [])
        _conditional_headers(operation)
        _body_required(operation, examples)
        problems.add(operation, method, path, rule)
        describe(operation, rule)
        _examples(operation, examples, problems.shared)
    add_links(document, examples)
    document["components"]["examples"] = problems.shared
    document["components"]["responses"] = share_responses(operation for *_, operation in operations(document))
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
            schema[EXACTLY_ONE] = either
            schema["description"] = f"Exactly one of {' and '.join(f'`{field}`' for field in either)} must be given."
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


def _simplify_patterns(part: Any) -> None:
    """Removes, in place, what JavaScript cannot read without the flag `u` from all patterns."""
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        if isinstance(inner, dict) and isinstance(inner.get("pattern"), str):
            inner["pattern"] = inner["pattern"].replace(Line.TAGS, "")
        _simplify_patterns(inner)


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
        operation["requestBody"]["required"] = "required" in schema or EXACTLY_ONE in schema


def _examples(operation: dict[str, Any], examples: Examples, shared: dict[str, Any]) -> None:
    """Adds an example of the request and of each response in JSON. Those of the same schema are shared."""
    for media in operation.get("requestBody", {}).get("content", {}).values():
        _example(media, examples, shared, whole=False)
    for answer in operation["responses"].values():
        for kind, media in answer.get("content", {}).items():
            if kind == "application/json":
                _example(media, examples, shared, whole=True)


def _example(media: dict[str, Any], examples: Examples, shared: dict[str, Any], *, whole: bool) -> None:
    if "example" in media:
        return
    example, name = examples.of(media["schema"], whole=whole), media["schema"].get("$ref", "").rpartition("/")[2]
    if name:
        name = name if whole else f"{name}.request"
        shared[name] = {"summary": "An example", "value": example}
        media["examples"] = {"example": {"$ref": f"#/components/examples/{name}"}}
    else:
        media["example"] = example
