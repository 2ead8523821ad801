"""The carrier's webhooks: in any order, several times, before the shop knows the parcel, or never."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from durable import queries
from local.waiting import wait_until
from models import fulfilment
from models.core.database import transaction
from tests.carrying import SIGNATURE, eventually, move, post, ship, strike, webhooks
from tests.models.auditing import broken, ledger
from tests.servers import Receiver
from tests.shop import Shop

DONE = ("pre_transit", "in_transit", "out_for_delivery", "delivered")


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """Takes the carrier's webhooks, which the tests deliver themselves."""
    found = Receiver(signature=SIGNATURE)
    yield found
    found.close()


@pytest.fixture(scope="module")
def shop(seeds: Any, tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Shop]:
    with ExitStack() as exits:
        shop = Shop(tmp_path_factory.mktemp("shop"), exits)
        shop.open_carrier(receiver.url)
        shop.worker(concurrency=2)
        shop.dispatcher()
        yield shop


@pytest.fixture
def packer(sign_in: Callable[..., Any]) -> Any:
    return sign_in("packer", "warehouse")


@pytest.fixture
def placed(shop: Shop, customer: Any, product: Callable[..., str], order: Callable[..., Any]) -> dict[str, Any]:
    found: dict[str, Any] = order(customer, {product("SHIRT", 10): 1}).json
    assert found["status"] == "confirmed", found
    return found


@pytest.fixture
def parcel(packer: Any, placed: dict[str, Any]) -> dict[str, Any]:
    """A parcel that has left, with a label."""
    found: dict[str, Any] = ship(packer, placed).json
    assert found["status"] == "shipped", found
    return found


def delivered(shop: Shop, receiver: Receiver, code: str) -> list[tuple[str, bytes]]:
    """The five events of a parcel that was delivered."""
    for status in DONE:
        move(shop.carrier, code, status)
    return webhooks(receiver, code, 5)


def status_of(caller: Any, parcel: dict[str, Any]) -> str:
    return str(caller.get(f"/v1/fulfilments/{parcel['id']}").json["status"])


def is_over(parcel: dict[str, Any]) -> bool:
    """Whether the run that waits for the delivery has succeeded."""
    with transaction() as session:
        run_id = fulfilment.get_parcel(session, parcel["id"]).delivery_run_id
        return queries.get_run(session, str(run_id)).status == "succeeded"


@pytest.mark.parametrize("turn", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (2, 4, 0, 3, 1)], ids=["in order", "back", "mixed"])
def test_events_in_any_order_and_twice_have_the_same_effect(
    shop: Shop, client: Any, receiver: Receiver, customer: Any, placed: Any, parcel: Any, turn: tuple[int, ...]
) -> None:
    events = delivered(shop, receiver, parcel["tracking_number"])
    for number in turn * 2:
        assert post(client, events[number]).status_code == 204
    (seen,) = customer.get(f"/v1/orders/{placed['id']}/tracking").json["data"]
    assert (seen["status"], len(seen["events"])) == ("delivered", 5)
    assert sorted(event["status"] for event in seen["events"]) == sorted((*DONE, "shipped"))
    assert any(event["place"] == "London, GB" for event in seen["events"])
    assert customer.get(f"/v1/orders/{placed['id']}").json["status"] == "delivered"
    assert wait_until(lambda: is_over(parcel), 20, 0.05)


def test_a_parcel_on_its_way_is_in_transit_until_it_is_delivered(
    shop: Shop, client: Any, receiver: Receiver, packer: Any, parcel: Any
) -> None:
    events = delivered(shop, receiver, parcel["tracking_number"])
    expected = ["shipped", "shipped", "in_transit", "in_transit", "delivered"]
    for event, status in zip(events, expected, strict=True):
        post(client, event)
        assert status_of(packer, parcel) == status


def test_a_parcel_that_comes_back_is_returned_and_staff_are_told(
    shop: Shop, client: Any, receiver: Receiver, packer: Any, placed: Any, parcel: Any
) -> None:
    for status in ("in_transit", "failure", "return_to_sender"):
        move(shop.carrier, parcel["tracking_number"], status)
    for event in webhooks(receiver, parcel["tracking_number"], 4):
        post(client, event)
    assert status_of(packer, parcel) == "returned"
    assert wait_until(lambda: is_over(parcel), 20, 0.05)
    assert wait_until(lambda: f"A parcel of order {placed['number']} comes back" in subjects(shop), 20, 0.1)


def subjects(shop: Shop) -> list[str]:
    return [mail["subject"] for mail in shop.mails()]


def test_events_may_precede_the_carriers_own_answer(
    shop: Shop, client: Any, receiver: Receiver, packer: Any, customer: Any, placed: Any
) -> None:
    strike(shop, kind="late", path="/v2/shipments/", method="POST", seconds=2)
    accepted = packer.post(f"/v1/orders/{placed['id']}/fulfilments", json={}).json
    bought: list[dict[str, Any]] = []

    def is_bought() -> bool:
        bought[:] = [made for made in shop.shipments() if made["reference"] == accepted["fulfilment_id"]]
        return bool(bought)

    assert wait_until(is_bought, 20, 0.01)
    for event in delivered(shop, receiver, bought[0]["tracking_code"]):
        assert post(client, event).status_code == 204
    assert customer.get(f"/v1/fulfilments/{accepted['fulfilment_id']}").json["tracking_number"] is None
    eventually(lambda: status_of(customer, {"id": accepted["fulfilment_id"]}), "delivered")
    eventually(lambda: customer.get(f"/v1/orders/{placed['id']}").json["status"], "delivered")


def test_webhooks_and_staff_at_the_same_instant_deliver_once(
    shop: Shop, client: Any, app: Any, receiver: Receiver, packer: Any, customer: Any, placed: Any, parcel: Any
) -> None:
    events = delivered(shop, receiver, parcel["tracking_number"])

    def act(number: int) -> int:
        if number % 6 == 5:
            url = f"/v1/fulfilments/{parcel['id']}/delivered"
            return int(app.test_client().post(url, headers=packer.headers).status_code)
        return int(post(app.test_client(), events[number % 6]).status_code)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(act, range(24)))
    assert set(answers) <= {200, 204}
    (seen,) = customer.get(f"/v1/orders/{placed['id']}/tracking").json["data"]
    reported = [event for event in seen["events"] if event["description"]]
    assert (seen["status"], sorted(event["status"] for event in reported)) == ("delivered", sorted(DONE))
    changes = [change["to"] for change in customer.get(f"/v1/orders/{placed['id']}/history").json["data"]]
    assert changes.count("delivered") == 1
    assert wait_until(lambda: is_over(parcel), 20, 0.05)
    assert [name for name in broken(ledger()) if "parcel" in name or "label" in name] == []


def test_a_forged_or_damaged_event_changes_nothing(
    shop: Shop, client: Any, receiver: Receiver, packer: Any, parcel: Any
) -> None:
    signature, body = delivered(shop, receiver, parcel["tracking_number"])[-1]
    forged = post(client, (signature, body.replace(b"delivered", b"in_transit")))
    assert (forged.status_code, forged.json["code"]) == (400, "bad_signature")
    assert post(client, ("", body)).json["code"] == "bad_signature"
    assert status_of(packer, parcel) == "shipped"


def test_events_of_foreign_parcels_are_accepted_and_ignored(shop: Shop, client: Any, receiver: Receiver) -> None:
    import requests

    headers = {"Authorization": "Bearer EZTK_sandbox"}
    about = {"tracker": {"tracking_code": "EZ4000000004", "carrier": "Albatross"}}
    requests.post(f"{shop.carrier.url}/v2/trackers", json=about, headers=headers, timeout=30).raise_for_status()
    for event in webhooks(receiver, "EZ4000000004", 2):
        assert post(client, event).status_code == 204


def test_a_manual_tracking_number_is_followed_as_well(
    shop: Shop, client: Any, receiver: Receiver, packer: Any, placed: Any
) -> None:
    import requests

    parcel = ship(packer, placed, tracking_number="EZ2000000002", carrier="Albatross").json
    headers = {"Authorization": "Bearer EZTK_sandbox"}
    about = {"tracker": {"tracking_code": "EZ2000000002", "carrier": "Albatross"}}
    requests.post(f"{shop.carrier.url}/v2/trackers", json=about, headers=headers, timeout=30).raise_for_status()
    for event in webhooks(receiver, "EZ2000000002", 2):
        post(client, event)
    assert status_of(packer, parcel) == "in_transit"
