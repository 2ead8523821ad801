"""Links of the OpenAPI document: where the response to a POST leads (OpenAPI 3.1, section 4.8.20)."""

import re
from collections.abc import Mapping
from typing import Any

from api.docs.examples import Examples


def add_links(document: dict[str, Any], examples: Examples) -> None:
    """Adds, in place, a link to each resource that a 201 or 202 names by its id, such as the task."""
    readers = _readers(document["paths"])
    for path, item in document["paths"].items():
        for status in ("201", "202"):
            answer = item.get("post", {}).get("responses", {}).get(status, {})
            schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
            links = {
                operation: {"operationId": operation, "parameters": {parameter: f"$response.body#/{name}"}}
                for name in examples.resolved(schema).get("properties", {})
                for key in [f"{path}/" if name == "id" else name]
                for operation, parameter in readers.get(key, ())
            }
            if links:
                answer["links"] = links


def _readers(paths: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """Operations that read a resource by one id, with the name of its parameter.

    By the member that names such a resource elsewhere, `order_id`, and by the path under which it is created.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for path, item in paths.items():
        named = re.fullmatch(r"([^{}]*/)\{(\w+_id)\}", path)
        if "get" in item and named:
            reader = item["get"]["operationId"], named[2]
            found.setdefault("task_id" if named[2] == "run_id" else named[2], []).append(reader)
            found.setdefault(named[1], []).append(reader)
    return found
