"""The sandbox gateway as a process: payments, parameters, faults and webhooks."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe

from local.waiting import wait_until
from tests.processes import ROOT
from tests.sandbox.gateway import SECRET, fault, gateway_in, get, pay, post
from tests.servers import Receiver, Server


@pytest.mark.parametrize("status", ["requires_action", "processing"])
def test_an_undecided_payment_can_be_cancelled(gateway: Server, status: str) -> None:
    method = {"requires_action": "pm_sandbox_requiresAction", "processing": "pm_sandbox_processing"}[status]
    intent = pay(gateway, payment_method=method).json()
    assert (intent["status"], intent["amount_capturable"]) == (status, 0)
    path = f"/v1/payment_intents/{intent['id']}/cancel"
    assert post(gateway, path, cancellation_reason="abandoned").json()["status"] == "canceled"


def test_an_authorisation_lapses_once(gateway: Server) -> None:
    intent = pay(gateway).json()
    lapse = f"{gateway.url}/sandbox/payment_intents/{intent['id']}/lapse"
    lapsed = requests.post(lapse, timeout=30).json()
    assert (lapsed["status"], lapsed["cancellation_reason"]) == ("canceled", "automatic")
    assert requests.post(lapse, timeout=30).status_code == 400
    assert requests.post(lapse.replace(intent["id"], "pi_none"), timeout=30).status_code == 404
    taken = post(gateway, f"/v1/payment_intents/{intent['id']}/capture")
    assert taken.json()["error"]["code"] == "payment_intent_unexpected_state"


def test_a_fault_of_another_path_stays_armed(gateway: Server) -> None:
    fault(gateway, kind="error", path="/v1/refunds")
    assert pay(gateway).status_code == 200
    assert post(gateway, "/v1/refunds", payment_intent="pi_x").status_code == 500


def test_an_unknown_fault_is_refused(gateway: Server) -> None:
    answer = requests.post(gateway.url + "/sandbox/faults", json={"kind": "fire"}, timeout=30)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "kind"


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_authenticationRequired", "authentication_required", "authentication_required"),
    ],
)
def test_declined_methods_return_their_code(gateway: Server, method: str, code: str, decline_code: str) -> None:
    answer = pay(gateway, payment_method=method)
    error = answer.json()["error"]
    assert answer.status_code == 402
    assert (error["type"], error["code"], error["decline_code"]) == ("card_error", code, decline_code)
    assert error["payment_intent"]["status"] == "requires_payment_method"
    assert get(gateway, "/v1/payment_intents/" + error["payment_intent"]["id"]) == error["payment_intent"]


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"payment_method": "pm_card_nobodys"}, "resource_missing", "payment_method"),
        ({"amount": "ten"}, "parameter_invalid_integer", "amount"),
        ({"amount": 0}, None, "amount"),
        ({"currency": None}, "parameter_missing", "currency"),
        ({"currency": "€"}, None, "currency"),
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"a[b][c]": "red"}, "parameter_unknown", "a[b][c]"),
        ({"amount[x]": "1"}, None, "amount"),
    ],
)
def test_invalid_parameters_are_named(gateway: Server, changes: dict[str, Any], code: str | None, param: str) -> None:
    answer = pay(gateway, **changes)
    error = answer.json()["error"]
    assert (answer.status_code, error.get("code"), error["param"]) == (400, code, param)


def test_requests_without_an_api_key_or_to_unknown_paths_are_refused(gateway: Server) -> None:
    path = gateway.url + "/v1/payment_intents"
    assert requests.get(path, timeout=30).status_code == 401
    assert requests.get(path, headers={"Authorization": "Bearer pk_1"}, timeout=30).status_code == 401
    assert requests.get(path, headers={"Authorization": "Basic %%%"}, timeout=30).status_code == 401
    assert requests.get(path, auth=("sk_test_1", ""), timeout=30).status_code == 200
    assert get(gateway, "/v1/payment_intents/pi_none")["error"]["code"] == "resource_missing"
    assert post(gateway, "/v1/customers").status_code == 404
    assert requests.get(gateway.url + "/healthz", timeout=30).json() == {"status": "ok"}


def test_captures_and_refunds_are_limited_by_the_amount(gateway: Server) -> None:
    path = "/v1/payment_intents/" + pay(gateway).json()["id"]
    assert post(gateway, path + "/capture", amount_to_capture=2000).status_code == 400
    assert post(gateway, path + "/capture", amount_to_capture=1500).json()["amount_received"] == 1500
    assert post(gateway, path + "/cancel").json()["error"]["code"] == "payment_intent_unexpected_state"
    intent = path.rpartition("/")[2]
    assert post(gateway, "/v1/refunds", payment_intent=intent, amount=1501).status_code == 400
    assert post(gateway, "/v1/refunds", payment_intent=intent, amount=500).json()["amount"] == 500
    assert post(gateway, "/v1/refunds", payment_intent=intent).json()["amount"] == 1000
    error = post(gateway, "/v1/refunds", payment_intent=intent, amount=1).json()["error"]
    assert error["code"] == "charge_already_refunded"
    refunds = get(gateway, "/v1/refunds", payment_intent=intent)
    assert [refund["amount"] for refund in refunds["data"]] == [1000, 500]


def test_lists_are_paged_newest_first(gateway: Server) -> None:
    made = [pay(gateway).json() for _ in range(3)]
    first = get(gateway, "/v1/payment_intents", limit=2)
    assert [intent["id"] for intent in first["data"]] == [made[2]["id"], made[1]["id"]]
    assert first["has_more"] is True
    second = get(gateway, "/v1/payment_intents", limit=1, starting_after=made[1]["id"])
    assert second["data"] == [made[0]]
    future = get(gateway, "/v1/payment_intents", **{"created[gte]": made[2]["created"] + 100})
    assert future["data"] == []
    assert get(gateway, "/v1/payment_intents", limit=101)["error"]["param"] == "limit"


def test_webhooks_are_signed_and_retried_until_accepted(tmp_path: Path) -> None:
    receiver = Receiver(500, 302)
    server = gateway_in(tmp_path, receiver.url)
    intent = pay(server, "a-key").json()
    assert wait_until(lambda: len(receiver.got) == 3, 30)
    events = [stripe.Webhook.construct_event(body, signature, SECRET) for signature, body in receiver.got]
    assert {event.id for event in events} == {events[0].id}
    assert events[0].type == "payment_intent.amount_capturable_updated"
    assert events[0].data.object["id"] == intent["id"]
    assert events[0].data.object["metadata"]["order_id"] == "ord_1"
    signature, body = receiver.got[0]
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body.replace(b"1999", b"1"), signature, SECRET)
    receiver.close()
    assert server.stop() == 0


def test_webhooks_survive_a_kill(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.close()
    server = gateway_in(tmp_path, receiver.url)
    path = "/v1/payment_intents/" + pay(server).json()["id"]
    post(server, path + "/capture")
    post(server, "/v1/refunds", payment_intent=path.rpartition("/")[2])
    pay(server, payment_method="pm_card_chargeDeclined")
    post(server, "/v1/payment_intents/" + pay(server).json()["id"] + "/cancel")
    server.kill()
    receiver = Receiver(port=receiver.port)
    server.start()
    assert wait_until(lambda: len(receiver.got) >= 6, 30)
    types = sorted(stripe.Webhook.construct_event(body, sent, SECRET).type for sent, body in receiver.got)
    assert types == [
        "charge.refunded",
        "payment_intent.amount_capturable_updated",
        "payment_intent.amount_capturable_updated",
        "payment_intent.canceled",
        "payment_intent.payment_failed",
        "payment_intent.succeeded",
    ]
    receiver.close()
    assert server.stop() == 0


def test_a_port_in_use_names_its_setting(gateway: Server) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "sandbox.gateway", "--port", str(gateway.ports["http"])],
        cwd=ROOT, env={"SHOP_VAR": str(gateway.var)}, capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert second.returncode != 0
    assert "SHOP_GATEWAY_PORT" in second.stderr
