"""What is the same for all calls: ids of requests, keys, deadlines, bounds of refusals, places."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import pytest
from sqlalchemy import exc, text

from models.core.database import transaction
from models.core.errors import TooManyRequests
from rpc import statuses
from serving import run_waiter
from tests.conftest import ADDRESS, Caller
from tests.rpc.calls import Channel, Refused, bearer
from tests.rpc.pairs import of
from tests.shopping import fill_cart, make_product

PLACE, PRODUCT, TOKEN = of("Orders.PlaceOrder"), of("Catalogue.GetProduct"), of("Authentication.ValidateToken")
BODY = {"address": ADDRESS, "payment": {"method": "pm_card_visa"}}


def test_the_id_of_the_request_is_returned(channel: Channel) -> None:
    channel.call(TOKEN, {"token": "x"}, {"x-request-id": "mine-1"})
    assert channel.trailing["x-request-id"] == "mine-1"
    channel.call(PRODUCT, {"product_id": "x"}, {"x-request-id": "mine-2"})
    assert channel.trailing["x-request-id"] == "mine-2"
    for given in ("x" * 129, "a b"):
        channel.call(TOKEN, {"token": "x"}, {"x-request-id": given})
        assert len(channel.trailing["x-request-id"]) == 32


def test_a_repeated_call_takes_effect_once(channel: Channel, customer: Caller) -> None:
    product_id = make_product("A", 9)
    fill_cart(customer, {product_id: 1})
    metadata = {**bearer(customer), "idempotency-key": "k"}
    first = channel.call(PLACE, BODY, metadata)
    assert "idempotent-replayed" not in channel.trailing
    assert channel.call(PLACE, BODY, metadata) == first
    assert channel.trailing["idempotent-replayed"] == "true"
    other = {**BODY, "payment": {"method": "pm_card_mastercard"}}
    assert channel.call(PLACE, other, metadata).reason == "idempotency_key_reused"
    assert channel.call(of("Cart.AddItem"), {"product_id": product_id, "quantity": 1}, metadata).reason == (
        "idempotency_key_reused"
    )
    assert channel.call(PLACE, BODY, {**metadata, "idempotency-key": "k" * 256}).reason == "idempotency_key_too_long"
    assert len(customer.get("/v1/orders").json["data"]) == 1


def test_a_key_is_shared_with_the_rest_api(channel: Channel, customer: Caller) -> None:
    fill_cart(customer, {make_product("A", 9): 1})
    channel.call(PLACE, BODY, {**bearer(customer), "idempotency-key": "k"})
    answer = customer.post("/v1/checkout", json=BODY, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json["code"]) == (422, "idempotency_key_reused")


@pytest.fixture
def locked() -> Iterator[str]:
    """A product that a transaction holds locked until the end of the test."""
    product_id = make_product("A", 9)
    with ExitStack() as exits:
        session = exits.enter_context(transaction())
        session.execute(text("LOCK TABLE catalogue.product IN ACCESS EXCLUSIVE MODE"))
        yield product_id


def statement_under_way() -> bool:
    with transaction() as session:
        found = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%catalogue.product%'"
        )
        return bool(session.scalar(text(found)))


def test_postgresql_ends_a_statement_when_the_deadline_is_over(
    channel: Channel, locked: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = channel.call_late(PRODUCT, {"product_id": locked}, timeout=0.4)
    assert answer == grpc.StatusCode.DEADLINE_EXCEEDED
    from local.waiting import wait_until

    assert wait_until(lambda: not statement_under_way(), 30)  # the lock is held until the end of the test


def test_a_deadline_does_not_outlive_its_call(channel: Channel) -> None:
    product_id = make_product("A", 9)
    for timeout in (20, 30, None):
        assert channel.call(PRODUCT, {"product_id": product_id}, timeout=timeout).product.id == product_id
    with transaction() as session:
        assert session.scalar(text("SHOW statement_timeout")) == "0"


def test_deadlines_become_timeouts_of_statements(database: None) -> None:
    from models.core.database import deadline, single_statements

    def timeout() -> int:
        with single_statements() as connection:
            shown = connection.scalar(text("SELECT extract(epoch FROM current_setting('statement_timeout')::interval)"))
            return int(float(shown or 0) * 1000)

    try:
        began = time.monotonic()
        deadline.set(began + 5)
        found = timeout()
        assert 4999 - 1000 * (time.monotonic() - began) < found <= 5500
        deadline.set(time.monotonic() + 0.1)
        assert 1 <= timeout() <= 111
    finally:
        deadline.set(None)
    assert timeout() == 0


def test_what_is_no_message_is_refused(channel: Channel) -> None:
    answer = channel.send(PRODUCT, b"\xff\xff\xff")
    assert (answer.code, answer.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "bad_request")


def test_a_request_that_is_too_large_is_refused(channel: Channel) -> None:
    with pytest.raises(AssertionError, match="RESOURCE_EXHAUSTED"):  # by the library, without details
        channel.send(PRODUCT, b"\x0a\xff\xff\x7f" + b"x" * (1 << 21))


def test_refusals_are_bounded() -> None:
    long = statuses.make(
        grpc.StatusCode.INVALID_ARGUMENT, "invalid_fields", "ü" * 10_000,
        {"errors": {f"{'ö' * 500}{n}": ["ä" * 10_000] for n in range(100)}, "x" * 500: "y" * 10_000, "limit": 3},
    )  # fmt: skip
    assert len(long.status) <= statuses.MAX_DETAILS
    assert len(long.message.encode()) <= 300


def test_limits_and_faults_have_their_codes(caplog: pytest.LogCaptureFixture) -> None:
    def code(error: Exception, is_late: bool = False) -> grpc.StatusCode:
        return statuses.failure_of(error, "x", is_late).code

    assert code(TooManyRequests("Wait.", retry_after=3)) == grpc.StatusCode.RESOURCE_EXHAUSTED
    lost = exc.OperationalError("SELECT 1", {}, Exception("gone"))
    assert code(lost) == grpc.StatusCode.UNAVAILABLE
    assert code(lost, is_late=True) == grpc.StatusCode.DEADLINE_EXCEEDED
    assert code(RuntimeError("secret")) == grpc.StatusCode.INTERNAL
    assert "secret" not in statuses.failure_of(RuntimeError("secret"), "x", False).status.decode(errors="ignore")


def test_a_caller_has_a_share_of_the_streams(channel: Channel, customer: Caller, order: Callable[..., Any]) -> None:
    task = {"task_id": order(customer, {make_product("A", 1): 1}, wait=0).json["task_id"]}
    with ExitStack() as streams:
        for _ in range(2):
            next(streams.enter_context(channel.stream(of("Tasks.FollowTask"), task, bearer(customer))))
        refused = channel.call(of("Tasks.FollowTask"), task, bearer(customer))
        assert isinstance(refused, Refused)
        assert (refused.code, refused.reason, refused.retry_after) == (
            grpc.StatusCode.UNAVAILABLE, "too_many_streams", 5,
        )  # fmt: skip
    from local.waiting import wait_until

    assert wait_until(lambda: run_waiter._streams._networks.total() == 0, 30)


def test_a_task_is_awaited(channel: Channel, customer: Caller, order: Callable[..., Any]) -> None:
    import durable

    task_id = order(customer, {make_product("A", 1): 1}, wait=0).json["task_id"]
    ended: list[Any] = []
    asked = {"task_id": task_id, "wait": 20.0}
    waiting = threading.Thread(target=lambda: ended.append(channel.call(of("Tasks.GetTask"), asked, bearer(customer))))
    waiting.start()
    with transaction() as session:
        durable.cancel(session, task_id)
    waiting.join(30)
    assert ended[0].task.status in ("cancelled", "compensating", "running")


def test_a_long_answer_is_refused(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    from rpc import service
    from settings import settings

    make_product("A", 9)
    monkeypatch.setattr(service, "settings", settings.model_copy(update={"answer_bytes": 10}))
    refused = channel.call(of("Catalogue.SearchProducts"), {})
    assert (refused.reason, refused.metadata) == ("answer_too_large", {"limit": "10"})


def test_a_bug_is_an_internal_error_without_details(
    channel: Channel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from models.catalogue import search

    def fail(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(search, "read_product", fail)
    refused = channel.call(PRODUCT, {"product_id": f"prd_{'0' * 32}"})
    assert (refused.code, refused.reason) == (grpc.StatusCode.INTERNAL, "internal_error")
    assert "secret" not in json.dumps([refused.detail, refused.metadata])
    assert "secret" in caplog.text
