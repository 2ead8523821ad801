"""One checkout over HTTP."""

from typing import Any

import requests

from tests.conftest import ADDRESS
from tests.shopping import fill_cart, make_product


def check_out(api: str, caller: Any, method: str = "pm_card_visa", **headers: str) -> dict[str, Any]:
    """Buys one unit of a new product and waits for the end of the run; returns the task."""
    fill_cart(caller, {make_product(f"SKU-{caller.username}".upper(), 3): 1})
    answer = requests.post(
        f"{api}/v1/checkout",
        json={"address": ADDRESS, "payment": {"method": method}},
        headers={**caller.headers, "Idempotency-Key": f"buy-{caller.username}", **headers},
        timeout=30,
    )
    assert answer.status_code in (201, 202), answer.text
    task_id = answer.json().get("task_id") or answer.json()["id"]
    task: dict[str, Any] = requests.get(
        f"{api}/v1/tasks/{task_id}", params={"wait": 20}, headers=caller.headers, timeout=30
    ).json()
    return task
