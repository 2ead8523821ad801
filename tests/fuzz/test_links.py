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
READERS = {name for name, path in PATHS.items() if name.startswith("get_") and path.endswith("}")}


def test_responses_link_to_what_they_name() -> None:
    links = DOCUMENT["paths"]["/v1/checkout"]["post"]["responses"]["202"]["links"]
    assert links["get_task"]["parameters"] == {"run_id": "$response.body#/task_id"}
    assert links["get_order"]["parameters"] == {"order_id": "$response.body#/order_id"}
    created = DOCUMENT["paths"]["/v1/warehouses"]["post"]["responses"]["201"]["links"]
    assert created["get_warehouse"]["parameters"] == {"warehouse_id": "$response.body#/id"}
    in_cart = DOCUMENT["paths"]["/v1/cart/items"]["post"]["responses"]["201"]["links"]
    assert in_cart == {"place_order": {"operationId": "place_order"}}


def test_a_resource_links_to_every_operation_on_it() -> None:
    created = DOCUMENT["paths"]["/v1/webhooks/endpoints"]["post"]["responses"]["201"]["links"]
    assert set(created) == {
        "get_webhook_endpoint", "update_webhook_endpoint", "delete_webhook_endpoint", "rotate_webhook_secret",
        "redeliver_events", "list_webhook_endpoint_deliveries",
    }  # fmt: skip
    assert {link["parameters"]["endpoint_id"] for link in created.values()} == {"$response.body#/id"}
    read = DOCUMENT["paths"]["/v1/orders/{order_id}"]["get"]["responses"]["200"]["links"]
    assert read["cancel_order"]["parameters"] == {"order_id": "$response.body#/id"}
    role = DOCUMENT["paths"]["/v1/roles"]["post"]["responses"]["201"]["links"]
    assert set(role) == {"get_role", "replace_role", "delete_role"}
    assert "get_order" not in read, "not to itself"


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
            if name not in READERS:
                continue
            [(parameter, source)] = link["parameters"].items()
            value = answer.json[source.removeprefix("$response.body#/")]
            if value is not None:
                read = caller.get(PATHS[name].replace(f"{{{parameter}}}", value))
                assert read.status_code == 200, f"{path} → {name}: {read.text}"
                followed.add(name)
    assert len(followed) >= 8, followed
