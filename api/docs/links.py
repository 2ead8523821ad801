"""Links of the OpenAPI document: where a response leads (OpenAPI 3.1, section 4.8.20)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from api.docs.examples import Examples

NEXT = {"add_cart_item": "place_order"}
"""Operation → the one that follows it and needs no id."""


@dataclass(frozen=True)
class Target:
    """An operation on one resource: `path` has one parameter, which is the id of the resource."""

    operation: str
    method: str
    path: str
    parameter: str
    pattern: str

    @property
    def reads(self) -> bool:
        """Whether the operation returns the resource itself."""
        return self.method == "get" and self.path.endswith(f"/{{{self.parameter}}}")

    def link(self, member: str) -> dict[str, Any]:
        """The link from a response that contains the id in this member."""
        return {"operationId": self.operation, "parameters": {self.parameter: f"$response.body#/{member}"}}


def add_links(document: dict[str, Any], examples: Examples) -> None:
    """Adds, in place, the links of each response that represents a resource, or names one.

    A resource that is created or read links to every operation on it. A 201 or 202 also links to what it names by an
    id, such as the task.
    """
    targets = list(_targets(document["paths"]))
    for path, item in document["paths"].items():
        for method, status in (("post", "201"), ("post", "202"), ("get", "200")):
            answer = item.get(method, {}).get("responses", {}).get(status, {})
            schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
            members = examples.resolved(schema).get("properties", {})
            links = {
                target.operation: target.link(member)
                for member, described in members.items()
                for target in targets
                if _is_own(member, described, path, target) or (method == "post" and _is_named(member, target))
            }
            operation = item.get(method, {}).get("operationId")
            if operation in NEXT:
                links[NEXT[operation]] = {"operationId": NEXT[operation]}
            links.pop(operation, None)
            if links:
                answer["links"] = links


def _targets(paths: Mapping[str, Any]) -> Iterator[Target]:
    for path, item in paths.items():
        if path.count("{") == 1:
            [parameter] = [found for found in item["parameters"] if found["in"] == "path"]
            pattern = parameter["schema"].get("pattern", "")
            for method, operation in item.items():
                if method != "parameters":
                    yield Target(operation["operationId"], method, path, parameter["name"], pattern)


def _is_own(member: str, described: Mapping[str, Any], path: str, target: Target) -> bool:
    """Whether this member of a response of `path` is the id by which the target takes the same resource."""
    if target.path == f"{path}/{{{member}}}":  # POST /v1/roles and GET /v1/roles/{name}
        return True
    return member == "id" and described.get("pattern") == target.pattern


def _is_named(member: str, target: Target) -> bool:
    """Whether this member names another resource, which the target reads."""
    name = "task_id" if target.parameter == "run_id" else target.parameter
    return target.reads and member == name and name.endswith("_id")
