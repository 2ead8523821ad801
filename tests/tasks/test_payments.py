"""Authorising and voiding at the sandbox gateway: one authorisation per order, despite faults."""

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import uuid4

import pytest
import requests

from models.core.errors import GatewayDown, PaymentDeclined
from models.payments import HoldRequest
from settings import Settings
from tasks.gateways.payments import PROVIDERS
from tasks.gateways.payments.provider import HAS_HELD, AuthorisationRequest, ProviderPayment
from tasks.gateways.payments.stripe import Stripe
from tasks.payments import authorisation
from tests.servers import Server

INTENTS = "/v1/payment_intents"
DECLINED, ASKED = "pm_card_chargeDeclinedInsufficientFunds", "pm_sandbox_requiresAction"
TRIES = 100
Answer = TypeVar("Answer")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server("sandbox.gateway", tmp_path_factory.mktemp("gateway"), "--webhook-url", "http://127.0.0.1:9/")
    yield started
    assert started.stop() == 0


@pytest.fixture
def sandbox(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setitem(PROVIDERS, "stripe", Stripe(Settings(gateway_port=server.ports["http"], gateway_timeout=5)))
    yield server
    requests.delete(server.url + "/sandbox/faults", timeout=30).raise_for_status()


class Order:
    """The authorisation request of an order, as its run makes it."""

    def __init__(self, server: Server, method: str = "pm_card_visa") -> None:
        self.server, self.id, self.key = server, f"ord_{uuid4().hex}", f"run_{uuid4().hex}:payments.authorise"
        self.payment_id, self.since = f"pay_{uuid4().hex}", datetime.now(UTC)
        self.request: HoldRequest = {
            "order_id": self.id, "payment_id": self.payment_id, "amount": 1999, "currency": "EUR", "method": method,
            "gateway": "stripe", "since": self.since.isoformat(),
        }  # fmt: skip

    def hold(self) -> str:
        return authorisation._hold(self.request, self.key)["reference"]

    def let_go(self, reference: str | None = None) -> str | None:
        return authorisation._let_go({"reference": reference, "hold": self.request, "hold_key": self.key}, "a-key")

    def find(self) -> list[ProviderPayment]:
        payment_id = self.request.get("payment_id")
        return PROVIDERS["stripe"].find(order_id=self.id, payment_id=payment_id, since=self.since)

    @property
    def made(self) -> dict[str, str]:
        """The payments at the gateway: attempt → state."""
        return {(payment.attempt or "").removeprefix(self.key): payment.state for payment in self.find()}

    def holds(self) -> list[str]:
        """The references of all payments that were ever authorised."""
        return [payment.reference for payment in self.find() if payment.state in HAS_HELD]

    def post_half_done(self) -> None:
        """Creates the payment that a failed request with the first key may have left."""
        form = {
            "amount": "1999", "currency": "eur", "payment_method": ASKED, "confirm": "true", "capture_method": "manual",
            "metadata[order_id]": self.id, "metadata[payment_id]": self.payment_id, "metadata[attempt]": self.key,
        }  # fmt: skip
        requests.post(self.server.url + INTENTS, data=form, auth=("sk_test_1", ""), timeout=30).raise_for_status()


@pytest.fixture
def order(sandbox: Server) -> Order:
    return Order(sandbox)


def strike(server: Server, kind: str, path: str = INTENTS, **fault: Any) -> None:
    requests.post(
        server.url + "/sandbox/faults", json={"kind": kind, "path": path, **fault}, timeout=5
    ).raise_for_status()


def with_retries(call: Callable[[], Answer]) -> Answer:
    """Repeats the call while the gateway is down, as the engine does."""
    for _ in range(TRIES):
        try:
            return call()
        except GatewayDown:
            time.sleep(0.02)
    raise AssertionError("the gateway never answered")


@pytest.mark.parametrize(("kind", "key"), [("error", ":2"), ("error_after", "")])
def test_a_stored_500_leads_to_one_authorisation(order: Order, kind: str, key: str) -> None:
    strike(order.server, kind)
    reference = with_retries(order.hold)
    assert (order.made, order.holds()) == ({key: "authorised"}, [reference])
    assert order.hold() == reference


@pytest.mark.parametrize(("kind", "key"), [("error", ":2"), ("error_after", "")])
def test_an_undo_voids_an_authorisation_behind_a_stored_500(order: Order, kind: str, key: str) -> None:
    strike(order.server, kind)
    with pytest.raises(GatewayDown):
        order.hold()
    reference = with_retries(order.let_go)
    assert (order.made, order.holds()) == ({key: "voided"}, [reference])
    # A delayed attempt finds the voided payment and authorises nothing.
    assert order.hold() == reference
    assert order.let_go() == reference
    assert (order.made, order.holds()) == ({key: "voided"}, [reference])


def test_several_keys_may_be_spent_in_turn(order: Order) -> None:
    strike(order.server, "error", times=3)
    reference = with_retries(order.hold)
    assert (order.made, order.holds()) == ({":4": "authorised"}, [reference])
    assert with_retries(order.let_go) == reference
    assert order.made == {":4": "voided"}


def test_an_unstored_503_is_retried_with_the_same_key(order: Order) -> None:
    strike(order.server, "unavailable", times=2)
    reference = with_retries(order.hold)
    assert (order.made, order.holds()) == ({"": "authorised"}, [reference])


def test_no_new_key_is_used_while_the_outcome_of_a_spent_one_is_unknown(order: Order) -> None:
    strike(order.server, "error_after")
    with pytest.raises(GatewayDown):
        order.hold()
    for kind in ("unavailable", "cut"):
        strike(order.server, "delay")  # for the replay, which succeeds
        strike(order.server, kind)  # for the search of the payment
        with pytest.raises(GatewayDown):
            order.hold()
    assert order.holds() == [order.hold()]


def test_a_half_done_payment_is_cancelled_and_requested_again(order: Order) -> None:
    strike(order.server, "error")
    with pytest.raises(GatewayDown):
        order.hold()
    order.post_half_done()
    reference = with_retries(order.hold)
    assert (order.made, order.holds()) == ({"": "cancelled", ":2": "authorised"}, [reference])
    assert order.hold() == reference
    assert order.let_go(reference) == reference
    assert order.made == {"": "cancelled", ":2": "voided"}


@pytest.mark.parametrize("method", [DECLINED, ASKED])
def test_a_decline_behind_a_stored_500_is_a_decline(sandbox: Server, method: str) -> None:
    order = Order(sandbox, method)
    strike(sandbox, "error_after")
    with pytest.raises(PaymentDeclined) as caught:
        with_retries(order.hold)
    assert caught.value.extra["decline_code"] in ("insufficient_funds", "requires_action")
    assert order.let_go() is None
    assert order.holds() == []
    assert set(order.made.values()) <= {"cancelled", "declined"}


def test_an_undo_voids_every_authorisation_of_the_payment(order: Order) -> None:
    first = order.hold()
    asked = AuthorisationRequest(order.id, order.payment_id, 1999, "EUR", "pm_card_visa", order.since)
    second = PROVIDERS["stripe"].authorise(asked, f"no-run-has-it-{order.id}").reference
    other = Order(order.server)
    kept = other.hold()
    assert order.let_go(first) == first
    assert sorted(order.holds()) == sorted([first, second])
    assert set(order.made.values()) == {"voided"}
    assert (other.made, other.holds()) == ({"": "authorised"}, [kept])


def test_an_undo_does_not_void_other_payments_of_the_order(order: Order) -> None:
    first, another = order.hold(), Order(order.server)
    another.request["order_id"] = another.id = order.id
    kept = another.hold()
    assert order.let_go(first) == first
    assert (order.made, another.made) == ({"": "voided"}, {"": "authorised"})
    assert another.holds() == [kept]


@pytest.mark.parametrize("answered", [True, False])
def test_a_request_stored_by_an_earlier_release_is_the_same_request(order: Order, answered: bool) -> None:
    del order.request["payment_id"], order.request["gateway"]
    reference = order.hold()
    assert order.hold() == reference
    assert order.let_go(reference if answered else None) == reference
    assert (order.made, order.holds()) == ({"": "voided"}, [reference])


@pytest.mark.parametrize("kind", ["error", "error_after", "unavailable", "cut"])
def test_an_unanswered_undo_is_repeated(order: Order, kind: str) -> None:
    reference = order.hold()
    strike(order.server, kind, path=INTENTS + "/")
    assert with_retries(lambda: order.let_go(reference)) == reference
    assert order.made == {"": "voided"}


@pytest.mark.parametrize("seed", range(20))
def test_random_faults_leave_at_most_one_authorisation_and_finally_none(order: Order, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(chance.randrange(1, 9)):
        kind = chance.choice(["error", "error_after", "unavailable", "cut"])
        strike(order.server, kind, path=chance.choice([INTENTS, INTENTS, INTENTS + "/"]))
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(with_retries, order.hold) for _ in range(chance.randrange(4))]
        undone = pool.submit(with_retries, order.let_go)
        references = {*(future.result() for future in asked), undone.result()}
    assert order.holds() == list(references)
    late = with_retries(order.hold)
    assert order.holds() == [late]
    assert "authorised" not in order.made.values()


def test_the_gateway_keeps_what_names_order_payment_run_and_customer(order: Order) -> None:
    order.request["user_id"] = f"usr_{uuid4().hex}"
    reference = order.hold()
    assert order.hold() == reference
    shown = requests.get(f"{order.server.url}{INTENTS}/{reference}", auth=("sk_test_1", ""), timeout=30).json()
    assert shown["metadata"] == {
        "order_id": order.id, "payment_id": order.payment_id, "user_id": order.request["user_id"],
        "attempt": order.key,
    }  # fmt: skip
