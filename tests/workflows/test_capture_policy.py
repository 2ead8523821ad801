"""When payments are captured: `SHOP_CAPTURE`."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from local.waiting import wait_until
from tests.shop import Shop


def test_a_payment_is_captured_on_confirmation_if_the_policy_says_so(
    seeds: Any, tmp_path: Path, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    with ExitStack() as exits:
        shop = Shop(tmp_path, exits, SHOP_CAPTURE="on_confirmation")
        shop.worker(concurrency=2)
        shop.dispatcher()
        placed = order(customer, {product("SHIRT", 10): 2}).json
        assert placed["status"] == "confirmed", placed
        url = f"/v1/payments/{placed['payment_id']}"
        assert wait_until(lambda: customer.get(url).json["status"] == "captured", 20, 0.1)
        assert [held["amount_received"] for held in shop.ledger()] == [3998]
