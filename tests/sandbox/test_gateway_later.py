"""The sandbox gateway's refunds that end later, and its disputes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from local.waiting import wait_until
from tests.sandbox.gateway import get, pay, post
from tests.servers import Server


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A gateway on which refunds end and disputes begin after a moment."""
    var: Path = tmp_path_factory.mktemp("quick")
    started = Server("sandbox.gateway", var, "--webhook-url", "http://127.0.0.1:9/", "--later", "0.1")
    yield started
    assert started.stop() == 0


def buy(server: Server, method: str) -> str:
    """A captured payment; returns its id."""
    intent = str(pay(server, payment_method=method).json()["id"])
    post(server, f"/v1/payment_intents/{intent}/capture").raise_for_status()
    return intent


def kinds(server: Server, intent: str) -> list[str]:
    """The types of a payment's events, oldest first."""
    found: list[dict[str, Any]] = requests.get(f"{server.url}/sandbox/events", timeout=30).json()
    return [event["type"] for event in found if event["data"]["object"].get("payment_intent") == intent]


@pytest.mark.parametrize(
    ("method", "first", "last", "refunded"),
    [("pm_card_pendingRefund", "pending", "succeeded", 500), ("pm_card_refundFail", "succeeded", "failed", 0)],
)
def test_a_refund_ends_later(quick: Server, method: str, first: str, last: str, refunded: int) -> None:
    intent = buy(quick, method)
    assert post(quick, "/v1/refunds", payment_intent=intent, amount=500).json()["status"] == first
    assert wait_until(lambda: get(quick, "/v1/refunds", payment_intent=intent)["data"][0]["status"] == last, 30, 0.05)
    assert "refund.updated" in kinds(quick, intent)
    assert ("refund.failed" in kinds(quick, intent)) == (last == "failed")
    query = {"expand[]": "latest_charge"}
    assert get(quick, f"/v1/payment_intents/{intent}", **query)["latest_charge"]["amount_refunded"] == refunded


def test_a_refund_ends_on_request_once(gateway: Server) -> None:
    refund = post(gateway, "/v1/refunds", payment_intent=buy(gateway, "pm_card_visa")).json()["id"]
    url = f"{gateway.url}/sandbox/refunds/{refund}/end"
    assert requests.post(url, {"status": "succeeded"}, timeout=30).status_code == 400
    assert requests.post(url, {"status": "failed"}, timeout=30).json()["status"] == "failed"
    assert requests.post(url, {"status": "failed"}, timeout=30).status_code == 400


@pytest.mark.parametrize(("evidence", "status"), [("winning_evidence", "won"), ("losing_evidence", "lost")])
def test_a_captured_charge_is_disputed_and_decided(quick: Server, evidence: str, status: str) -> None:
    intent = buy(quick, "pm_card_createDispute")
    assert wait_until(lambda: get(quick, "/v1/disputes", payment_intent=intent)["data"] != [], 30, 0.05)
    (dispute,) = get(quick, "/v1/disputes", payment_intent=intent)["data"]
    assert (dispute["status"], dispute["reason"], dispute["amount"]) == ("needs_response", "fraudulent", 1999)
    refused = post(quick, "/v1/refunds", payment_intent=intent)
    assert refused.json()["error"]["code"] == "charge_disputed"
    form = {"evidence[uncategorized_text]": evidence, "submit": "true"}
    assert post(quick, f"/v1/disputes/{dispute['id']}", **form).json()["status"] == status
    assert post(quick, f"/v1/disputes/{dispute['id']}", **form).status_code == 400
    assert kinds(quick, intent)[-1] == "charge.dispute.closed"
    assert post(quick, "/v1/refunds", payment_intent=intent).status_code == (200 if status == "won" else 400)


def test_an_inquiry_does_not_prevent_a_refund(quick: Server) -> None:
    intent = buy(quick, "pm_card_createDisputeInquiry")
    assert wait_until(lambda: get(quick, "/v1/disputes", payment_intent=intent)["data"] != [], 30, 0.05)
    assert get(quick, "/v1/disputes", payment_intent=intent)["data"][0]["status"] == "warning_needs_response"
    assert post(quick, "/v1/refunds", payment_intent=intent).status_code == 200
