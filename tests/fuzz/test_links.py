"""Links of the OpenAPI document lead from what was created to where it is read."""

import json
from collections.abc import Callable
from typing import Any

from api.app import create_app
from api.docs.examples import EXAMPLE_ID, Examples
from tests.conftest import Caller
from tests.shopping import make_product

DOCUMENT = json.loads(create_app().extensions["openapi"]())
PATHS = {
    operation["operationId"]: path for path, item in DOCUMENT["paths"].items() for operation in item.values()
    if isinstance(operation, dict)
}  # fmt: skip


def test_responses_link_to_what_they_name() -> None:
    links = DOCUMENT["paths"]["/v1/checkout"]["post"]["responses"]["202"]["links"]
    assert links["get_task"]["parameters"] == {"run_id": "$response.body#/task_id"}
    assert links["get_order"]["parameters"] == {"order_id": "$response.body#/order_id"}
    created = DOCUMENT["paths"]["/v1/warehouses"]["post"]["responses"]["201"]["links"]
    assert created["get_warehouse"]["parameters"] == {"warehouse_id": "$response.body#/id"}


def body_of(operation: dict[str, Any], thing: str) -> Any:
    """The example of the document, with a product that exists."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return None
    made = json.dumps(
        content.get("example") or Examples(DOCUMENT["components"]["schemas"]).of(content["schema"], whole=False)
    )
    return json.loads(made.replace(f"prd_{EXAMPLE_ID}", thing))


def test_what_an_example_creates_is_read_by_its_links(sign_in: Callable[..., Caller], database: None) -> None:
    caller, thing = sign_in("admin", "admin"), make_product("THING", 5)
    followed = set()
    for path, item in DOCUMENT["paths"].items():
        if "post" not in item or "{" in path or path.startswith("/v1/auth/"):  # one of those signs out
            continue
        answer = caller.post(path, json=body_of(item["post"], thing), headers={"Idempotency-Key": path})
        described = item["post"]["responses"].get(str(answer.status_code), {})
        for name, link in described.get("links", {}).items():
            [(parameter, source)] = link["parameters"].items()
            value = answer.json[source.removeprefix("$response.body#/")]
            if value is not None:
                read = caller.get(PATHS[name].replace(f"{{{parameter}}}", value))
                assert read.status_code == 200, f"{path} → {name}: {read.text}"
                followed.add(name)
    assert len(followed) >= 8, followed
