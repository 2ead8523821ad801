"""The OpenAPI document: complete for every route."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import jsonschema_rs
import pytest

from api.app import create_app
from api.docs.descriptions import GENERIC
from api.docs.error_codes import codes
from api.docs.openapi import EXACTLY_ONE, METHODS, operations
from api.docs.problems import CODES, PROBLEM
from tests.api.test_app import endpoints
from tests.conformance import resolving
from tests.strict_document import resolve, strict


@pytest.fixture(scope="module")
def document(app: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(app.test_client().get("/openapi.json").text)
    return found


def examples(operation: dict[str, Any], document: dict[str, Any]) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Owner, example and schema of the request, of each response, and of each parameter with an example."""
    parts = [("request", operation.get("requestBody", {})), *operation["responses"].items()]
    for name, part in parts:
        for kind, media in resolve(part, document).get("content", {}).items():
            found = [media["example"]] if "example" in media else []
            found += [resolve(each, document)["value"] for each in media.get("examples", {}).values()]
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
    @cache
    def validator(schema: str) -> Any:
        return jsonschema_rs.validator_for(resolving(json.loads(schema), document))

    for path, method, operation in operations(document):
        for name, example, schema in examples(operation, document):
            faults = [
                f"{'/'.join(map(str, error.instance_path))}: {error.message}"
                for error in validator(json.dumps(schema)).iter_errors(example)
            ]
            assert not faults, (method, path, name, faults)


def test_refusals_have_examples_of_their_own_operation(document: dict[str, Any]) -> None:
    refusals = document["paths"]["/v1/stock/adjustments"]["post"]["responses"]

    def shown(status: str, code: str) -> dict[str, Any]:
        media = resolve(refusals[status], document)["content"][PROBLEM]
        found: dict[str, Any] = resolve(media["examples"][code], document)["value"]
        return found

    assert shown("403", "not_allowed")["permission"] == "stock:write"
    assert next(iter(shown("422", "invalid_fields")["errors"])) in ("product_id", "quantity", "reason")
    described = resolve(refusals["409"], document)
    assert {"below_reserved", "capacity_exceeded"} <= set(described[CODES])
    assert all(f"`{code}`" in described["description"] for code in described[CODES])


def test_an_example_of_an_error_is_in_a_response_with_its_code(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        for status, part in operation["responses"].items():
            response = resolve(part, document)
            assert (CODES in response) == (PROBLEM in response.get("content", {})), (method, path, status)
            for code in response.get(CODES, ()):
                example = resolve(response["content"][PROBLEM]["examples"][code], document)["value"]
                assert (example["code"], str(example["status"])) == (code, status), (method, path)
            assert set(response.get(CODES, ())) == set(response.get("content", {}).get(PROBLEM, {}).get("examples", ()))


def test_all_problems_have_one_schema(document: dict[str, Any]) -> None:
    """Generators make a type of each schema that is beside another one."""
    for path, method, operation in operations(document):
        for status, part in operation["responses"].items():
            media = resolve(part, document).get("content", {}).get(PROBLEM)
            assert media is None or media["schema"] == {"$ref": "#/components/schemas/Problem"}, (method, path, status)
    code = document["components"]["schemas"]["Problem"]["properties"]["code"]
    assert (code["type"], "enum" in code) == ("string", False)


def test_no_schema_has_alternatives_beside_its_fields(document: dict[str, Any]) -> None:
    """Such a schema would be `Any` to generators."""
    schemas = document["components"]["schemas"]
    mixed = [
        name for name, found in schemas.items() if "properties" in found and {"oneOf", "anyOf", "allOf"} & set(found)
    ]
    assert mixed == []
    assert schemas["CheckoutRequest"][EXACTLY_ONE] == ["address_id", "address"]
    assert "Exactly one of `address_id` and `address`" in schemas["CheckoutRequest"]["description"]


def test_the_strict_document_allows_only_the_declared_codes(app: Any) -> None:
    document = strict(app.extensions["openapi"]())
    login = document["paths"]["/v1/auth/login"]["post"]
    schema = resolving(login["responses"]["401"]["content"][PROBLEM]["schema"], document)
    refusal = {"type": "t", "title": "t", "status": 401, "detail": "d", "request_id": None}
    allowed = [code for code in codes() if jsonschema_rs.is_valid(schema, {**refusal, "code": code})]
    assert allowed == ["wrong_credentials", "second_factor_required"]
    body = resolving(login["requestBody"]["content"]["application/json"]["schema"], document)
    one, both = {"username": "ada", "password": "x"}, {"username": "ada", "email": "a@example.org", "password": "x"}
    assert jsonschema_rs.is_valid(body, one)
    assert not jsonschema_rs.is_valid(body, both)
    assert not jsonschema_rs.is_valid(body, {"password": "x"})


def test_everything_is_described(document: dict[str, Any]) -> None:
    assert all(tag["description"] for tag in document["tags"])
    assert document["servers"]
    for path, method, operation in operations(document):
        name = f"{method} {path}"
        assert operation["summary"], name
        assert operation["description"], name
        for parameter in [*operation["parameters"], *document["paths"][path].get("parameters", ())]:
            # Otherwise add it to api/docs/descriptions.py, or to the field's metadata.
            assert parameter.get("description"), f"{name}: {parameter['name']} has no description"
        for status, part in operation["responses"].items():
            response = resolve(part, document)
            assert response["description"] not in ("", *GENERIC), f"{name}: {status}"
            assert all(header["description"] for header in response.get("headers", {}).values()), f"{name}: {status}"


def test_the_document_says_who_is_allowed(document: dict[str, Any]) -> None:
    paths = document["paths"]
    assert "Requires the permission `stock:write`." in paths["/v1/stock/adjustments"]["post"]["description"]
    assert paths["/v1/me"]["get"]["description"] == "For signed-in users."
    assert "guests" in paths["/v1/cart"]["get"]["description"]


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
