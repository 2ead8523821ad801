"""The feed of public events: by position, as a stream, and as an AsyncAPI document."""

import json
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import requests

from durable.ids import new_id
from models.core import event_feed, event_log
from models.core.database import transaction
from models.core.events import PUBLIC_TYPES, KeyRevoked, OrderConfirmed, OrderCreated
from tests.serving import serving

ROOT = Path(__file__).parents[2]


def order_events(number: int) -> list[str]:
    """Creates and confirms orders, and gives the events positions. Returns the orders' ids."""
    orders = [new_id("ord") for _ in range(number)]
    with transaction() as session:
        for order in orders:
            for event in (OrderCreated, OrderConfirmed):
                event_log.emit(session, event(order_id=order, user_id=new_id("usr")))
        event_log.emit(session, KeyRevoked(key_id=new_id("key")))
    with transaction() as session:
        event_feed.place_events(session)
    return orders


def positions(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.json
    return [event["position"] for event in answer.json["data"]]


def test_the_feed_returns_public_events_after_a_position_oldest_first(staff: Any) -> None:
    orders = order_events(3)
    first = staff.get("/v1/events?after=0&limit=4")
    assert positions(first) == [1, 2, 3, 4]
    assert positions(staff.get(f"/v1/events?after=0&limit=4&cursor={first.json['next_cursor']}")) == [5, 6]
    assert positions(staff.get("/v1/events?after=4")) == [5, 6]
    assert positions(staff.get("/v1/events?after=6")) == []
    assert positions(staff.get("/v1/events?after=1&type=order.created")) == [3, 5]
    assert positions(staff.get(f"/v1/events?after=0&subject={orders[1]}")) == [3, 4]
    shown = first.json["data"][0]
    assert (shown["type"], shown["version"], shown["subject"]) == ("order.created", 1, orders[0])
    assert (shown["data"], shown["timestamp"]) == (shown["payload"], shown["created_at"])


def test_the_list_of_all_events_also_has_those_that_are_not_public(staff: Any) -> None:
    order_events(1)
    newest = staff.get("/v1/events").json["data"][0]
    assert (newest["name"], newest["position"], newest["version"]) == ("key.revoked", None, None)


@pytest.mark.parametrize(
    "wrong", ["after=-1", "after=x", f"after={2**63}", "type=key.revoked", "type=order", "until=1"]
)
def test_invalid_parameters_of_the_feed_are_refused(staff: Any, wrong: str) -> None:
    answer = staff.get(f"/v1/events?{wrong}")
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_fields")


def test_customers_get_neither_the_feed_nor_the_stream(customer: Any) -> None:
    assert customer.get("/v1/events?after=0").status_code == 403
    assert customer.get("/v1/events/stream").status_code == 403


def test_a_wrong_last_event_id_is_refused(staff: Any) -> None:
    for wrong in ("go", "-1", "1" * 19, ""):
        answer = staff.get("/v1/events/stream", headers={"Last-Event-ID": wrong})
        assert (answer.status_code, answer.json["code"]) == (422, "invalid_fields")


@pytest.fixture
def url(seeds: Any, tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path) as url:
        yield url


def messages(stream: requests.Response) -> Iterator[tuple[str, str, Any]]:
    """Id, type and data of each message of a stream."""
    block: dict[str, str] = {}
    for line in map(bytes.decode, stream.iter_lines(chunk_size=1)):
        name, _, value = line.partition(": ")
        block[name] = value
        if not line:
            if "data" in block:
                yield block["id"], block["event"], json.loads(block["data"])
            block = {}


def test_the_stream_continues_after_the_last_event_id(url: str, sign_in: Callable[..., Any]) -> None:
    staff = sign_in("boss", "staff")
    orders = order_events(2)
    place = f"{url}/v1/events/stream"
    with requests.get(f"{place}?after=1", headers=staff.headers, stream=True, timeout=20) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        first, second = islice(messages(stream), 2)
        assert [first[:2], second[:2]] == [("2", "order.confirmed"), ("3", "order.created")]
    headers = {**staff.headers, "Last-Event-ID": "3"}
    with requests.get(f"{place}?type=order.confirmed", headers=headers, stream=True, timeout=20) as stream:
        found = messages(stream)
        number, _, event = next(found)
        assert (number, event["subject"], event["position"]) == ("4", orders[1], 4)
        [later] = order_events(1)
        number, _, event = next(found)
        assert (number, event["subject"]) == ("6", later)


def test_a_stream_without_a_position_begins_with_what_happens_next(url: str, sign_in: Callable[..., Any]) -> None:
    staff = sign_in("boss", "staff")
    order_events(1)
    with requests.get(f"{url}/v1/events/stream", headers=staff.headers, stream=True, timeout=20) as stream:
        [later] = order_events(1)
        assert next(messages(stream))[2]["subject"] == later


def test_the_asyncapi_document_describes_the_events_as_they_are_sent(client: Any) -> None:
    document = client.get("/asyncapi.json").json
    assert document["asyncapi"] == "3.0.0"
    assert set(document["channels"]) == set(document["operations"]) == set(PUBLIC_TYPES)
    order_events(1)
    with transaction() as session:
        sent = event_feed.read_after(session, 0, until=2)
    for event in sent:
        [reference] = document["channels"][event.type]["messages"].values()
        message = document["components"]["messages"][reference["$ref"].rpartition("/")[2]]
        schema = {**message["payload"], "components": document["components"]}
        jsonschema_rs.validate(schema, event.envelope())
        with pytest.raises(jsonschema_rs.ValidationError):
            jsonschema_rs.validate(schema, {**event.envelope(), "data": {}})


def test_every_reference_in_the_asyncapi_document_leads_somewhere(client: Any) -> None:
    text = client.get("/asyncapi.json").text
    references = set(re.findall(r'"\$ref": "#/([^"]+)"', text))
    assert len(references) == 3 * len(PUBLIC_TYPES)
    for reference in references:
        part = json.loads(text)
        for name in reference.split("/"):
            part = part[name]
