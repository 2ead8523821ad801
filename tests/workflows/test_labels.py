"""Parcels with a label, by real workers and the sandbox carrier: bought once, refunded if it is not used."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from local.waiting import wait_until
from settings import Settings
from tasks.gateways.carriers import CARRIERS
from tasks.gateways.carriers.easypost import EasyPost
from tests.carrying import eventually, ship, strike
from tests.conftest import ADDRESS
from tests.faults import checks
from tests.models.auditing import check, ledger
from tests.shop import Shop


@pytest.fixture(scope="module")
def shop(seeds: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop with a carrier. Nobody receives its webhooks."""
    with ExitStack() as exits:
        shop = Shop(tmp_path_factory.mktemp("shop"), exits)
        shop.open_carrier()
        shop.worker(concurrency=2)
        shop.dispatcher()
        yield shop


@pytest.fixture(autouse=True)
def carrier(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The API asks the same carrier as the workers."""
    monkeypatch.setitem(CARRIERS, "easypost", EasyPost(Settings(carrier_port=shop.carrier.ports["http"])))
    yield
    requests.delete(f"{shop.carrier.url}/sandbox/faults", timeout=30).raise_for_status()


@pytest.fixture
def packer(sign_in: Callable[..., Any]) -> Any:
    return sign_in("packer", "warehouse")


@pytest.fixture
def placed(shop: Shop, customer: Any, product: Callable[..., str], order: Callable[..., Any]) -> dict[str, Any]:
    found: dict[str, Any] = order(customer, {product("SHIRT", 10): 2}).json
    assert found["status"] == "confirmed", found
    return found


def labels_of(shop: Shop, parcel_id: str) -> list[dict[str, Any]]:
    return [made for made in shop.shipments() if made["reference"] == parcel_id]


def unused_labels_are_refunded() -> bool:
    return check(ledger())["a refund is requested for every unused label"].ok


def test_a_parcel_gets_the_cheapest_label_and_leaves(shop: Shop, packer: Any, customer: Any, placed: Any) -> None:
    rates = packer.get(f"/v1/shipping-rates?order_id={placed['id']}").json
    prices = [rate["price"]["amount"] for rate in rates["data"]]
    assert prices == sorted(prices)
    shipped = ship(packer, placed)
    assert (shipped.status_code, shipped.json["status"]) == (200, "shipped"), shipped.json
    parcel = shipped.json
    (bought,) = labels_of(shop, parcel["id"])
    assert (parcel["tracking_number"], parcel["label_cost"]) == (bought["tracking_code"], rates["data"][0]["price"])
    assert (parcel["carrier"], parcel["service"]) == ("Marathon", "Economy")
    assert parcel["tracking_url"].startswith("https://")
    printed = packer.get(parcel["label_url"])
    assert (printed.status_code, printed.mimetype, printed.data[:4]) == (200, "application/pdf", b"%PDF")
    assert customer.get(parcel["label_url"]).status_code == 403
    seen = customer.get(f"/v1/fulfilments/{parcel['id']}").json
    assert (seen["tracking_number"], seen["label_url"]) == (parcel["tracking_number"], None)
    subject = f"A parcel of order {placed['number']} is on its way"
    (mail,) = [mail for mail in shop.mails() if mail["subject"] == subject]
    page = requests.get(f"{shop.mailbox.url}/messages/{mail['id']}", timeout=30).text
    assert parcel["tracking_url"] in page


def test_a_service_can_be_chosen(shop: Shop, packer: Any, placed: Any) -> None:
    parcel = ship(packer, placed, carrier="Albatross", service="Express").json
    assert (parcel["carrier"], parcel["service"], parcel["label_cost"]["amount"]) == ("Albatross", "Express", 2860)


def test_a_parcel_that_the_carrier_refuses_is_cancelled(shop: Shop, packer: Any, customer: Any, placed: Any) -> None:
    refused = ship(packer, placed, carrier="Albatross", service="Teleport")
    assert (refused.status_code, refused.json["code"]) == (409, "carrier_refused"), refused.json
    assert refused.json["carrier_code"] == "no_rates"
    assert "Albatross Standard" in refused.json["detail"]
    (parcel,) = customer.get(f"/v1/orders/{placed['id']}/fulfilments").json["data"]
    assert (parcel["status"], labels_of(shop, parcel["id"])) == ("cancelled", [])
    seen = customer.get(f"/v1/orders/{placed['id']}").json
    assert (seen["status"], seen["payment_status"]) == ("confirmed", "authorised")
    subject = f"A parcel of order {placed['number']} could not be shipped"
    assert wait_until(lambda: any(subject == mail["subject"] for mail in shop.mails()), 20, 0.1)
    assert ship(packer, placed).json["status"] == "shipped"


def test_an_address_that_the_carrier_does_not_know_is_reported(
    shop: Shop, packer: Any, customer: Any, product: Callable[..., str]
) -> None:
    customer.post("/v1/cart/items", json={"product_id": product("HAT", 3), "quantity": 1})
    body = {"address": {**ADDRESS, "city": "Nowhere"}, "payment": {"method": "pm_card_visa"}}
    placed = customer.post("/v1/checkout", json=body, headers={"Idempotency-Key": "n", "Prefer": "wait=20"}).json
    refused = ship(packer, placed)
    assert (refused.json["code"], refused.json["carrier_code"]) == ("carrier_refused", "ADDRESS.VERIFY.FAILURE")


def test_the_label_of_a_parcel_whose_payment_is_refused_is_refunded(
    shop: Shop, packer: Any, customer: Any, placed: Any
) -> None:
    reference = customer.get(f"/v1/payments/{placed['payment_id']}").json["reference"]
    requests.post(f"{shop.gateway.url}/sandbox/payment_intents/{reference}/lapse", timeout=30).raise_for_status()
    assert ship(packer, placed).json["code"] == "payment_refused"
    (parcel,) = packer.get(f"/v1/orders/{placed['id']}/fulfilments").json["data"]
    assert (parcel["status"], parcel["label_refund"], parcel["label_url"]) == ("cancelled", "submitted", None)
    eventually(lambda: [made["refund_status"] for made in labels_of(shop, parcel["id"])], ["refunded"])
    assert packer.get(f"/v1/fulfilments/{parcel['id']}/label").status_code == 404
    assert unused_labels_are_refunded()


@pytest.mark.parametrize("point", ["after-call", "before-commit", "after-commit"])
def test_a_killed_worker_does_not_buy_a_second_label(shop: Shop, packer: Any, placed: Any, point: str) -> None:
    shop.armed.write_text(f"{point}@fulfilment.buy_label")
    parcel = ship(packer, placed).json
    assert shop.struck()
    assert parcel["status"] == "shipped"
    assert [made["tracking_code"] for made in labels_of(shop, parcel["id"])] == [parcel["tracking_number"]]


@pytest.mark.parametrize("path", ["/v2/shipments", "/v2/shipments/"], ids=["opened", "bought"])
@pytest.mark.parametrize("kind", ["500", "500_after", "429", "cut", "late"])
def test_a_carrier_that_fails_sells_one_label(shop: Shop, packer: Any, placed: Any, kind: str, path: str) -> None:
    strike(shop, kind=kind, path=path, method="POST", seconds=4)
    parcel = ship(packer, placed)
    assert parcel.json["status"] == "shipped", parcel.json
    assert len(labels_of(shop, parcel.json["id"])) == 1


def test_a_parcel_is_cancelled_while_its_label_is_bought(shop: Shop, packer: Any, customer: Any, placed: Any) -> None:
    strike(shop, kind="late", path="/v2/shipments/", method="POST", seconds=2)
    accepted = packer.post(f"/v1/orders/{placed['id']}/fulfilments", json={}).json
    assert wait_until(lambda: labels_of(shop, accepted["fulfilment_id"]) != [], 20, 0.01)
    cancelled = packer.post(f"/v1/fulfilments/{accepted['fulfilment_id']}/cancel")
    assert cancelled.status_code == 202, cancelled.json
    assert checks.ended(accepted["task_id"]) == "cancelled"
    parcel = packer.get(f"/v1/fulfilments/{accepted['fulfilment_id']}").json
    (bought,) = labels_of(shop, parcel["id"])
    assert (parcel["status"], parcel["label_refund"]) == ("cancelled", "submitted")
    assert parcel["tracking_number"] == bought["tracking_code"]
    assert customer.get(f"/v1/orders/{placed['id']}").json["status"] == "confirmed"
    assert unused_labels_are_refunded()
    again = packer.post(f"/v1/fulfilments/{parcel['id']}/cancel")
    assert (again.status_code, again.json["code"]) == (409, "run_over")


def test_without_a_carrier_a_parcel_needs_a_tracking_number(
    shop: Shop, packer: Any, placed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.fulfilment.labels.settings", Settings(carrier_api_key=""))
    for answer in (ship(packer, placed), packer.get(f"/v1/shipping-rates?order_id={placed['id']}")):
        assert (answer.status_code, answer.json["code"]) == (409, "no_carrier")
    real = Settings(carrier_api_base="https://api.easypost.com/v2")
    monkeypatch.setattr("models.fulfilment.labels.settings", real)
    assert ship(packer, placed).json["code"] == "no_sender_address"
    assert packer.get(f"/v1/orders/{placed['id']}/fulfilments").json["data"] == []
    shipped = ship(packer, placed, tracking_number="1Z999").json
    assert (shipped["status"], shipped["label_url"], shipped["label_cost"]) == ("shipped", None, None)


def test_rates_are_for_what_is_left(shop: Shop, packer: Any, placed: Any) -> None:
    assert ship(packer, placed).json["status"] == "shipped"
    answer = packer.get(f"/v1/shipping-rates?order_id={placed['id']}")
    assert (answer.status_code, answer.json["code"]) == (409, "nothing_to_ship")


def test_the_desk_shows_prices_buys_one_and_prints_the_label(shop: Shop, placed: Any, sign_in: Any) -> None:
    from models.accounts import OpenedSession
    from web import access
    from web.app import create_app

    made, app = sign_in("packer", "warehouse"), create_app()
    desk = app.test_client()
    with app.test_request_context():
        response = app.make_response("")
        access.sign_in(response, OpenedSession(made.user_id, made.session_id, ""))
    name, _, value = response.headers["Set-Cookie"].partition(";")[0].partition("=")
    desk.set_cookie(name, value)
    path = f"/desk/orders/{placed['id']}"
    page = desk.get(f"{path}?rates=1").text
    [form] = re.findall(rf'<form[^>]*action="{path}/ship"[^>]*>(.*?)</form>', page, re.DOTALL)
    assert "Albatross, Express · <strong>€28.60</strong>" in form
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    shipped = desk.post(f"{path}/ship", data={**hidden, "rate": "Albatross|Express"})
    assert shipped.status_code == 303, shipped.text
    assert wait_until(lambda: "Print the label" in desk.get(path).text, 30)
    [label] = re.findall(r"/desk/parcels/ful_\w{32}/label\.pdf", desk.get(path).text)
    found = desk.get(label)
    assert (found.mimetype, found.data[:5]) == ("application/pdf", b"%PDF-")
