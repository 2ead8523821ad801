"""The sandbox carrier as a process: shipments, labels, refunds, parcels on their way, kills, faults and webhooks."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from easypost.util import validate_webhook

from local.waiting import wait_until
from tests.processes import ROOT
from tests.servers import Receiver, Server

SECRET = "sécret-" + "ﬁ" * 16  # which Unicode's form NFKD writes otherwise
NOWHERE = "http://127.0.0.1:9/hook"  # the discard port: nobody listens there
SIGNATURE = "X-Hmac-Signature"
KEY = {"Authorization": "Bearer EZTK_1"}
HOME = {"name": "The Shop", "street1": "1 Quay", "city": "Berlin", "zip": "10115", "country": "DE"}
ADA = {"name": "Ada Łovelace", "street1": "12 St James Square", "city": "Bonn", "zip": "53111", "country": "DE"}


def carrier_in(var: Path, webhook_url: str = NOWHERE, *options: str) -> Server:
    arguments = ("--webhook-url", webhook_url, "--refund-after", "0.5", *options)
    return Server("sandbox.carrier", var, *arguments, SHOP_CARRIER_WEBHOOK_SECRET=SECRET)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = carrier_in(tmp_path_factory.mktemp("carrier"))
    yield server
    assert server.stop() == 0


@pytest.fixture
def carrier(shared: Server) -> Iterator[Server]:
    yield shared
    requests.delete(shared.url + "/sandbox/faults", timeout=30).raise_for_status()


def post(server: Server, path: str, body: Any = None) -> requests.Response:
    return requests.post(server.url + path, json=body, headers=KEY, timeout=20)


def get(server: Server, path: str, **query: Any) -> Any:
    return requests.get(server.url + path, params=query, headers=KEY, timeout=30).json()


def ship(server: Server, *, to: Any = ADA, weight: float = 35.3, reference: str = "ord_1") -> requests.Response:
    asked = {"from_address": HOME, "to_address": to, "parcel": {"weight": weight}, "reference": reference}
    return post(server, "/v2/shipments", {"shipment": asked})


def buy(server: Server, shipment: Any, carrier: str = "Albatross") -> Any:
    rate = next(rate for rate in shipment["rates"] if rate["carrier"] == carrier)
    answer = post(server, f"/v2/shipments/{shipment['id']}/buy", {"rate": {"id": rate["id"]}})
    assert answer.status_code == 200, answer.text
    return answer.json()


def move(server: Server, code: str, status: str) -> requests.Response:
    return post(server, f"/sandbox/parcels/{code}/move", {"status": status})


def fault(server: Server, **fault: Any) -> None:
    assert requests.post(server.url + "/sandbox/faults", json=fault, timeout=30).status_code == 201


def events(receiver: Receiver) -> list[dict[str, Any]]:
    """What has arrived, each checked as the SDK checks it."""
    return [validate_webhook(body, {SIGNATURE: signature}, SECRET) for signature, body in receiver.got]


def error(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_rates_depend_on_weight_and_destination(carrier: Server) -> None:
    light, heavy, far, crate = (
        ship(carrier, to={**ADA, "country": country}, weight=weight).json()["rates"]
        for country, weight in (("DE", 35.3), ("DE", 353), ("GB", 35.3), ("DE", 900))
    )
    assert [(rate["carrier"], rate["service"], rate["rate"], rate["currency"]) for rate in light[:2]] == [
        ("Albatross", "Standard", "5.49", "EUR"),
        ("Albatross", "Express", "14.30", "EUR"),
    ]
    assert len(light) == 5
    assert all(float(a["rate"]) < float(b["rate"]) for a, b in zip(light, heavy, strict=True))
    assert all(2 * float(a["rate"]) == pytest.approx(float(b["rate"])) for a, b in zip(light, far, strict=True))
    assert {rate["carrier"] for rate in crate} == {"Albatross"}


def test_what_nobody_carries_has_no_rates_and_what_is_wrong_is_refused(carrier: Server) -> None:
    for shipment in (ship(carrier, to={**ADA, "country": "AQ"}).json(), ship(carrier, weight=2000).json()):
        assert shipment["rates"] == []
        assert len(shipment["messages"]) == 5
    assert error(ship(carrier, to={**ADA, "city": "Nowhere"})) == (422, "ADDRESS.VERIFY.FAILURE")
    assert error(ship(carrier, to={"name": "Ada"})) == (422, "PARAMETER.REQUIRED")
    assert error(ship(carrier, weight=0)) == (422, "PARAMETER.INVALID")
    assert get(carrier, "/v2/shipments/shp_0")["error"]["code"] == "NOT_FOUND"
    assert get(carrier, "/v2/nothing")["error"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize("key", ["", "EZAK_live"])
def test_only_a_test_key_is_taken(carrier: Server, key: str) -> None:
    answer = requests.get(carrier.url + "/v2/shipments", auth=(key, ""), timeout=30)
    assert error(answer) == (401, "APIKEY.INACTIVE")
    assert requests.get(carrier.url + "/v2/shipments", auth=("EZTK_1", ""), timeout=30).status_code == 200


def test_a_request_again_is_done_again_but_a_shipment_is_bought_once(carrier: Server) -> None:
    first, second = ship(carrier).json(), ship(carrier).json()
    assert first["id"] != second["id"]
    bought = buy(carrier, first)
    again = post(carrier, f"/v2/shipments/{first['id']}/buy", {"rate": {"id": first["rates"][0]["id"]}})
    assert error(again) == (422, "SHIPMENT.POSTAGE.EXISTS")
    assert get(carrier, f"/v2/shipments/{first['id']}") == bought
    wrong = post(carrier, f"/v2/shipments/{second['id']}/buy", {"rate": {"id": first["rates"][0]["id"]}})
    assert error(wrong) == (422, "SHIPMENT.POSTAGE.FAILURE")


def test_the_label_is_a_pdf_of_one_page(carrier: Server) -> None:
    shipment = ship(carrier).json()
    page = f"{carrier.url}/sandbox/labels/{shipment['id']}.pdf"
    assert requests.get(page, timeout=30).status_code == 404
    assert buy(carrier, shipment)["postage_label"]["label_url"] == page
    label = requests.get(page, timeout=30)
    assert label.headers["Content-Type"] == "application/pdf"
    assert label.content.startswith(b"%PDF")
    assert label.content.count(b"/Type /Page\n") == 1


def test_lists_are_paged_and_leave_out_what_is_not_bought(carrier: Server) -> None:
    reference = uuid4().hex
    made = [ship(carrier, reference=reference).json() for _ in range(3)]
    buy(carrier, made[0])
    page = get(carrier, "/v2/shipments", purchased="false", page_size=1)
    assert ([found["id"] for found in page["shipments"]], page["has_more"]) == ([made[2]["id"]], True)
    page = get(carrier, "/v2/shipments", purchased="false", page_size=1, before_id=made[2]["id"])
    assert [found["id"] for found in page["shipments"]] == [made[1]["id"]]
    bought = get(carrier, "/v2/shipments", page_size=100)["shipments"]
    assert [found["id"] for found in bought if found["reference"] == reference] == [made[0]["id"]]
    assert get(carrier, "/v2/shipments", start_datetime="2999-01-01T00:00:00Z")["shipments"] == []
    assert get(carrier, "/v2/shipments", page_size=101)["error"]["code"] == "PARAMETER.INVALID"


def test_an_unused_label_is_refunded_after_a_while(carrier: Server) -> None:
    path = f"/v2/shipments/{buy(carrier, ship(carrier).json())['id']}"
    assert post(carrier, path + "/refund").json()["refund_status"] == "submitted"
    assert error(post(carrier, path + "/refund")) == (422, "SHIPMENT.REFUND.EXISTS")
    assert wait_until(lambda: get(carrier, path)["refund_status"] == "refunded", 30)
    assert error(move(carrier, get(carrier, path)["tracking_code"], "in_transit")) == (422, "SANDBOX.REFUNDED")
    unsold = post(carrier, f"/v2/shipments/{ship(carrier).json()['id']}/refund")
    assert error(unsold) == (422, "SHIPMENT.POSTAGE.REQUIRED")


def test_a_label_is_not_refunded_once_its_parcel_moves(carrier: Server) -> None:
    at_once, later = (buy(carrier, ship(carrier).json(), name) for name in ("Albatross", "Marathon"))
    for shipment in (at_once, later):
        assert move(carrier, shipment["tracking_code"], "in_transit").status_code == 200
    assert error(post(carrier, f"/v2/shipments/{at_once['id']}/refund")) == (422, "SHIPMENT.REFUND.UNAVAILABLE")
    path = f"/v2/shipments/{later['id']}"
    assert post(carrier, path + "/refund").json()["refund_status"] == "submitted"
    assert wait_until(lambda: get(carrier, path)["refund_status"] == "rejected", 30)


def test_a_number_from_elsewhere_is_tracked_once(carrier: Server) -> None:
    asked = {"tracker": {"tracking_code": "EZ4000000004", "carrier": "Marathon"}}
    first, second = (post(carrier, "/v2/trackers", asked).json() for _ in range(2))
    assert first == second == get(carrier, f"/v2/trackers/{first['id']}")
    assert (first["status"], first["shipment_id"]) == ("delivered", None)
    found = get(carrier, "/v2/trackers", tracking_code="EZ4000000004", carrier="marathon")
    assert found == {"trackers": [first], "has_more": False}


def test_the_page_lists_parcels_with_buttons_that_move_them(carrier: Server) -> None:
    code = buy(carrier, ship(carrier, reference="<ord_9>").json())["tracking_code"]
    page = requests.get(carrier.url, timeout=30).text
    assert code in page
    assert "&lt;ord_9&gt;" in page
    pressed = requests.post(f"{carrier.url}/sandbox/parcels/{code}/move", data={"status": "delivered"}, timeout=30)
    assert pressed.url == carrier.url + "/"
    (parcel,) = (found for found in get(carrier, "/sandbox/parcels") if found["tracking_code"] == code)
    assert parcel["status"] == "delivered"
    assert move(carrier, code, "teleported").status_code == 422
    assert move(carrier, "AB0", "delivered").status_code == 404
    assert get(carrier, "/healthz") == {"status": "ok"}


def test_faults(carrier: Server) -> None:
    reference = uuid4().hex
    for kind in ("429", "500", "500_after"):
        fault(carrier, kind=kind)
        assert ship(carrier, reference=reference).status_code == int(kind[:3])
    fault(carrier, kind="cut")
    with pytest.raises(requests.ConnectionError):
        ship(carrier, reference=reference)
    fault(carrier, kind="late", seconds=0.5)
    assert ship(carrier, reference=reference).elapsed.total_seconds() > 0.5
    made = get(carrier, "/v2/shipments", purchased="false", page_size=100)["shipments"]
    assert len([found for found in made if found["reference"] == reference]) == 3


def test_a_fault_may_be_for_one_method(carrier: Server) -> None:
    fault(carrier, kind="500", path="/v2/shipments", method="POST")
    assert "shipments" in get(carrier, "/v2/shipments")
    assert ship(carrier).status_code == 500
    assert ship(carrier).status_code == 201


def test_a_return_goes_the_way_back(carrier: Server) -> None:
    asked = {"from_address": HOME, "to_address": ADA, "parcel": {"weight": 35.3}, "is_return": True}
    made = post(carrier, "/v2/shipments", {"shipment": asked}).json()
    assert made["is_return"]
    assert (made["from_address"]["city"], made["to_address"]["city"]) == (ADA["city"], HOME["city"])


def test_a_kill_loses_nothing(tmp_path: Path) -> None:
    receiver = Receiver(signature=SIGNATURE)
    receiver.close()
    server = carrier_in(tmp_path, receiver.url)
    bought = buy(server, ship(server).json())
    opened = ship(server).json()
    move(server, bought["tracking_code"], "in_transit")
    before = get(server, f"/v2/shipments/{bought['id']}")
    server.kill()
    receiver = Receiver(port=receiver.port, signature=SIGNATURE)
    server.start()
    assert get(server, f"/v2/shipments/{bought['id']}") == before
    assert get(server, f"/v2/shipments/{opened['id']}") == opened
    assert wait_until(
        lambda: {e["description"] for e in events(receiver)} == {"tracker.created", "tracker.updated"}, 10
    )
    receiver.close()
    assert server.stop() == 0


def test_webhooks_are_signed_repeated_and_come_twice_and_out_of_order(tmp_path: Path) -> None:
    receiver = Receiver(500, 302, signature=SIGNATURE)
    server = carrier_in(tmp_path, receiver.url)
    code = buy(server, ship(server).json())["tracking_code"]
    for status in ("pre_transit", "in_transit", "out_for_delivery", "delivered"):
        move(server, code, status)
    # Five events, of which the third comes twice; and two deliveries that were not taken.
    assert wait_until(lambda: len(receiver.got) >= 8, 30)
    taken = [event for event in events(receiver)[2:] if event["result"]["tracking_code"] == code]
    assert len({event["id"] for event in taken}) == 5
    assert len([event for event in taken if event["result"]["status"] == "in_transit"]) == 2
    lengths = [len(event["result"]["tracking_details"]) for event in taken]
    assert lengths != sorted(lengths)
    (last,) = (event for event in taken if event["result"]["status"] == "delivered")
    assert (last["object"], last["description"], last["mode"]) == ("Event", "tracker.updated", "test")
    assert last["previous_attributes"]["status"] == "out_for_delivery"
    assert [detail["status"] for detail in last["result"]["tracking_details"]][-2:] == ["out_for_delivery", "delivered"]
    receiver.close()
    assert server.stop() == 0


def test_parcels_move_by_themselves_on_demand(tmp_path: Path) -> None:
    server = carrier_in(tmp_path, NOWHERE, "--auto-deliver", "0.1")
    path = f"/v2/shipments/{buy(server, ship(server).json())['id']}"
    assert wait_until(lambda: get(server, path)["status"] == "delivered", 30)
    details = get(server, path)["tracker"]["tracking_details"]
    assert [detail["status"] for detail in details] == ["pre_transit", "in_transit", "delivered"]
    assert server.stop() == 0


def test_port_in_use_names_the_setting(carrier: Server) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "sandbox.carrier", "--port", str(carrier.ports["http"])],
        cwd=ROOT, env={"SHOP_VAR": str(carrier.var)}, capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert second.returncode != 0
    assert "SHOP_CARRIER_PORT" in second.stderr


def test_a_fault_that_it_does_not_have_is_refused(carrier: Server) -> None:
    answer = requests.post(carrier.url + "/sandbox/faults", json={"kind": "flood"}, timeout=30)
    assert answer.status_code == 400
