"""The views of phone numbers and devices."""

from typing import Any

import pytest

from models import accounts
from models.core.database import transaction
from tests.reaching import ENDPOINT, KEYS, NUMBER, add_phone

SUBSCRIPTION = {"endpoint": ENDPOINT, "expirationTime": None, "keys": KEYS}


def test_a_phone_number_is_given_verified_and_removed(customer: Any) -> None:
    assert customer.get("/v1/me/phone").status_code == 404
    given = customer.put("/v1/me/phone", json={"number": "+49 151 23456789"})
    assert (given.status_code, given.json["status"]) == (202, "running")
    assert customer.get("/v1/me/phone").json["number"] == NUMBER
    code = accounts.derive_code(given.json["task_id"])
    verified = customer.post("/v1/me/phone/verify", json={"code": code})
    assert (verified.status_code, verified.json["verified_at"] is None) == (200, False)
    again = customer.put("/v1/me/phone", json={"number": NUMBER})
    assert (again.status_code, again.json["code"]) == (409, "already_verified")
    for _ in range(2):
        assert customer.delete("/v1/me/phone").status_code == 204
    assert customer.post("/v1/me/phone/verify", json={"code": code}).status_code == 404


def test_a_wrong_code_counts_although_it_is_refused(customer: Any) -> None:
    given = customer.put("/v1/me/phone", json={"number": NUMBER})
    wrong = f"{(int(accounts.derive_code(given.json['task_id'])) + 1) % 10**6:06}"
    answers = [customer.post("/v1/me/phone/verify", json={"code": wrong}) for _ in range(6)]
    assert [answer.json.get("attempts_left") for answer in answers] == [4, 3, 2, 1, 0, None]
    assert (answers[5].status_code, answers[5].json["code"]) == (409, "code_expired")


def test_an_invalid_number_is_refused_and_changes_nothing(customer: Any) -> None:
    add_phone(customer.user_id)
    refused = customer.put("/v1/me/phone", json={"number": "+49 1"})
    assert (refused.status_code, refused.json["code"]) == (422, "invalid_phone_number")
    assert list(refused.json["errors"]) == ["number"]
    assert customer.get("/v1/me/phone").json["verified_at"] is not None


def test_codes_are_throttled_by_user_and_by_number(customer: Any, sign_in: Any) -> None:
    numbers = [NUMBER, "+447400123456", "+4915123456780"]
    assert [customer.put("/v1/me/phone", json={"number": one}).status_code for one in numbers] == [202] * 3
    refused = customer.put("/v1/me/phone", json={"number": "+4915123456781"})
    assert (refused.status_code, refused.json["code"]) == (429, "too_many_requests")
    assert int(refused.headers["Retry-After"]) > 1000
    others = [sign_in(f"other{number}") for number in range(3)]
    answers = [other.put("/v1/me/phone", json={"number": NUMBER}).status_code for other in others]
    assert answers == [202, 202, 429]


def test_devices_are_added_listed_and_removed(customer: Any, sign_in: Any) -> None:
    added = customer.post("/v1/me/devices", json={"type": "web_push", "subscription": SUBSCRIPTION})
    assert (added.status_code, added.json["service"], added.json["verified"]) == (201, "updates.push.example", False)
    shown = str(customer.get("/v1/me/devices").json)
    assert added.json["id"] in shown
    assert not any(secret in shown for secret in (ENDPOINT, *KEYS.values()))
    path = f"/v1/me/devices/{added.json['id']}"
    stranger = sign_in("stranger")
    assert {stranger.open(method, path).status_code for method in ("GET", "DELETE")} == {404}
    assert stranger.post(f"{path}/test").status_code == 404
    assert customer.get(path).json == added.json
    assert customer.delete(path).status_code == 204
    assert customer.delete(path).status_code == 404
    for number in range(2):
        subscription = {**SUBSCRIPTION, "endpoint": f"{ENDPOINT}{number}"}
        assert customer.post("/v1/me/devices", json={"subscription": subscription}).status_code == 201
    assert customer.delete("/v1/me/devices").status_code == 204
    assert customer.get("/v1/me/devices").json["data"] == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"endpoint": "https://127.0.0.1/x"}, "url_not_allowed"),
        ({"endpoint": "ftp://push.example/x"}, "invalid_fields"),
        ({"keys": {**KEYS, "auth": "short"}}, "invalid_fields"),
        ({"keys": {**KEYS, "p256dh": "B" + "A" * 86}}, "invalid_fields"),
        ({"keys": {}}, "invalid_fields"),
    ],
)
def test_an_invalid_subscription_is_refused(customer: Any, change: dict[str, Any], code: str) -> None:
    refused = customer.post("/v1/me/devices", json={"subscription": {**SUBSCRIPTION, **change}})
    assert (refused.status_code, refused.json["code"]) == (422, code)
    assert customer.get("/v1/me/devices").json["data"] == []


def test_tests_of_devices_are_throttled(customer: Any) -> None:
    added = customer.post("/v1/me/devices", json={"subscription": SUBSCRIPTION})
    answers = [customer.post(f"/v1/me/devices/{added.json['id']}/test").status_code for _ in range(11)]
    assert answers == [202] * 10 + [429]


def test_the_push_key_is_a_public_key(client: Any) -> None:
    key = client.get("/v1/push-key").json["public_key"]
    assert (len(key), key[0]) == (87, "B")


def test_closing_an_account_removes_phone_and_devices(customer: Any) -> None:
    add_phone(customer.user_id)
    customer.post("/v1/me/devices", json={"subscription": SUBSCRIPTION})
    assert customer.delete("/v1/me").status_code == 204
    with transaction() as session:
        assert accounts.find_phone(session, customer.user_id) is None
        assert session.scalars(accounts.list_devices(customer.user_id)).all() == []


def test_a_number_bounces_like_an_address(customer: Any, staff: Any) -> None:
    report = {"address": NUMBER, "type": "permanent", "reason": "unknown subscriber"}
    assert staff.post("/v1/webhooks/bounces", json=report).status_code == 204
    (found,) = staff.get("/v1/notifications/suppressions").json["data"]
    assert (found["address"], found["source"]) == (NUMBER, "permanent")
    assert staff.delete(f"/v1/notifications/suppressions/{NUMBER}").status_code == 204
    assert staff.post("/v1/webhooks/bounces", json={**report, "address": "nobody"}).status_code == 422


def test_a_template_of_a_text_message_is_previewed_without_the_layout_of_a_mail(staff: Any) -> None:
    made = staff.post("/v1/notification-templates/order_shipped/sms/de/preview", json={})
    assert made.json == {
        "subject": "Ein Paket zur Bestellung 100001 ist unterwegs", "html": "",
        "text": "Albatross AB123456789: https://track.example/AB123456789\n",
    }  # fmt: skip
    unknown = staff.post("/v1/notifications/test", json={"kind": "password_reset", "channel": "sms"})
    assert unknown.status_code == 404
