"""Webhook endpoints and their deliveries through the API."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text, update

from durable.ids import new_id
from models import webhooks
from models.core import event_feed, event_log
from models.core.database import transaction
from models.core.events import PUBLIC_TYPES, IncidentOpened
from models.operations import retention
from models.webhooks import Delivery, Endpoint
from models.webhooks.addresses import is_public
from tests.delivering import delivered, tell
from tests.models.auditing import broken, change, ledger

PLACE = "/v1/webhooks/endpoints"
URL = "https://warehouse.example/events"
NOW = datetime.now(UTC)
TODAY = {"from": (NOW - timedelta(days=1)).isoformat(), "to": (NOW + timedelta(days=1)).isoformat()}


@pytest.fixture
def admin(sign_in: Callable[..., Any]) -> Any:
    return sign_in("boss", "admin")


@pytest.fixture
def endpoint(admin: Any) -> str:
    made: str = admin.post(PLACE, json={"url": URL}).json["id"]
    return made


def test_an_endpoint_is_created_changed_and_deleted(admin: Any) -> None:
    answer = admin.post(PLACE, json={"url": URL, "types": ["order.confirmed"], "description": "The warehouse"})
    made = answer.json
    assert (answer.status_code, answer.headers["Location"]) == (201, f"{PLACE}/{made['id']}")
    assert made["secret"].startswith("whsec_")
    shown = admin.get(f"{PLACE}/{made['id']}").json
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert (shown["status"], shown["types"], shown["url"]) == ("enabled", ["order.confirmed"], URL)
    changed = admin.patch(f"{PLACE}/{made['id']}", json={"types": [], "url": f"{URL}/2", "status": "disabled"}).json
    assert (changed["types"], changed["url"], changed["status"]) == ([], f"{URL}/2", "disabled")
    assert changed["disabled_because"] == "Disabled by staff."
    assert admin.get(PLACE).json["data"] == [changed]
    assert admin.delete(f"{PLACE}/{made['id']}").status_code == 204
    assert admin.get(f"{PLACE}/{made['id']}").status_code == 404
    assert admin.get(PLACE).json["data"] == []
    with transaction() as session:
        assert session.get_one(Endpoint, made["id"]).secret == ""


def test_a_secret_is_shown_once_and_stored_nowhere_else(admin: Any, endpoint: str) -> None:
    rotated = admin.post(f"{PLACE}/{endpoint}/rotate").json
    assert rotated["previous_until"] is not None
    with transaction() as session:
        assert session.get_one(Endpoint, endpoint).secret == rotated["secret"]
        stored = session.scalars(
            text("""SELECT to_jsonb(event)::text FROM workflow.event
            UNION ALL SELECT to_jsonb(kept)::text FROM workflow.idempotency_key AS kept""")
        ).all()
    for place in (PLACE, f"{PLACE}/{endpoint}"):
        assert "whsec_" not in admin.get(place).text
    assert not [row for row in stored if "whsec_" in row]


@pytest.mark.parametrize(
    "url",
    [
        "http://warehouse.example/", "ftp://warehouse.example/", "https://", "warehouse.example", "https://[::1",
        "https://user@warehouse.example/", "https://warehouse.example/#part", "https://127.0.0.1/",
        "https://localhost/", "https://shop.localhost/", "https://printer.local/", "https://10.0.0.1/",
        "https://192.168.1.1:8443/", "https://169.254.169.254/latest", "https://[::1]/", "https://[::ffff:10.0.0.1]/",
        "https://[fd00::1]/", "https://0.0.0.0/", "https://warehouse.example:99999/",
        "https://ware house.example/", "https://warehouse.example/a b",
    ],
)  # fmt: skip
def test_urls_into_private_networks_and_malformed_ones_are_refused(admin: Any, url: str) -> None:
    answer = admin.post(PLACE, json={"url": url})
    assert (answer.status_code, answer.json["code"]) == (422, "url_not_allowed")
    assert list(answer.json["errors"]) == ["url"]
    assert admin.get(PLACE).json["data"] == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("64:ff9b::808:808", True), ("::ffff:8.8.8.8", True),
        ("127.0.0.1", False), ("10.1.2.3", False), ("172.16.0.1", False), ("192.168.0.1", False), ("0.0.0.0", False),  # noqa: S104
        ("169.254.169.254", False), ("100.64.0.1", False), ("224.0.0.1", False), ("255.255.255.255", False),
        ("::1", False), ("::", False), ("fe80::1%eth0", False), ("fd00::1", False), ("ff02::1", False),
        ("::ffff:127.0.0.1", False), ("64:ff9b::a00:1", False), ("2002:7f00:1::", False),
    ],
)  # fmt: skip
def test_private_addresses_are_recognised_in_every_form(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_there_is_a_limit_of_endpoints(admin: Any) -> None:
    with transaction() as session:
        for number in range(50):
            webhooks.create_endpoint(session, f"{URL}/{number}", [], "")
    answer = admin.post(PLACE, json={"url": URL})
    assert (answer.status_code, answer.json["code"]) == (409, "too_many_endpoints")


def test_endpoints_require_permissions(staff: Any, customer: Any, admin: Any, endpoint: str) -> None:
    admin.put("/v1/roles/warehouse", json={"permissions": ["webhooks:read"]})
    for caller, status in ((customer, 403), (staff, 200)):
        assert caller.get(PLACE).status_code == status
        assert caller.get(f"{PLACE}/{endpoint}/deliveries").status_code == status
        assert caller.post(PLACE, json={"url": URL}).status_code == 403
        assert caller.post(f"{PLACE}/{endpoint}/rotate").status_code == 403
        assert caller.post(f"{PLACE}/{endpoint}/redeliver", json=TODAY).status_code == 403
        assert caller.delete(f"{PLACE}/{endpoint}").status_code == 403


def test_the_log_shows_request_and_response(admin: Any, endpoint: str) -> None:
    delivered(endpoint, url=URL, response_status=500, response_body="out of order", duration=12, due=60.0)
    [shown] = admin.get(f"{PLACE}/{endpoint}/deliveries").json["data"]
    assert (shown["status"], shown["attempts"], shown["type"]) == ("pending", 1, "order.created")
    assert shown["response"] == {"status": 500, "body": "out of order"}
    assert shown["request"]["url"] == URL
    assert shown["request"]["body"]["id"] == shown["event_id"]
    assert shown["next_attempt_at"] is not None
    for status, number in (("pending", 1), ("failed", 0), ("succeeded", 0)):
        assert len(admin.get(f"{PLACE}/{endpoint}/deliveries?status={status}").json["data"]) == number
    for type_, number in (("order.created", 1), ("order.confirmed", 0)):
        assert len(admin.get(f"{PLACE}/{endpoint}/deliveries?type={type_}").json["data"]) == number
    for wrong in ("status=odd", "type=login.throttled"):
        assert admin.get(f"{PLACE}/{endpoint}/deliveries?{wrong}").status_code == 422
    assert admin.get(f"{PLACE}/{new_id('whe')}/deliveries").status_code == 404


def test_a_delivery_is_made_again(admin: Any, endpoint: str) -> None:
    delivery = delivered(endpoint, succeeded=True)
    answer = admin.post(f"/v1/webhooks/deliveries/{delivery}/redeliver")
    assert (answer.status_code, answer.json["status"], answer.json["attempts"]) == (200, "pending", 0)
    admin.patch(f"{PLACE}/{endpoint}", json={"status": "disabled"})
    refused = admin.post(f"/v1/webhooks/deliveries/{delivery}/redeliver")
    assert (refused.status_code, refused.json["code"]) == (409, "endpoint_disabled")
    assert admin.post(f"/v1/webhooks/deliveries/{new_id('whd')}/redeliver").status_code == 404


def test_the_events_of_a_period_are_delivered_again(admin: Any, endpoint: str) -> None:
    delivered(endpoint, succeeded=True)  # one of two events
    answer = admin.post(f"{PLACE}/{endpoint}/redeliver", json=TODAY)
    assert (answer.status_code, answer.json) == (200, {"deliveries": 2})
    assert len(admin.get(f"{PLACE}/{endpoint}/deliveries?status=pending").json["data"]) == 2
    yesterday = {"from": (NOW - timedelta(days=2)).isoformat(), "to": (NOW - timedelta(days=1)).isoformat()}
    assert admin.post(f"{PLACE}/{endpoint}/redeliver", json=yesterday).json == {"deliveries": 0}
    with transaction() as session:
        event_log.emit(session, IncidentOpened(incident="dispatchers", state="opened", detail="None sweeps."))
        session.info.clear()  # no worker mails it
    with transaction() as session:
        event_feed.place_events(session)
    assert admin.post(f"{PLACE}/{endpoint}/redeliver", json=TODAY).json == {"deliveries": 2}  # not those for operators
    admin.patch(f"{PLACE}/{endpoint}", json={"types": ["order.confirmed"]})
    assert admin.post(f"{PLACE}/{endpoint}/redeliver", json=TODAY).json == {"deliveries": 1}
    wrong = admin.post(f"{PLACE}/{endpoint}/redeliver", json={"from": TODAY["to"], "to": TODAY["from"]})
    assert (wrong.status_code, wrong.json["code"]) == (422, "invalid_fields")
    admin.patch(f"{PLACE}/{endpoint}", json={"status": "disabled"})
    assert admin.post(f"{PLACE}/{endpoint}/redeliver", json=TODAY).json["code"] == "endpoint_disabled"


def test_a_period_with_too_many_events_is_refused(admin: Any, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.webhooks.redelivery.MAX_EVENTS", 2)
    tell(2)
    answer = admin.post(f"{PLACE}/{endpoint}/redeliver", json=TODAY)
    assert (answer.status_code, answer.json["code"]) == (422, "too_many_events")
    assert admin.get(f"{PLACE}/{endpoint}/deliveries").json["data"] == []


def test_an_endpoint_that_is_enabled_again_continues_with_what_happens_next(admin: Any, endpoint: str) -> None:
    admin.patch(f"{PLACE}/{endpoint}", json={"status": "disabled"})
    tell()
    enabled = admin.patch(f"{PLACE}/{endpoint}", json={"status": "enabled"}).json
    assert (enabled["status"], enabled["cursor"], enabled["disabled_at"]) == ("enabled", 2, None)


def test_only_public_types_can_be_asked_for(admin: Any) -> None:
    answer = admin.post(PLACE, json={"url": URL, "types": ["key.created"]})
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_fields")
    assert admin.post(PLACE, json={"url": URL, "types": list(PUBLIC_TYPES)}).status_code == 201


def test_old_deliveries_are_deleted_and_events_wait_for_enabled_endpoints(admin: Any, endpoint: str) -> None:
    delivery = delivered(endpoint)
    with transaction() as session:
        session.execute(text("UPDATE workflow.event SET created_at = now() - interval '500 days'"))
        session.execute(text("UPDATE workflow.event SET id = ('01800000' || substr(id::text, 9))::uuid"))
        session.execute(update(Delivery).values(attempted_at=text("now() - interval '31 days'")))
        session.execute(text("UPDATE webhooks.delivery SET id = '01900000-0000-7000-8000-000000000000'"))
        event_feed.read_cursor(session, event_feed.POSITIONS)
        kept = retention.count(session, "events")
        assert retention.count(session, "deliveries") == 1
        retention.prune(session, ["deliveries"])
        assert session.get(Delivery, delivery) is None
    admin.patch(f"{PLACE}/{endpoint}", json={"status": "disabled"})
    with transaction() as session:
        assert retention.count(session, "events") > kept


def test_the_audit_finds_an_endpoint_to_which_nothing_is_delivered(endpoint: str) -> None:
    tell()
    change("UPDATE workflow.event SET created_at = now() - interval '1 hour' WHERE position IS NOT NULL")
    assert list(broken(ledger())) == ["webhooks are delivered or under way"]
    change("UPDATE webhooks.endpoint SET disabled_at = now()")
    assert broken(ledger()) == {}
