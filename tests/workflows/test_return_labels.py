"""Labels with which customers send goods back, by real workers and the sandbox carrier."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from local.waiting import wait_until
from settings import Settings
from tasks.gateways.carriers import CARRIERS
from tasks.gateways.carriers.easypost import EasyPost
from tests.carrying import SIGNATURE, WAIT, eventually, move, post, ship, strike, webhooks
from tests.conftest import ADDRESS
from tests.servers import Receiver
from tests.shop import Shop


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    found = Receiver(signature=SIGNATURE)
    yield found
    found.close()


@pytest.fixture(scope="module")
def shop(seeds: Any, tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Shop]:
    with ExitStack() as exits:
        shop = Shop(tmp_path_factory.mktemp("shop"), exits, SHOP_PUBLIC_URL="https://shop.example")
        shop.open_carrier(receiver.url)
        shop.worker(concurrency=2)
        shop.dispatcher()
        yield shop


@pytest.fixture(autouse=True)
def carrier(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API asks the same carrier as the workers."""
    monkeypatch.setitem(CARRIERS, "easypost", EasyPost(Settings(carrier_port=shop.carrier.ports["http"])))


@pytest.fixture
def packer(sign_in: Callable[..., Any]) -> Any:
    return sign_in("packer", "warehouse")


@pytest.fixture
def shirt(product: Callable[..., str]) -> str:
    return product("SHIRT", 10)


@pytest.fixture
def asked(
    shop: Shop, packer: Any, customer: Any, shirt: str, order: Callable[..., Any]
) -> Callable[[], tuple[str, dict[str, Any]]]:
    """Requests a return of a delivered shirt; returns its URL and the order."""

    def request(city: str = "London") -> tuple[str, dict[str, Any]]:
        customer.post("/v1/cart/items", json={"product_id": shirt, "quantity": 1})
        body = {"address": {**ADDRESS, "city": city}, "payment": {"method": "pm_card_visa"}}
        headers = {"Idempotency-Key": f"in {city}", "Prefer": "wait=20"}
        placed = customer.post("/v1/checkout", json=body, headers=headers).json
        parcel = ship(packer, placed, tracking_number="1Z999").json
        assert packer.post(f"/v1/fulfilments/{parcel['id']}/delivered").status_code == 200
        goods = {"lines": [{"product_id": shirt, "quantity": 1}], "reason": "Too small"}
        made = customer.post(f"/v1/orders/{placed['id']}/returns", json=goods).json
        return f"/v1/returns/{made['return_id']}", placed

    return request


def labels_of(shop: Shop, url: str) -> list[dict[str, Any]]:
    return [made for made in shop.shipments() if made["reference"] == url.rpartition("/")[2]]


def mail_of(shop: Shop, subject: str) -> str:
    """The page of the mail with this subject, once it has arrived."""
    found: list[str] = []

    def has_arrived() -> bool:
        found[:] = [mail["id"] for mail in shop.mails() if mail["subject"] == subject]
        return bool(found)

    assert wait_until(has_arrived, 20, 0.1), [mail["subject"] for mail in shop.mails()]
    return requests.get(f"{shop.mailbox.url}/messages/{found[0]}", timeout=30).text


def test_an_approved_return_has_a_label_and_is_in_transit_once_it_was_sent(
    shop: Shop, client: Any, receiver: Receiver, packer: Any, customer: Any, sign_in: Any, asked: Any, shirt: str
) -> None:
    url, placed = asked()
    assert customer.get(f"{url}/label").status_code == 404
    assert packer.post(f"{url}/approve").status_code == 202
    page = mail_of(shop, f"Your return for order {placed['number']} was approved")
    seen = customer.get(url).json
    (bought,) = labels_of(shop, url)
    assert (seen["status"], seen["tracking_number"]) == ("approved", bought["tracking_code"])
    assert bought["to"] == "Shopflow, Berlin"  # from the customer to the shop
    assert f"https://shop.example/returns/{url.rpartition('/')[2]}/label" in page
    assert seen["tracking_number"] in page
    for caller in (customer, packer):
        printed = caller.get(seen["label_url"])
        assert (printed.status_code, printed.data[:4]) == (200, b"%PDF")
    assert sign_in("other").get(seen["label_url"]).status_code == 404
    for status in ("in_transit", "delivered"):
        move(shop.carrier, seen["tracking_number"], status)
    for event in reversed(webhooks(receiver, seen["tracking_number"], 3)):
        assert post(client, event).status_code == 204
    assert customer.get(url).json["status"] == "in_transit"
    goods = {"lines": [{"product_id": shirt, "quantity": 1, "condition": "resellable"}]}
    assert packer.post(f"{url}/receive", json=goods, headers=WAIT).json["status"] == "refunded"
    assert [one["refund_status"] for one in labels_of(shop, url)] == [None]


@pytest.mark.parametrize("point", ["after-call", "before-commit"])
def test_a_killed_worker_buys_one_return_label(shop: Shop, packer: Any, customer: Any, asked: Any, point: str) -> None:
    url, _ = asked()
    shop.armed.write_text(f"{point}@returns.buy_label")
    assert packer.post(f"{url}/approve").status_code == 202
    assert shop.struck()
    eventually(lambda: customer.get(url).json["label_url"], f"{url}/label")
    assert len(labels_of(shop, url)) == 1


def test_a_return_waits_for_a_carrier_that_does_not_answer(shop: Shop, packer: Any, customer: Any, asked: Any) -> None:
    url, _ = asked()
    strike(shop, kind="500_after", method="POST", times=2)
    assert packer.post(f"{url}/approve").status_code == 202
    eventually(lambda: customer.get(url).json["label_url"], f"{url}/label")
    assert len(labels_of(shop, url)) == 1


def test_a_return_that_the_carrier_does_not_fetch_is_approved_without_a_label(
    shop: Shop, packer: Any, customer: Any, asked: Any
) -> None:
    url, placed = asked("Nowhere")
    packer.post(f"{url}/approve")
    page = mail_of(shop, f"Your return for order {placed['number']} was approved")
    seen = customer.get(url).json
    assert (seen["status"], seen["label_url"]) == ("approved", None)
    assert "Unable to verify address" in seen["label_error"]
    assert "Print the label" not in page
