"""One checkout over HTTP."""

from typing import Any

import requests

from tests.conftest import ADDRESS
from tests.shopping import fill_cart, make_product


def place(api: str, caller: Any, payment: dict[str, str], **headers: str) -> requests.Response:
    """Buys one unit of a new product."""
    fill_cart(caller, {make_product(f"SKU-{caller.username}".upper(), 3): 1})
    return requests.post(
        f"{api}/v1/checkout",
        json={"address": ADDRESS, "payment": payment},
        headers={**caller.headers, "Idempotency-Key": f"buy-{caller.username}", **headers},
        timeout=30,
    )


def check_out(api: str, caller: Any, method: str = "pm_card_visa", **headers: str) -> dict[str, Any]:
    """Buys one unit of a new product and waits for the end of the run; returns the task."""
    answer = place(api, caller, {"method": method}, **headers)
    assert answer.status_code in (201, 202), answer.text
    task: dict[str, Any] = requests.get(
        f"{api}/v1/tasks/{answer.json()['task_id']}", params={"wait": 20}, headers=caller.headers, timeout=30
    ).json()
    return task
