"""Webhooks as processes deliver them: signed, in order per subject, with retries, and none delays another."""

import json
import re
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text, update
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from durable.ids import new_id
from local.waiting import wait_until
from models import webhooks
from models.core import event_log
from models.core.database import transaction
from models.core.events import IncidentOpened, OrderCancelled, OrderConfirmed, OrderCreated
from models.webhooks import Endpoint
from tests.processes import Process
from tests.relay.receiving import STORY, Receiver, tell


def state(endpoint: Endpoint) -> Endpoint:
    with transaction() as session:
        return webhooks.get_endpoint(session, endpoint.id)


def seen(deliverer: Process, condition: Any) -> None:
    assert wait_until(condition, 40), deliverer.log.read_text()


def test_events_are_delivered_signed_and_in_order(receiver: Receiver) -> None:
    tell(new_id("ord"))  # before there is an endpoint
    endpoint, order = receiver.endpoint("/fine"), new_id("ord")
    deliverer = receiver.deliver()
    tell(order, *STORY)
    seen(deliverer, lambda: len(receiver.deliveries(endpoint, "succeeded")) == 3)
    received = receiver.received("/fine")
    assert [message["event"]["type"] for message in received] == [event.name for event in STORY]
    for message in received:
        event = Webhook(endpoint.secret).verify(message["body"], message["headers"])
        assert event == message["event"]
        assert (event["id"], event["subject"]) == (message["headers"]["webhook-id"], order)
        assert set(event) == {"id", "type", "version", "position", "subject", "timestamp", "data"}
        with pytest.raises(WebhookVerificationError):
            Webhook("whsec_" + "A" * 44).verify(message["body"], message["headers"])
    first = receiver.deliveries(endpoint)[0]
    assert (first.attempts, first.response_status, first.response_body, first.error) == (1, 200, "thanks", None)
    assert state(endpoint).cursor == 4
    assert deliverer.stop() == 0
    assert endpoint.secret not in deliverer.log.read_text()
    assert endpoint.secret not in repr(endpoint)


def test_an_endpoint_receives_the_types_that_it_has_asked_for(receiver: Receiver) -> None:
    endpoint = receiver.endpoint("/fine", "order.cancelled")
    deliverer = receiver.deliver()
    tell(new_id("ord"), *STORY)
    tell(new_id("ord"), OrderCreated)
    seen(deliverer, lambda: state(endpoint).cursor == 4)
    assert [message["event"]["type"] for message in receiver.received("/fine")] == ["order.cancelled"]


def test_events_for_operators_are_delivered_to_those_who_ask_for_them(receiver: Receiver) -> None:
    everything, operators = receiver.endpoint("/shop"), receiver.endpoint("/alarm", "incident.opened")
    deliverer = receiver.deliver()
    with transaction() as session:
        event_log.emit(session, IncidentOpened(incident="dispatchers", state="opened", detail="None sweeps."))
    tell(new_id("ord"), OrderCreated)
    seen(deliverer, lambda: state(everything).cursor == state(operators).cursor == 2)
    assert [message["event"]["type"] for message in receiver.received("/shop")] == ["order.created"]
    assert [message["event"]["type"] for message in receiver.received("/alarm")] == ["incident.opened"]


def test_both_secrets_sign_during_a_rotation(receiver: Receiver) -> None:
    endpoint = receiver.endpoint("/fine")
    with transaction() as session:
        rotated = webhooks.rotate_secret(session, endpoint.id)
    assert rotated.previous_secret == endpoint.secret
    deliverer = receiver.deliver()
    tell(new_id("ord"))
    seen(deliverer, lambda: len(receiver.deliveries(endpoint, "succeeded")) == 1)
    with transaction() as session:
        session.execute(update(Endpoint).values(previous_until=text("now()")))
    seen(deliverer, lambda: _signs_once(receiver))
    first, *_, last = receiver.received("/fine")
    for secret in (endpoint.secret, rotated.secret):
        assert Webhook(secret).verify(first["body"], first["headers"]) == first["event"]
    assert Webhook(rotated.secret).verify(last["body"], last["headers"]) == last["event"]
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint.secret).verify(last["body"], last["headers"])


def _signs_once(receiver: Receiver) -> bool:
    """Whether the last message has one signature; otherwise sends another."""
    if len(receiver.received("/fine")[-1]["headers"]["webhook-signature"].split()) == 1:
        return True
    tell(new_id("ord"))
    return False


def test_an_endpoint_that_is_slow_or_silent_delays_no_other(receiver: Receiver) -> None:
    fine, slow, silent = (receiver.endpoint(path) for path in ("/fine", "/slow", "/silent"))
    deliverer = receiver.deliver(SHOP_WEBHOOKS_TIMEOUT="60", SHOP_WEBHOOKS_CONCURRENCY="3")
    for _ in range(30):
        tell(new_id("ord"))
    seen(deliverer, lambda: len(receiver.deliveries(fine, "succeeded")) == 30)
    assert receiver.deliveries(slow) == receiver.deliveries(silent) == []
    seen(deliverer, lambda: len(receiver.received("/slow")) == len(receiver.received("/silent")) == 3)
    (receiver.folder / "release").touch()
    seen(deliverer, lambda: len(receiver.deliveries(slow, "succeeded")) == 30)
    assert len(receiver.received("/silent")) == 3
    deliverer.kill()  # it would wait for the silent endpoint


def test_a_failed_delivery_is_retried_and_later_events_of_its_subject_wait(receiver: Receiver) -> None:
    endpoint, order, other = receiver.endpoint("/flaky"), new_id("ord"), new_id("ord")
    deliverer = receiver.deliver()
    tell(order, OrderCreated, OrderConfirmed)
    seen(deliverer, lambda: len(receiver.deliveries(endpoint, "pending")) == 2)
    failed, waits = receiver.deliveries(endpoint, "pending")
    assert (failed.attempts, failed.response_status, failed.response_body) == (1, 500, "out of order")
    assert (waits.attempts, waits.response_status) == (0, None)
    assert state(endpoint).failing_since is not None
    tell(other, OrderCancelled)
    seen(deliverer, lambda: len(receiver.deliveries(endpoint, "succeeded")) == 3)
    sent = [message["event"]["type"] for message in receiver.received("/flaky") if message["event"]["subject"] == order]
    assert sent == ["order.created"] * 2 + ["order.confirmed"] * 2
    assert [delivery.attempts for delivery in receiver.deliveries(endpoint)] == [2, 2, 2]
    assert state(endpoint).failing_since is None


def test_retries_survive_the_deliverer(receiver: Receiver) -> None:
    endpoint, order = receiver.endpoint("/flaky"), new_id("ord")
    deliverer = receiver.deliver()
    tell(order, OrderCreated, OrderConfirmed)
    seen(deliverer, lambda: len(receiver.deliveries(endpoint, "pending")) == 2)
    deliverer.kill()
    deliverer.start()
    seen(deliverer, lambda: len(receiver.deliveries(endpoint, "succeeded")) == 2)
    assert [message["event"]["type"] for message in receiver.received("/flaky")][-1] == "order.confirmed"


def test_a_delivery_is_given_up_when_its_time_is_over_and_the_next_one_is_attempted(receiver: Receiver) -> None:
    endpoint = receiver.endpoint("/failing")
    deliverer = receiver.deliver(SHOP_WEBHOOKS_RETRY_DAYS="0.00001")
    tell(new_id("ord"), OrderCreated, OrderConfirmed)
    seen(deliverer, lambda: len(receiver.deliveries(endpoint, "failed")) == 2)
    assert [message["event"]["type"] for message in receiver.received("/failing")] == [
        "order.created", "order.confirmed",
    ]  # fmt: skip
    assert state(endpoint).status == "enabled"


@pytest.mark.parametrize(
    ("path", "days", "reason"), [("/gone", 0, "410"), ("/failing", 6, "Every delivery has failed for 5 days")]
)
def test_an_endpoint_that_is_gone_or_fails_for_days_is_disabled(
    receiver: Receiver, path: str, days: int, reason: str
) -> None:
    endpoint = receiver.endpoint(path)
    with transaction() as session:
        session.execute(update(Endpoint).values(failing_since=text(f"now() - interval '{days} days'")))
    deliverer = receiver.deliver()
    tell(new_id("ord"))
    seen(deliverer, lambda: state(endpoint).status == "disabled")
    assert reason in (state(endpoint).disabled_because or "")
    with transaction() as session:
        started = session.scalars(text("SELECT input FROM workflow.run WHERE workflow = 'webhook_disabled'")).all()
    assert [run["endpoint_id"] for run in started] == [endpoint.id]
    deliverer.kill()  # it takes note of changes only every second
    number = len(receiver.received(path))
    healthy = receiver.endpoint("/fine")
    tell(new_id("ord"))
    deliverer.start()
    seen(deliverer, lambda: len(receiver.deliveries(healthy, "succeeded")) == 1)
    assert len(receiver.received(path)) == number


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    endpoint = receiver.endpoint("/elsewhere")
    deliverer = receiver.deliver()
    tell(new_id("ord"))
    seen(deliverer, lambda: len(receiver.deliveries(endpoint, "pending")) == 1)
    [delivery] = receiver.deliveries(endpoint)
    assert (delivery.response_status, delivery.error) == (302, "Redirects are not followed.")
    assert receiver.received("/fine") == []


def test_a_response_of_ten_megabytes_is_cut_off(receiver: Receiver) -> None:
    endpoint = receiver.endpoint("/big")
    deliverer = receiver.deliver()
    for _ in range(3):
        tell(new_id("ord"))
    seen(deliverer, lambda: len(receiver.deliveries(endpoint, "succeeded")) == 3)
    assert {delivery.response_body for delivery in receiver.deliveries(endpoint)} == {"x" * 2000}


def test_nothing_is_delivered_into_private_networks(receiver: Receiver) -> None:
    hosts = ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "127.1", "0.0.0.0")  # noqa: S104
    endpoints = [receiver.endpoint("/fine") for _ in hosts]
    with transaction() as session:
        for endpoint, host in zip(endpoints, hosts, strict=True):
            url = f"http://{host}:{receiver.port}/fine"
            session.execute(update(Endpoint).where(Endpoint.id == endpoint.id).values(url=url))
    deliverer = receiver.deliver(SHOP_WEBHOOKS_ALLOW_PRIVATE="0")
    tell(new_id("ord"))
    seen(deliverer, lambda: all(receiver.deliveries(endpoint, "pending") for endpoint in endpoints))
    for endpoint in endpoints:
        [delivery] = receiver.deliveries(endpoint)
        assert delivery.response_status is None
        assert re.search("is not a (public|canonical IPv4) address", delivery.error or ""), delivery.url
    assert receiver.received("/fine") == []


def test_events_survive_any_number_of_killed_deliverers(receiver: Receiver) -> None:
    endpoint, flaky = receiver.endpoint("/fine"), receiver.endpoint("/flaky")
    deliverer, orders = receiver.deliver(), [new_id("ord") for _ in range(20)]
    for round, event in enumerate(STORY):
        for number, order in enumerate(orders):
            tell(order, event)
            if number % 10 == 5:
                seen(deliverer, partial(_has, receiver, round * 15 + number))
                deliverer.kill()
                deliverer.start()
    seen(deliverer, lambda: len(receiver.deliveries(endpoint, "succeeded")) == 60)
    seen(deliverer, lambda: len(receiver.deliveries(flaky, "succeeded")) == 60)
    for path in ("/fine", "/flaky"):
        received = receiver.received(path)
        bodies: dict[str, Any] = {}
        for message in received:
            assert bodies.setdefault(message["headers"]["webhook-id"], message["body"]) == message["body"]
        first = [json.loads(body) for body in bodies.values()]
        for order in orders:
            assert [e["type"] for e in first if e["subject"] == order] == [event.name for event in STORY]


def _has(receiver: Receiver, more: int) -> bool:
    return len(receiver.received("/fine")) > more


def test_of_two_deliverers_one_works(receiver: Receiver) -> None:
    endpoint = receiver.endpoint("/fine")
    first = receiver.deliver()
    first.wait_for("leader of webhooks")
    second = Process("shop", "webhooks", environment=first.environment, log=receiver.folder / "second.log")
    receiver.exits.callback(second.stop)
    second.wait_for("deliverer is running")
    tell(new_id("ord"))
    seen(first, lambda: len(receiver.deliveries(endpoint, "succeeded")) == 1)
    first.kill()
    second.wait_for("leader of webhooks")
    tell(new_id("ord"))
    seen(second, lambda: len(receiver.deliveries(endpoint, "succeeded")) == 2)
    assert len({message["headers"]["webhook-id"] for message in receiver.received("/fine")}) == 2
