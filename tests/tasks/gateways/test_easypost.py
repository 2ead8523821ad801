"""EasyPost's adapter against the real sandbox carrier, by the official SDK."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import requests

from local.waiting import wait_until
from models.core.errors import BadRequest, BadSignature, CarrierDown, CarrierRefused, Conflict
from sandbox.carrier.webhooks import signature
from settings import Settings
from tasks.gateways.carriers.carrier import Address, Parcel, Rate, TrackerUpdate
from tasks.gateways.carriers.easypost import EasyPost
from tests.servers import Receiver, Server, unresponsive_port

SECRET = "sécret-" + "ﬁ" * 16
HOME = Address("The Shop", "1 Quay", "Berlin", "DE", postal_code="10115")
ADA = Address("Ada", "12 St James Square", "London", "GB", line2="Flat 2", postal_code="SW1Y 4LB")
BOOK = Parcel(HOME, ADA, 700, (300, 200, 50))


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    found = Receiver(signature="X-Hmac-Signature")
    yield found
    found.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Server]:
    options = ("--webhook-url", receiver.url, "--refund-after", "0.5")
    folder = tmp_path_factory.mktemp("carrier")
    started = Server("sandbox.carrier", folder, *options, SHOP_CARRIER_WEBHOOK_SECRET=SECRET)
    yield started
    assert started.stop() == 0


@pytest.fixture
def sandbox(server: Server) -> Iterator[Server]:
    yield server
    requests.delete(server.url + "/sandbox/faults", timeout=30).raise_for_status()


@pytest.fixture
def carrier(sandbox: Server) -> EasyPost:
    return easypost_at(sandbox.ports["http"])


def easypost_at(port: int, timeout: float = 2.0) -> EasyPost:
    return EasyPost(Settings(carrier_port=port, carrier_timeout=timeout, carrier_webhook_secret=SECRET))


def fault(server: Server, **fault: Any) -> None:
    requests.post(server.url + "/sandbox/faults", json=fault, timeout=30).raise_for_status()


def move(server: Server, code: str, status: str) -> None:
    path = f"{server.url}/sandbox/parcels/{code}/move"
    requests.post(path, json={"status": status}, timeout=30).raise_for_status()


def new_reference() -> str:
    return f"shp_{uuid4().hex}"


def test_opened_bought_and_printed(carrier: EasyPost) -> None:
    reference = new_reference()
    shipment, rates = carrier.open_shipment(BOOK, reference)
    assert Rate("Albatross", "Standard", 978, "EUR", 3) in rates
    label = carrier.buy(shipment, ("Albatross", "Standard"))
    assert (label.carrier, label.service, label.amount, label.currency) == ("Albatross", "Standard", 978, "EUR")
    assert label.tracking_number.startswith("AB")
    assert label.tracking_url
    assert carrier.label_pdf(shipment).startswith(b"%PDF")
    assert [made.label for made in carrier.find_shipments(reference)] == [label]


def test_a_return_is_sent_by_the_recipient(carrier: EasyPost, sandbox: Server) -> None:
    reference = new_reference()
    shipment, _ = carrier.open_shipment(replace(BOOK, is_return=True), reference)
    carrier.buy(shipment)
    parcels = requests.get(f"{sandbox.url}/sandbox/parcels", timeout=30).json()
    assert [made["to"] for made in parcels if made["reference"] == reference] == ["The Shop, Berlin"]


def test_a_shipment_is_bought_once_and_at_the_cheapest_rate_if_none_is_named(carrier: EasyPost) -> None:
    shipment, rates = carrier.open_shipment(BOOK, new_reference())
    first = carrier.buy(shipment)
    assert first.amount == min(rate.amount for rate in rates)
    assert carrier.buy(shipment, ("Albatross", "Express")) == first


def test_bought_meanwhile_is_the_label(carrier: EasyPost, monkeypatch: pytest.MonkeyPatch) -> None:
    shipment, _ = carrier.open_shipment(BOOK, new_reference())
    open_still = carrier._retrieve(shipment)
    label = carrier.buy(shipment)
    answers = [open_still, carrier._retrieve(shipment)]
    monkeypatch.setattr(carrier, "_retrieve", lambda _: answers.pop(0))
    assert carrier.buy(shipment) == label
    assert answers == []


@pytest.mark.parametrize(
    ("parcel", "code"),
    [
        (Parcel(HOME, Address("Ada", "1 Way", "Nowhere", "GB"), 700), "ADDRESS.VERIFY.FAILURE"),
        (Parcel(HOME, Address("Ada", "1 Way", "London", "England"), 700), "PARAMETER.INVALID"),
        (Parcel(HOME, Address("Amundsen", "South Pole", "Pole", "AQ"), 700), "no_rates"),
        (Parcel(HOME, ADA, 40_000), "no_rates"),
    ],
)
def test_what_nobody_carries_is_refused(carrier: EasyPost, parcel: Parcel, code: str) -> None:
    with pytest.raises(CarrierRefused) as caught:
        carrier.open_shipment(parcel, new_reference())
    assert (caught.value.code, caught.value.extra["carrier_code"]) == ("carrier_refused", code)
    assert caught.value.detail


def test_a_service_that_the_shipment_does_not_have_is_refused(carrier: EasyPost) -> None:
    shipment, _ = carrier.open_shipment(BOOK, new_reference())
    with pytest.raises(CarrierRefused, match="Albatross Ground"):
        carrier.buy(shipment, ("Albatross", "Ground"))
    with pytest.raises(Conflict):
        carrier.label_pdf(shipment)


@pytest.mark.parametrize(
    ("kind", "made"), [("late", 1), ("cut", 1), ("500_after", 1), ("500", 0), ("429", 0)]
)  # fmt: skip
def test_after_each_fault_the_shipment_is_found_if_it_was_opened(
    sandbox: Server, carrier: EasyPost, kind: str, made: int
) -> None:
    reference, before = new_reference(), datetime.now(UTC) - timedelta(minutes=1)
    fault(sandbox, kind=kind, seconds=4)
    with pytest.raises(CarrierDown):
        carrier.open_shipment(BOOK, reference)
    found = carrier.find_shipments(reference, since=before)
    assert [(len(shipment.rates), shipment.label) for shipment in found] == [(5, None)] * made


@pytest.mark.parametrize("kind", ["late", "cut", "500_after", "500", "429"])
def test_after_each_fault_a_repeated_buy_gives_the_one_label(sandbox: Server, carrier: EasyPost, kind: str) -> None:
    reference = new_reference()
    shipment, _ = carrier.open_shipment(BOOK, reference)
    fault(sandbox, kind=kind, seconds=4, path=f"/v2/shipments/{shipment}/buy")
    with pytest.raises(CarrierDown):
        carrier.buy(shipment)
    label = carrier.buy(shipment)
    codes = [parcel["tracking_code"] for parcel in requests.get(f"{sandbox.url}/sandbox/parcels", timeout=30).json()
             if parcel["reference"] == reference]  # fmt: skip
    assert codes == [label.tracking_number]


def test_every_shipment_of_a_reference_is_found_on_every_page(
    carrier: EasyPost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.gateways.carriers.easypost.PAGE", 2)
    reference = new_reference()
    made = [carrier.open_shipment(BOOK, reference)[0] for _ in range(5)]
    bought = {made[0]: carrier.buy(made[0]), made[3]: carrier.buy(made[3])}
    found = carrier.find_shipments(reference)
    assert {shipment.shipment_reference: shipment.label for shipment in found} == {
        reference: bought.get(reference) for reference in made
    }
    assert carrier.find_shipments(reference, since=datetime.now(UTC) + timedelta(hours=1)) == []


def test_refund_of_an_unused_label(carrier: EasyPost) -> None:
    shipment, _ = carrier.open_shipment(BOOK, new_reference())
    assert carrier.refund(shipment) == "not_applicable"
    carrier.buy(shipment)
    assert carrier.refund(shipment) == "submitted"
    assert wait_until(lambda: carrier.refund(shipment) == "refunded", 30)


@pytest.mark.parametrize(
    ("service", "first"), [(("Albatross", "Standard"), "rejected"), (("Marathon", "Ground"), "submitted")]
)
def test_refund_of_a_parcel_under_way_is_rejected(
    sandbox: Server, carrier: EasyPost, service: tuple[str, str], first: str
) -> None:
    shipment, _ = carrier.open_shipment(BOOK, new_reference())
    move(sandbox, carrier.buy(shipment, service).tracking_number, "in_transit")
    assert carrier.refund(shipment) == first
    assert wait_until(lambda: carrier.refund(shipment) == "rejected", 30)


def test_tracked(sandbox: Server, carrier: EasyPost) -> None:
    shipment, _ = carrier.open_shipment(BOOK, new_reference())
    label = carrier.buy(shipment)
    assert carrier.track(label.tracking_number, label.carrier).status == "unknown"
    for status in ("pre_transit", "in_transit"):
        move(sandbox, label.tracking_number, status)
    update = carrier.track(label.tracking_number, label.carrier)
    assert (update.id, update.status, update.shipment_reference) == (None, "in_transit", shipment)
    assert [(event.status, event.place) for event in update.events] == [
        ("pre_transit", "Berlin, DE"),
        ("in_transit", "London, GB"),
    ]
    assert datetime.now(UTC) - update.changed_at < timedelta(minutes=1)
    elsewhere = carrier.track("EZ4000000004", "Marathon")
    assert (elsewhere.status, elsewhere.shipment_reference) == ("delivered", None)
    with pytest.raises(CarrierRefused):
        carrier.track("?", "Marathon")


def test_webhooks_of_the_sandbox_are_understood(sandbox: Server, carrier: EasyPost, receiver: Receiver) -> None:
    shipment, _ = carrier.open_shipment(BOOK, new_reference())
    code = carrier.buy(shipment).tracking_number
    for status in ("pre_transit", "in_transit", "delivered"):
        move(sandbox, code, status)

    def updates() -> dict[str | None, TrackerUpdate]:
        found = [carrier.verify_webhook(body, {"x-hmac-signature": sent}) for sent, body in receiver.got]
        return {update.id: update for update in found if update and update.tracking_number == code}

    assert wait_until(lambda: len(updates()) == 4, 30)
    in_order = sorted(updates().values(), key=lambda update: update.version)
    assert [update.status for update in in_order] == ["unknown", "pre_transit", "in_transit", "delivered"]
    assert {update.shipment_reference for update in in_order} == {shipment}


def test_webhook_is_believed_only_if_signed(carrier: EasyPost) -> None:
    def verify(text: str, **changes: str) -> TrackerUpdate | None:
        return carrier.verify_webhook(text.encode(), {"X-Hmac-Signature": signature(text, SECRET), **changes})

    other = json.dumps({"id": "evt_1", "description": "refund.successful", "result": {"id": "rfnd_1"}})
    assert verify(other) is None
    for wrong in ("", "hmac-sha256-hex=0", "é", signature(other + " ", SECRET), signature(other, "another")):
        with pytest.raises(BadSignature):
            verify(other, **{"X-Hmac-Signature": wrong})
    with pytest.raises(BadSignature):
        carrier.verify_webhook(other.encode(), {})
    for unreadable in ("{", "[]", "{}", '{"id": "evt_1", "description": "tracker.updated", "result": {}}'):
        with pytest.raises(BadRequest):
            verify(unreadable)


def test_nobody_there_is_carrier_down() -> None:
    nobody = easypost_at(9)
    for call in (
        lambda: nobody.open_shipment(BOOK, "r"), lambda: nobody.find_shipments("r"), lambda: nobody.buy("shp_1"),
        lambda: nobody.label_pdf("shp_1"), lambda: nobody.refund("shp_1"), lambda: nobody.track("AB1", "Albatross"),
    ):  # fmt: skip
        with pytest.raises(CarrierDown):
            call()


def test_a_connection_is_not_waited_for_as_long_as_an_answer() -> None:
    began = time.monotonic()
    with unresponsive_port() as port, pytest.raises(CarrierDown):
        easypost_at(port, timeout=60).refund("shp_1")
    assert time.monotonic() - began < 5  # one attempt: the SDK repeats nothing


def test_threads_share_an_adapter(carrier: EasyPost) -> None:
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: carrier.open_shipment(BOOK, new_reference())[0], range(12)))
    assert len(set(opened)) == 12
