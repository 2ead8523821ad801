"""What the carrier is asked when a deadline is over: of a parcel whose webhook was missed, of a label nobody used."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from models.core.database import transaction
from tests.carrying import eventually, move, ship
from tests.models.auditing import broken, ledger
from tests.shop import Shop

SECONDS = 1 / 86_400


@pytest.fixture(scope="module")
def shop(seeds: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop whose deadlines end after seconds. Nobody receives the carrier's webhooks."""
    days = str(3 * SECONDS)
    with ExitStack() as exits:
        var = tmp_path_factory.mktemp("shop")
        shop = Shop(var, exits, SHOP_DELIVERY_DAYS=days, SHOP_RETURN_SEND_DAYS=days)
        shop.open_carrier()
        shop.worker(concurrency=2)
        shop.dispatcher()
        yield shop


@pytest.fixture
def packer(sign_in: Callable[..., Any]) -> Any:
    return sign_in("packer", "warehouse")


@pytest.fixture
def parcel(
    shop: Shop, packer: Any, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> dict[str, Any]:
    """A parcel that has left, with a label."""
    found: dict[str, Any] = ship(packer, order(customer, {product("SHIRT", 10): 1}).json).json
    assert found["status"] == "shipped", found
    return found


def status_of(caller: Any, parcel: dict[str, Any]) -> str:
    return str(caller.get(f"/v1/fulfilments/{parcel['id']}").json["status"])


def test_a_delivery_whose_webhook_was_missed_is_found(shop: Shop, customer: Any, parcel: dict[str, Any]) -> None:
    move(shop.carrier, parcel["tracking_number"], "delivered")
    eventually(lambda: status_of(customer, parcel), "delivered")
    assert customer.get(f"/v1/orders/{parcel['order_id']}").json["status"] == "delivered"


def test_a_parcel_that_the_carrier_did_not_deliver_is_lost(shop: Shop, customer: Any, parcel: dict[str, Any]) -> None:
    move(shop.carrier, parcel["tracking_number"], "in_transit")
    eventually(lambda: status_of(customer, parcel), "lost")
    events = [event["status"] for event in customer.get(f"/v1/fulfilments/{parcel['id']}").json["events"]]
    assert sorted(events) == ["in_transit", "lost", "shipped"]


def test_the_label_of_a_return_that_is_never_sent_is_refunded(
    shop: Shop, packer: Any, customer: Any, parcel: dict[str, Any]
) -> None:
    assert packer.post(f"/v1/fulfilments/{parcel['id']}/delivered").status_code == 200
    body = {"lines": [{"product_id": parcel["lines"][0]["product_id"], "quantity": 1}], "reason": "Torn"}
    asked = customer.post(f"/v1/orders/{parcel['order_id']}/returns", json=body).json
    url = f"/v1/returns/{asked['return_id']}"
    assert packer.post(f"{url}/approve").status_code == 202
    eventually(lambda: customer.get(url).json["status"], "closed")
    made = [made for made in shop.shipments() if made["reference"] == asked["return_id"]]
    assert [(one["refund_status"] is not None, one["status"]) for one in made] == [(True, "unknown")]
    seen = customer.get(url).json
    assert (seen["tracking_number"], seen["label_url"]) == (made[0]["tracking_code"], None)
    assert customer.get(f"{url}/label").status_code == 404
    rule = "a refund is requested for every unused label"
    assert rule not in broken(ledger())
    with transaction() as session:
        session.connection().exec_driver_sql("UPDATE returns.return SET label_refund = NULL")
    assert broken(ledger())[rule] == [asked["return_id"]]
