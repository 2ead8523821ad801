"""The OpenAPI document: complete for every route."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema_rs
import pytest

from api.app import create_app
from api.docs.openapi import METHODS, operations
from tests.api.test_app import endpoints
from tests.conformance import resolving


@pytest.fixture(scope="module")
def document(app: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(app.test_client().get("/openapi.json").text)
    return found


def examples(operation: dict[str, Any]) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Owner, example and schema of the request, of each response, and of each parameter with an example."""
    parts = [("request", operation.get("requestBody", {})), *operation["responses"].items()]
    for name, part in parts:
        for kind, media in part.get("content", {}).items():
            found = [media["example"]] if "example" in media else []
            found += [each["value"] for each in media.get("examples", {}).values()]
            if "json" in kind:
                assert found, f"no example of {name}"
            yield from ((name, example, media["schema"]) for example in found)
    for parameter in operation["parameters"]:
        if "example" in parameter:
            yield parameter["name"], parameter["example"], parameter["schema"]


def test_every_route_is_in_the_document(app: Any, document: dict[str, Any]) -> None:
    described = {(method.upper(), path) for path, method, _ in operations(document)}
    served = {(method, re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", address)) for method, address, _ in endpoints(app)}
    assert served == described
    assert document["openapi"] == "3.1.0"


def test_every_operation_documents_summary_security_and_responses(app: Any, document: dict[str, Any]) -> None:
    rules = {(m.lower(), re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", a)): v.rule for m, a, v in endpoints(app)}
    for path, method, operation in operations(document):
        name = f"{method} {path}"
        assert operation["summary"], name
        assert operation["tags"], name
        assert bool(operation.get("security")) == (rules[method, path] != "public"), name
        statuses = set(operation["responses"])
        assert "default" not in statuses, name
        assert any(status < "400" for status in statuses), name
        if path.startswith("/v1/"):
            assert {"500", "503"} < statuses, name
        if operation.get("security"):
            assert "401" in statuses, name
        if ":" in rules[method, path]:
            assert "403" in statuses, name
        if operation.get("requestBody"):
            assert {"400", "413", "415", "422"} < statuses, name


def test_every_example_fits_its_schema(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for name, example, schema in examples(operation):
            faults = [
                f"{'/'.join(map(str, error.instance_path))}: {error.message}"
                for error in jsonschema_rs.validator_for(resolving(schema, document)).iter_errors(example)
            ]
            assert not faults, (method, path, name, faults)


def test_refusals_have_examples_of_their_own_operation(document: dict[str, Any]) -> None:
    refusals = document["paths"]["/v1/stock/adjustments"]["post"]["responses"]
    shown = refusals["403"]["content"]["application/problem+json"]["examples"]["not_allowed"]["value"]
    assert shown["permission"] == "stock:write"
    shown = refusals["422"]["content"]["application/problem+json"]["examples"]["invalid_fields"]["value"]
    assert next(iter(shown["errors"])) in ("product_id", "quantity", "reason")
    codes = refusals["409"]["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]["code"]["enum"]
    assert {"below_reserved", "capacity_exceeded"} <= set(codes)


def test_schemas_list_their_required_fields(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert set(schemas["Product"]["required"]) == set(schemas["Product"]["properties"])
    assert schemas["Introspection"]["required"] == ["active"]
    assert "cart" not in schemas["SignedIn"]["required"]
    assert "x-sometimes" not in json.dumps(document)


WITHOUT_TASK = {("/v1/auth/password/forgot", "post"), ("/v1/me/email/confirmation", "post")}
"""Accepted without a task: it would reveal whether the account exists, or there is none to wait for but a mail."""


def test_every_202_supports_prefer_wait(document: dict[str, Any]) -> None:
    accepting = [(path, method, o) for path, method, o in operations(document) if "202" in o["responses"]]
    assert len(accepting) > 5
    assert {(path, method) for path, method, _ in accepting} > WITHOUT_TASK
    for path, method, operation in accepting:
        if (path, method) in WITHOUT_TASK:
            continue
        assert "Prefer" in {parameter["name"] for parameter in operation["parameters"]}, (method, path)
        assert {"200", "201"} & set(operation["responses"]), (method, path)


def test_the_document_uses_only_known_methods(document: dict[str, Any]) -> None:
    assert {method for item in document["paths"].values() for method in item} - set(METHODS) <= {"parameters"}


def test_threads_that_ask_for_the_document_at_once_get_the_same(app: Any) -> None:
    new = create_app()
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: new.extensions["openapi"](), range(4)))
    assert set(made) == {app.extensions["openapi"]()}
