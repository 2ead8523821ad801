"""Parcels by real workers: packed, captured, shipped, delivered or lost."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from local.waiting import wait_until
from models import access, inventory
from models.core.database import transaction
from tests.models.shelves import broken, move, warehouse
from tests.shop import Shop

WAIT = {"Prefer": "wait=20"}


@pytest.fixture(scope="module")
def shop(seeds: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop in which a parcel counts as lost after two seconds."""
    var: Path = tmp_path_factory.mktemp("shop")
    with ExitStack() as exits:
        shop = Shop(var, exits, SHOP_DELIVERY_DAYS=str(2 / 86_400))
        shop.worker(concurrency=2)
        shop.dispatcher()
        yield shop


@pytest.fixture
def packer(sign_in: Callable[..., Any]) -> Any:
    caller = sign_in("packer")
    with transaction() as session:
        access.grant(session, caller.user_id, "warehouse")
    return caller


def stock(product_id: str) -> tuple[int, int]:
    with transaction() as session:
        levels = session.execute(
            text("SELECT sum(on_hand), sum(reserved) FROM inventory.stock WHERE product_id = :id"),
            {"id": product_id.removeprefix("prd_")},
        ).one()
    return int(levels[0]), int(levels[1])


def ship(caller: Any, order: dict[str, Any], **body: Any) -> Any:
    body = {"tracking_number": "1Z999", "carrier": "UPS", **body}
    return caller.post(f"/v1/orders/{order['id']}/fulfilments", json=body, headers=WAIT)


def test_an_order_is_shipped_in_two_parcels_and_delivered(
    shop: Shop, packer: Any, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    shirt, hat = product("SHIRT", 10), product("HAT", 5, price=500)
    placed = order(customer, {shirt: 3, hat: 1}).json
    url = f"/v1/orders/{placed['id']}"
    first = ship(packer, placed, lines=[{"product_id": shirt, "quantity": 2}])
    assert (first.status_code, first.json["status"]) == (200, "shipped"), first.json
    assert (stock(shirt), stock(hat)) == ((8, 1), (5, 1))
    seen = customer.get(url).json
    assert (seen["status"], seen["payment_status"]) == ("processing", "captured")
    picked = packer.get(f"/v1/picking-lists?warehouse_id={first.json['warehouse_id']}").json["data"]
    assert [(line["sku"], line["quantity"]) for line in picked] == [("HAT", 1), ("SHIRT", 1)]
    too_much = ship(packer, placed, lines=[{"product_id": shirt, "quantity": 2}])
    assert (too_much.status_code, too_much.json["code"]) == (409, "nothing_to_ship")
    assert {(left["product_id"], left["quantity"]) for left in too_much.json["left"]} == {(shirt, 1), (hat, 1)}
    second = ship(packer, placed)
    assert (second.json["status"], customer.get(url).json["status"]) == ("shipped", "shipped")
    assert (stock(shirt), stock(hat)) == ((7, 0), (4, 0))
    for parcel in (first.json, second.json):
        done = packer.post(f"/v1/fulfilments/{parcel['id']}/delivered")
        assert (done.status_code, done.json["status"]) == (200, "delivered"), done.json
    assert customer.get(url).json["status"] == "delivered"
    tracked = customer.get(f"{url}/tracking").json["data"]
    assert [[event["status"] for event in parcel["events"]] for parcel in tracked] == [["shipped", "delivered"]] * 2
    changes = [change["to"] for change in customer.get(f"{url}/history").json["data"]]
    assert changes == ["pending", "confirmed", "processing", "shipped", "delivered"]
    assert wait_until(lambda: len(mails(shop, placed)) == 5, 20, 0.1), mails(shop, placed)


def mails(shop: Shop, order: dict[str, Any]) -> list[str]:
    return [mail["subject"] for mail in shop.mails() if f"rder {order['number']}" in mail["subject"]]


def test_a_parcel_that_is_not_delivered_in_time_is_lost_and_may_still_arrive(
    shop: Shop, packer: Any, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    placed = order(customer, {product("SHIRT", 10): 1}).json
    parcel = ship(packer, placed).json
    url = f"/v1/fulfilments/{parcel['id']}"
    assert wait_until(lambda: customer.get(url).json["status"] == "lost", 20, 0.1)
    assert wait_until(lambda: any("seems lost" in subject for subject in mails(shop, placed)), 20, 0.1)
    assert packer.post(f"{url}/delivered").json["status"] == "delivered"
    assert packer.post(f"{url}/delivered").json["status"] == "delivered"
    assert customer.get(f"/v1/orders/{placed['id']}").json["status"] == "delivered"


def test_a_parcel_whose_payment_has_lapsed_is_cancelled(
    shop: Shop, packer: Any, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    import requests

    shirt = product("SHIRT", 10)
    placed = order(customer, {shirt: 1}).json
    reference = customer.get(f"/v1/payments/{placed['payment_id']}").json["reference"]
    lapsed = requests.post(f"{shop.gateway.url}/sandbox/payment_intents/{reference}/lapse", timeout=30)
    assert lapsed.status_code == 200, lapsed.text
    answer = ship(packer, placed)
    assert (answer.status_code, answer.json["code"]) == (409, "payment_refused"), answer.json
    (parcel,) = customer.get(f"/v1/orders/{placed['id']}/fulfilments").json["data"]
    assert parcel["status"] == "cancelled"
    assert customer.get(f"/v1/orders/{placed['id']}").json["status"] == "confirmed"
    assert stock(shirt) == (10, 1)
    assert wait_until(lambda: any("could not be shipped" in subject for subject in mails(shop, placed)), 20, 0.1)


def test_a_parcel_is_packed_from_the_warehouse_that_has_the_goods(
    shop: Shop, packer: Any, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    shirt, annex = product("SHIRT", 2), warehouse("Annex")
    move(shirt, 5, annex)
    placed = order(customer, {shirt: 6}).json
    assert placed["status"] == "confirmed", placed
    parcels = [ship(packer, placed).json, ship(packer, placed).json]
    assert sorted(parcel["lines"][0]["quantity"] for parcel in parcels) == [1, 5]
    assert len({parcel["warehouse_id"] for parcel in parcels}) == 2
    assert customer.get(f"/v1/orders/{placed['id']}").json["status"] == "shipped"
    assert broken() == []


def test_only_one_of_shipping_and_cancelling_at_once_wins(
    shop: Shop, staff: Any, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    shirt = product("SHIRT", 10)
    placed = order(customer, {shirt: 2}).json

    def act(number: int) -> Any:
        if number % 2:
            return ship(staff, placed)
        return staff.post(f"/v1/orders/{placed['id']}/cancel", json={}, headers=WAIT)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(act, range(8)))
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 7], [a.json for a in answers]
    seen = customer.get(f"/v1/orders/{placed['id']}").json
    assert (seen["status"], seen["payment_status"], stock(shirt)) in (
        ("shipped", "captured", (8, 0)),
        ("cancelled", "voided", (10, 0)),
    )


def test_shipped_and_delivered_by_hand_move_goods_and_money(
    shop: Shop, packer: Any, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    shirt, annex = product("SHIRT", 2), warehouse("Annex")
    move(shirt, 5, annex)
    placed = order(customer, {shirt: 6}).json
    url = f"/v1/orders/{placed['id']}"
    refused = packer.patch(url, json={"status": "shipped"})
    assert (refused.status_code, refused.json["possible"]) == (409, ["processing", "cancelled"])
    assert packer.patch(url, json={"status": "processing"}).json["status"] == "processing"
    sent = packer.patch(url, json={"status": "shipped", "note": "By bicycle"})
    assert (sent.status_code, sent.json["status"], sent.json["note"]) == (200, "shipped", "By bicycle"), sent.json
    assert stock(shirt) == (1, 0)
    assert sent.json["payment_status"] == "captured"
    parcels = customer.get(f"{url}/fulfilments").json["data"]
    assert sorted(parcel["lines"][0]["quantity"] for parcel in parcels) == [1, 5]
    back = packer.patch(url, json={"status": "returned"})
    assert (back.status_code, back.json["possible"]) == (409, ["delivered"])
    assert packer.patch(url, json={"status": "delivered"}).json["status"] == "delivered"
    assert {p["status"] for p in customer.get(f"{url}/fulfilments").json["data"]} == {"delivered"}
    assert packer.patch(url, json={"status": "delivered"}).status_code == 200


def test_an_order_whose_payment_is_refused_is_not_shipped_by_hand(
    shop: Shop, packer: Any, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    import requests

    shirt = product("SHIRT", 10)
    placed = order(customer, {shirt: 1}).json
    reference = customer.get(f"/v1/payments/{placed['payment_id']}").json["reference"]
    requests.post(f"{shop.gateway.url}/sandbox/payment_intents/{reference}/lapse", timeout=30).raise_for_status()
    url = f"/v1/orders/{placed['id']}"
    packer.patch(url, json={"status": "processing"})
    answer = packer.patch(url, json={"status": "shipped"})
    assert (answer.status_code, answer.json["code"]) == (409, "payment_refused"), answer.json
    assert customer.get(url).json["status"] == "confirmed"
    assert stock(shirt) == (10, 1)


def test_of_many_who_ship_by_hand_at_once_each_piece_leaves_once(
    shop: Shop, packer: Any, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    shirt = product("SHIRT", 10)
    placed = order(customer, {shirt: 2}).json
    url = f"/v1/orders/{placed['id']}"
    packer.patch(url, json={"status": "processing"})
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: packer.patch(url, json={"status": "shipped"}), range(4)))
    assert {(answer.status_code, answer.json["status"]) for answer in answers} == {(200, "shipped")}
    assert stock(shirt) == (8, 0)


def test_a_picking_list_can_be_printed(
    shop: Shop, packer: Any, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    with transaction() as session:
        warehouse_id = inventory.get_default_warehouse(session).id
    url = f"/v1/picking-lists.html?warehouse_id={warehouse_id}"
    assert "There is nothing to pick." in packer.get(url).text
    placed = order(customer, {product("<b>SHIRT", 10): 2}).json
    page = packer.get(url)
    assert (page.status_code, page.content_type) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert all(text in page.text for text in (placed["number"], "&lt;b&gt;SHIRT", ">2<")), page.text
    assert "<b>" not in page.text
    assert customer.get(url).status_code == 403
