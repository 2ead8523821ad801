"""The sandbox PayPal as a process: what is sure about tokens, request ids, kills, faults and webhooks."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from local.waiting import wait_until
from settings import DEFAULT_SECRET
from tests.processes import ROOT
from tests.servers import Receiver, Server

NOWHERE = "http://127.0.0.1:9/hook"  # the discard port: nobody listens there
CLIENT = ("sandbox", DEFAULT_SECRET)
TOKENS: dict[str, str] = {}
BACK = {"return_url": "https://shop.example/back?order=1", "cancel_url": "https://shop.example/cancel"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server("sandbox.paypal", tmp_path_factory.mktemp("paypal"), "--webhook-url", NOWHERE)
    yield server
    assert server.stop() == 0


@pytest.fixture
def paypal(shared: Server) -> Iterator[Server]:
    yield shared
    requests.delete(shared.url + "/sandbox/faults", timeout=30).raise_for_status()


def token(server: Server) -> requests.Response:
    form = {"grant_type": "client_credentials"}
    return requests.post(server.url + "/v1/oauth2/token", data=form, auth=CLIENT, timeout=30)


def call(server: Server, method: str, path: str, body: Any = None, key: str | None = None) -> requests.Response:
    headers = {"PayPal-Request-Id": key} if key else {}
    headers["Authorization"] = f"Bearer {TOKENS.get(server.url)}"
    answer = requests.request(method, server.url + path, json=body, headers=headers, timeout=20)
    if answer.status_code != 401:
        return answer
    TOKENS[server.url] = token(server).json()["access_token"]  # for it gives a limited number of them
    return call(server, method, path, body, key)


def order_body(value: str = "19.99", currency: str = "EUR", **unit: Any) -> dict[str, Any]:
    amount = {"currency_code": currency, "value": value}
    source = {"paypal": {"experience_context": BACK}}
    return {"intent": "AUTHORIZE", "purchase_units": [{"amount": amount, **unit}], "payment_source": source}


def create(server: Server, key: str | None = None, **changes: Any) -> Any:
    answer = call(server, "POST", "/v2/checkout/orders", order_body(**changes), key)
    assert answer.ok, answer.text
    return answer.json()


def approve(server: Server, order: Any, result: str = "succeeded", **more: Any) -> requests.Response:
    page = f"{server.url}/checkoutnow?token={order['id']}"
    return requests.post(page, json={"result": result, **more}, timeout=30)


def authorise(server: Server, order: Any, key: str | None = None) -> requests.Response:
    return call(server, "POST", f"/v2/checkout/orders/{order['id']}/authorize", {}, key)


def held(server: Server, **changes: Any) -> Any:
    """An authorisation of an order that was approved."""
    order = create(server, **changes)
    approve(server, order)
    return authorise(server, order).json()["purchase_units"][0]["payments"]["authorizations"][0]


def capture(server: Server, of: Any, key: str | None = None, value: str = "", **more: Any) -> requests.Response:
    amount = {"amount": {"currency_code": "EUR", "value": value}} if value else {}
    return call(server, "POST", f"/v2/payments/authorizations/{of['id']}/capture", {**amount, **more}, key)


def issue(answer: requests.Response) -> tuple[int, str]:
    body = answer.json()
    assert body["name"]
    assert body["debug_id"] == answer.headers["PayPal-Debug-Id"]
    return answer.status_code, body["details"][0]["issue"]


def fault(server: Server, **fault: Any) -> None:
    assert requests.post(server.url + "/sandbox/faults", json=fault, timeout=30).status_code == 201


def booked(server: Server, order_id: str) -> dict[str, Any]:
    """The order in the book."""
    book: list[dict[str, Any]] = requests.get(server.url + "/sandbox/ledger", timeout=30).json()
    return next(order for order in book if order["id"] == order_id)


def new_key() -> str:
    return uuid4().hex


def test_a_token_is_asked_for_with_the_secret_and_expires(paypal: Server) -> None:
    path = paypal.url + "/v2/checkout/orders/1"
    wrong = requests.post(paypal.url + "/v1/oauth2/token", auth=("sandbox", "wrong"), timeout=30)
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    given = token(paypal).json()
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 9 * 3600)
    headers = {"Authorization": f"Bearer {given['access_token']}"}
    assert requests.get(path, headers=headers, timeout=30).status_code == 404
    assert requests.delete(paypal.url + "/sandbox/tokens", timeout=30).status_code == 204
    for refused in (headers, {}):
        assert requests.get(path, headers=refused, timeout=30).status_code == 401


def test_too_many_tokens_are_refused(tmp_path: Path) -> None:
    server = Server("sandbox.paypal", tmp_path, "--webhook-url", NOWHERE)
    assert {token(server).status_code for _ in range(120)} == {200}
    assert issue(token(server)) == (429, "RATE_LIMIT_REACHED")
    assert server.stop() == 0


def test_an_order_is_approved_authorised_and_captured_in_parts(paypal: Server) -> None:
    order = create(paypal, custom_id="ord_1/pay_1")
    assert order["status"] == "PAYER_ACTION_REQUIRED"
    assert issue(authorise(paypal, order)) == (422, "ORDER_NOT_APPROVED")
    (page,) = (link["href"] for link in order["links"] if link["rel"] == "payer-action")
    assert "19.99 EUR" in requests.get(page, timeout=30).text
    sent = requests.post(page, data={"result": "succeeded"}, allow_redirects=False, timeout=30)
    assert sent.status_code == 303
    assert sent.headers["Location"].startswith(f"{BACK['return_url']}&token={order['id']}&PayerID=")
    assert requests.get(page, timeout=30).status_code == 409
    done = authorise(paypal, order)
    assert (done.status_code, done.json()["status"]) == (201, "COMPLETED")
    (made,) = done.json()["purchase_units"][0]["payments"]["authorizations"]
    assert (made["status"], made["custom_id"]) == ("CREATED", "ord_1/pay_1")
    assert issue(authorise(paypal, order)) == (422, "ORDER_ALREADY_AUTHORIZED")
    assert capture(paypal, made, value="5.00").json()["status"] == "COMPLETED"
    found = call(paypal, "GET", f"/v2/payments/authorizations/{made['id']}").json()
    assert found["status"] == "PARTIALLY_CAPTURED"
    assert issue(capture(paypal, made, value="15.00")) == (422, "MAX_CAPTURE_AMOUNT_EXCEEDED")
    last = capture(paypal, made, value="10.00", final_capture=True).json()
    assert issue(capture(paypal, made, value="1.00")) == (422, "AUTHORIZATION_ALREADY_CAPTURED")
    refund = call(paypal, "POST", f"/v2/payments/captures/{last['id']}/refund", {}).json()
    assert refund["amount"]["value"] == "10.00"
    assert call(paypal, "GET", f"/v2/payments/refunds/{refund['id']}").json() == refund
    assert call(paypal, "GET", f"/v2/payments/captures/{last['id']}").json()["status"] == "REFUNDED"
    book = booked(paypal, order["id"])
    assert (book["authorised"], book["captured"], book["refunded"]) == (1999, 1500, 1000)


def test_a_customer_who_fails_is_sent_back_and_nothing_changes(paypal: Server) -> None:
    order = create(paypal)
    assert approve(paypal, order, "failed").json() == {"redirect": f"{BACK['cancel_url']}?token={order['id']}"}
    assert call(paypal, "GET", f"/v2/checkout/orders/{order['id']}").json() == order
    assert approve(paypal, order, "perhaps").status_code == 400


def test_a_request_id_repeats_the_first_answer_for_a_while(paypal: Server) -> None:
    key = new_key()
    order = create(paypal, key)
    approve(paypal, order)
    again = call(paypal, "POST", "/v2/checkout/orders", order_body(), key)
    assert (again.status_code, again.json()) == (200, order)  # the first answer, although it is approved since
    other = call(paypal, "POST", "/v2/checkout/orders", order_body("5.00"), key)
    assert issue(other) == (422, "PAYPAL_REQUEST_ID_PREVIOUSLY_USED")
    aged = requests.post(f"{paypal.url}/sandbox/orders/{order['id']}/age", json={"hours": 7}, timeout=30)
    assert aged.status_code == 204
    assert create(paypal, key)["id"] != order["id"]
    assert issue(authorise(paypal, order)) == (422, "ORDER_EXPIRED")
    assert issue(call(paypal, "GET", f"/v2/checkout/orders/{order['id']}")) == (404, "INVALID_RESOURCE_ID")


def test_many_at_once_with_one_request_id_capture_once(paypal: Server) -> None:
    made, key = held(paypal), new_key()
    fault(paypal, kind="late", seconds=0.3, path="capture$")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: capture(paypal, made, key, "1.00"), range(8)))
    assert {answer.status_code for answer in answers} <= {200, 201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.ok}) == 1
    order_id = made["supplementary_data"]["related_ids"]["order_id"]
    assert booked(paypal, order_id)["captured"] == 100


@pytest.mark.parametrize(
    ("value", "currency", "reason"),
    [
        ("1.999", "EUR", "DECIMAL_PRECISION"),
        ("100.00", "JPY", "DECIMALS_NOT_SUPPORTED"),
        ("0.00", "EUR", "CANNOT_BE_ZERO_OR_NEGATIVE"),
        ("-1.00", "EUR", "CANNOT_BE_ZERO_OR_NEGATIVE"),
        ("1.00", "XAU", "INVALID_CURRENCY_CODE"),
    ],
)
def test_amounts_that_paypal_does_not_take(paypal: Server, value: str, currency: str, reason: str) -> None:
    assert issue(call(paypal, "POST", "/v2/checkout/orders", order_body(value, currency))) == (422, reason)
    assert create(paypal, value="1099", currency="JPY")["purchase_units"][0]["amount"]["value"] == "1099"


def test_an_invoice_is_paid_once_and_an_order_changed_until_then(paypal: Server) -> None:
    invoice = new_key()
    held(paypal, invoice_id=invoice)
    order = create(paypal, invoice_id=invoice)
    approve(paypal, order)
    assert issue(authorise(paypal, order)) == (422, "DUPLICATE_INVOICE_ID")
    path = f"/v2/checkout/orders/{order['id']}"
    change = {"op": "replace", "path": "/purchase_units/@reference_id=='default'/invoice_id", "value": new_key()}
    assert call(paypal, "PATCH", path, [change]).status_code == 204
    assert authorise(paypal, order).ok
    assert issue(call(paypal, "PATCH", path, [change])) == (422, "ORDER_ALREADY_COMPLETED")


def test_what_was_voided_or_has_lapsed_can_not_be_captured(paypal: Server) -> None:
    made = held(paypal)
    path = f"/v2/payments/authorizations/{made['id']}"
    assert call(paypal, "POST", f"{path}/void").status_code == 204
    assert issue(call(paypal, "POST", f"{path}/void")) == (422, "PREVIOUSLY_VOIDED")
    assert issue(capture(paypal, made)) == (422, "AUTHORIZATION_VOIDED")
    old = held(paypal)
    order_id = old["supplementary_data"]["related_ids"]["order_id"]
    requests.post(f"{paypal.url}/sandbox/orders/{order_id}/age", json={"hours": 29 * 24 + 1}, timeout=30)
    found = call(paypal, "GET", f"/v2/payments/authorizations/{old['id']}").json()
    assert (found["status"], found["update_time"]) == ("VOIDED", found["expiration_time"])
    assert issue(capture(paypal, old)) == (422, "AUTHORIZATION_EXPIRED")


def test_ten_captures_are_the_most(paypal: Server) -> None:
    made = held(paypal)
    assert all(capture(paypal, made, value="0.01").ok for _ in range(10))
    assert issue(capture(paypal, made, value="0.01")) == (422, "MAX_CAPTURE_COUNT_EXCEEDED")


@pytest.mark.parametrize(("kind", "done"), [("500", False), ("500_after", True), ("429", False), ("cut", True)])
def test_no_fault_is_kept_under_its_request_id(paypal: Server, kind: str, done: bool) -> None:
    made, key = held(paypal), new_key()
    fault(paypal, kind=kind, path="POST .*/capture$")
    try:
        assert capture(paypal, made, key).status_code == int(kind[:3])
    except requests.ConnectionError:
        assert kind == "cut"
    assert capture(paypal, made, key).status_code == (200 if done else 201)


def test_a_kill_loses_nothing(tmp_path: Path) -> None:
    server = Server("sandbox.paypal", tmp_path, "--webhook-url", NOWHERE)
    made, key = held(server), new_key()
    first = capture(server, made, key).json()
    server.kill()
    server.start()
    assert capture(server, made, key).json() == first
    assert server.stop() == 0


def test_webhooks_come_until_they_are_taken_some_twice_and_paypal_knows_its_own(tmp_path: Path) -> None:
    receiver = Receiver(500, 503)
    server = Server("sandbox.paypal", tmp_path, "--webhook-url", receiver.url, SHOP_PAYPAL_WEBHOOK_ID="WH-1")
    made = held(server, custom_id="ord_1/pay_1")
    taken = capture(server, made).json()
    call(server, "POST", f"/v2/payments/captures/{taken['id']}/refund", {})
    call(server, "POST", f"/v2/payments/authorizations/{held(server)['id']}/void")
    assert wait_until(lambda: len(receiver.got) >= 7 + 1 + 2, 30)  # one comes twice, and two were refused
    events = [json.loads(body) for _, body in receiver.got]
    assert {event["event_type"] for event in events} == {
        "CHECKOUT.ORDER.APPROVED", "PAYMENT.AUTHORIZATION.CREATED", "PAYMENT.AUTHORIZATION.VOIDED",
        "PAYMENT.CAPTURE.COMPLETED", "PAYMENT.CAPTURE.REFUNDED",
    }  # fmt: skip
    assert len({event["id"] for event in events}) == 7
    names = ("auth_algo", "cert_url", "transmission_id", "transmission_sig", "transmission_time")
    headers = {name.lower(): value for name, value in receiver.headers[-1].items()}
    asked = {name: headers["paypal-" + name.replace("_", "-")] for name in names}
    asked |= {"webhook_id": "WH-1", "webhook_event": events[-1]}
    for changes, status in (({}, "SUCCESS"), ({"webhook_id": "WH-2"}, "FAILURE"), ({"webhook_event": {}}, "FAILURE")):
        answer = call(server, "POST", "/v1/notifications/verify-webhook-signature", {**asked, **changes})
        assert answer.json() == {"verification_status": status}
    receiver.close()
    assert server.stop() == 0


def test_the_page_lists_orders_and_health_is_told(paypal: Server) -> None:
    order = create(paypal)
    assert f"/checkoutnow?token={order['id']}" in requests.get(paypal.url, timeout=30).text
    assert requests.get(paypal.url + "/healthz", timeout=30).json() == {"status": "ok"}


def test_a_port_in_use_is_named(paypal: Server) -> None:
    command = [sys.executable, "-m", "sandbox.paypal", "--port", str(paypal.ports["http"])]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert second.returncode == 1
    assert "SHOP_PAYPAL_PORT" in second.stderr
