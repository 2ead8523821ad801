"""The API reference: every operation is in the list, and on the page of its tag, with the part of the document."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from api.docs.openapi import operations
from api.docs.parts import part_of
from tests.api.browser import needs_browser, show
from tests.conformance import resolving
from tests.serving import serving
from tests.strict_document import resolve

UNDERSCORES = "escaping deep link whitespace with `_` is unsupported"
"""Swagger UI says so of every address with an underscore, and finds the operation."""


@pytest.fixture(scope="module")
def document(app: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(app.extensions["openapi"]())
    return found


@pytest.fixture(scope="module")
def parts(app: Any, document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    client = app.test_client()
    return {tag["name"]: client.get(f"/docs/{tag['name']}/openapi.json").json for tag in document["tags"]}


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def test_every_operation_is_in_one_part(document: dict[str, Any], parts: dict[str, dict[str, Any]]) -> None:
    found = Counter((path, method) for part in parts.values() for path, method, _ in operations(part))
    assert found == Counter((path, method) for path, method, _ in operations(document))


def test_parts_say_the_same_as_the_document(document: dict[str, Any], parts: dict[str, dict[str, Any]]) -> None:
    """All but links to other parts."""

    def without_links(operation: dict[str, Any]) -> dict[str, Any]:
        responses = operation["responses"].items()
        return {
            **operation,
            "responses": {s: {k: v for k, v in found.items() if k != "links"} for s, found in responses},
        }

    for name, part in parts.items():
        for path, method, operation in operations(part):
            assert operation["tags"] == [name]
            assert without_links(operation) == without_links(document["paths"][path][method]), (method, path)
            assert part["paths"][path].get("parameters") == document["paths"][path].get("parameters")
        for kind, components in part["components"].items():
            for component, described in components.items():
                assert described == document["components"][kind][component]
        assert {**part, "tags": 0, "paths": 0, "components": 0} == {**document, "tags": 0, "paths": 0, "components": 0}


def test_parts_are_valid_and_contain_what_they_use_and_nothing_else(parts: dict[str, dict[str, Any]]) -> None:
    for name, part in parts.items():
        found = set(references(part))
        for reference in found:
            resolve({"$ref": reference}, part)  # KeyError if it leads nowhere
        components = {f"#/components/{kind}/{each}" for kind, all_ in part["components"].items() for each in all_}
        assert {each for each in components - found if "/securitySchemes/" not in each} == set(), name
        for schema in part["components"].get("schemas", {}).values():
            jsonschema_rs.validator_for(resolving(schema, part))
        ids = {operation["operationId"] for *_, operation in operations(part)}
        for *_, operation in operations(part):
            for response in operation["responses"].values():
                assert {link["operationId"] for link in response.get("links", {}).values()} <= ids
        schemes = {scheme for *_, operation in operations(part) for each in operation["security"] for scheme in each}
        assert schemes <= set(part["components"]["securitySchemes"])


def test_links_within_a_tag_are_kept(parts: dict[str, dict[str, Any]]) -> None:
    links = parts["orders"]["paths"]["/v1/orders/{order_id}"]["get"]["responses"]["200"]["links"]
    assert "cancel_order" in links


def test_a_part_leaves_the_document_as_it_is(document: dict[str, Any]) -> None:
    before = json.dumps(document)
    part_of(document, "checkout")
    assert json.dumps(document) == before


def test_the_list_has_every_operation_once_with_a_link(client: Any, document: dict[str, Any]) -> None:
    page = client.get("/docs").text
    found = re.findall(r'<li><a href="/docs/([a-z-]+)#/([a-z-]+)/(\w+)"', page)
    assert all(one == other for one, other, _ in found)
    expected = [(operation["tags"][0], operation["operationId"]) for *_, operation in operations(document)]
    assert Counter((tag, name) for tag, _, name in found) == Counter(expected)
    for tag in document["tags"]:
        assert f'<a href="/docs/{tag["name"]}">' in page


def test_no_tag_hides_another_page(document: dict[str, Any]) -> None:
    assert not {"errors", "assets"} & {tag["name"] for tag in document["tags"]}


@pytest.mark.parametrize("path", ["/docs/nothing", "/docs/nothing/openapi.json", "/docs/Orders"])
def test_an_unknown_tag_answers_404(client: Any, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json["code"]) == (404, "not_found")


@pytest.fixture
def url(seeds: Any, tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path, SHOP_API_THREADS="4") as url:
        yield url


@needs_browser
def test_a_browser_shows_the_list_without_complaints(url: str, tmp_path: Path, document: dict[str, Any]) -> None:
    shown = show(f"{url}/docs", tmp_path)
    assert shown.console == []
    assert f">{len(list(operations(document)))} operations</output>" in shown.html
    assert '<form role="search">' in shown.html  # the script has shown the filter


@needs_browser
@pytest.mark.parametrize("tag", ["accounts", "checkout", "docs"])
def test_a_browser_shows_the_operations_of_a_tag(url: str, tmp_path: Path, parts: dict[str, Any], tag: str) -> None:
    ids = [operation["operationId"] for *_, operation in operations(parts[tag])]
    shown = show(f"{url}/docs/{tag}#/{tag}/{ids[-1]}", tmp_path)
    assert [message for message in shown.console if UNDERSCORES not in message] == []
    found = re.findall(r'<div class="opblock ([^"]*)" id="operations-[a-z-]+-(\w+)"', shown.html)
    assert sorted(name for _, name in found) == sorted(ids)
    assert [name for classes, name in found if "is-open" in classes.split()] == [ids[-1]]
    assert "Execute" in shown.html


@needs_browser
def test_addresses_of_former_versions_lead_to_the_operation(url: str, tmp_path: Path) -> None:
    shown = show(f"{url}/docs#/checkout/place_order", tmp_path)
    assert 'id="operations-checkout-place_order"' in shown.html
