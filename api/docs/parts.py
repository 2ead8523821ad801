"""The OpenAPI document in parts, one for each tag: with the whole document, Swagger UI hangs for seconds."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from api.docs.openapi import METHODS, operations


def part_of(document: Mapping[str, Any], tag: str) -> dict[str, Any]:
    """A copy of the document with the operations of this tag alone, and with the components that they use.

    Links to operations of other tags are left out: a link leads to an operation of the same document. Raises KeyError
    if there is no such tag.
    """
    described = {each["name"]: each for each in document["tags"]}[tag]
    paths = {path: deepcopy(item) for path, found in document["paths"].items() if (item := _of_tag(found, tag))}
    part = {**document, "tags": [described], "paths": paths}
    _remove_links_out_of(part)
    components = {"securitySchemes": document["components"]["securitySchemes"]}
    _collect(paths, document["components"], components)
    return {**part, "components": components}


def _of_tag(item: Mapping[str, Any], tag: str) -> dict[str, Any]:
    """The path with the tag's operations and what all its operations share; empty if the tag has none."""
    others = {method for method in METHODS if method in item and tag not in item[method]["tags"]}
    found = {name: value for name, value in item.items() if name not in others}
    return found if any(method in found for method in METHODS) else {}


def _remove_links_out_of(part: dict[str, Any]) -> None:
    responses = [operation["responses"] for *_, operation in operations(part)]
    ids = {operation["operationId"] for *_, operation in operations(part)}
    for response in (each for found in responses for each in found.values() if "links" in each):
        response["links"] = {name: link for name, link in response["links"].items() if link["operationId"] in ids}


def _collect(part: Any, known: Mapping[str, Any], found: dict[str, dict[str, Any]]) -> None:
    """Adds all components that a part references, directly or indirectly."""
    if isinstance(part, dict):
        reference = part.get("$ref")
        if isinstance(reference, str):
            _, _, kind, name = reference.split("/")
            if name not in found.setdefault(kind, {}):
                found[kind][name] = known[kind][name]
                _collect(known[kind][name], known, found)
        for inner in part.values():
            _collect(inner, known, found)
    elif isinstance(part, list):
        for inner in part:
            _collect(inner, known, found)
