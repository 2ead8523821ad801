"""Templates, the delivery log, suppressed addresses and unsubscribing over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from models import accounts, notifications
from models.core.database import transaction
from models.notifications import contexts, kinds, unsubscribe_url

WELCOME = "/v1/notification-templates/welcome/email/de"


def compose(user_id: str, address: str, key: str = "k") -> notifications.Message:
    context: contexts.Account = {"first_name": "Ada", "username": "ada"}
    with transaction() as session:
        return notifications.compose(
            session, kinds.WELCOME, context, key=key, channel="email", recipient=address, language="de", user_id=user_id
        )


# ---- templates


def test_staff_read_change_and_reset_a_template(staff: Any, customer: Any) -> None:
    original = staff.get(WELCOME).json
    assert (original["subject"], original["updated_at"]) == ("Willkommen in unserem Shop", None)
    assert original["names"] == ["first_name", "username"]
    changed = staff.patch(WELCOME, json={"subject": "Hallo {{ first_name }}"}).json
    assert (changed["subject"], changed["text"]) == ("Hallo {{ first_name }}", original["text"])
    assert changed["updated_at"] is not None
    listed = staff.get("/v1/notification-templates").json["data"]
    assert [row for row in listed if row["updated_at"]] == [changed]
    message = compose(customer.user_id, "ada@example.org")
    assert (message.subject, message.text[:14]) == ("Hallo Ada", "Guten Tag Ada,")
    assert staff.delete(WELCOME).status_code == 204
    assert staff.delete(WELCOME).status_code == 204
    assert staff.get(WELCOME).json == original
    assert compose(customer.user_id, "ada@example.org", "k2").subject == "Willkommen in unserem Shop"


@pytest.mark.parametrize("path", ["gossip/email/en", "welcome/fax/en", "welcome/email/fr", "welcome/sms/en"])
def test_an_unknown_template_is_not_found(staff: Any, path: str) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        body = {"json": {"subject": "S"}} if method == "PATCH" else {}
        assert staff.open(method, f"/v1/notification-templates/{path}", **body).status_code == 404
    assert staff.post(f"/v1/notification-templates/{path}/preview", json={}).status_code == 404


@pytest.mark.parametrize(
    ("field", "source", "line"),
    [
        ("text", "Dear\n\n{% if first_name %}", 3),
        ("text", "Dear {{ name }}", 1),
        ("subject", "{% for a in (1..100000) %}{{ a }}{% endfor %}", 1),
        ("subject", "{% include 'x' %}", 1),
    ],
)
def test_a_template_that_does_not_work_is_refused_with_its_line(staff: Any, field: str, source: str, line: int) -> None:
    for method, path in (("PATCH", WELCOME), ("POST", f"{WELCOME}/preview")):
        refused = staff.open(method, path, json={field: source})
        assert (refused.status_code, refused.json["code"]) == (422, "template_refused")
        assert (refused.json["field"], refused.json["line"]) == (field, line)
        assert refused.json["reason"] in refused.json["detail"]
    assert staff.get(WELCOME).json["updated_at"] is None


def test_a_preview_saves_nothing(staff: Any) -> None:
    made = staff.post(f"{WELCOME}/preview", json={"text": "Hallo **{{ first_name }}**\n\n<script>1</script>"}).json
    assert made["subject"] == "Willkommen in unserem Shop"
    assert made["text"].startswith("Hallo **Ada**\n")
    assert "<p>Hallo <strong>Ada</strong></p>" in made["html"]
    assert "&lt;script&gt;" in made["html"]
    assert "<!doctype html>" in made["html"]
    assert staff.get(WELCOME).json["updated_at"] is None


# ---- deliveries


def test_a_customer_sees_what_was_sent(customer: Any, staff: Any, sign_in: Callable[..., Any]) -> None:
    for key in ("a", "b", "c"):
        compose(customer.user_id, "customer@example.org", key)
    with transaction() as session:
        notifications.record_delivery(session, "welcome", key="a", channel="email", fault=None, attempts=2)
        notifications.record_delivery(session, "welcome", key="b", channel="email", fault="552 too large", attempts=1)
    page = customer.get("/v1/notifications?limit=2").json
    assert [(row["status"], row["attempts"], row["last_error"]) for row in page["data"]] == [
        ("pending", None, None), ("refused", 1, "552 too large"),
    ]  # fmt: skip
    (last,) = customer.get(f"/v1/notifications?cursor={page['next_cursor']}").json["data"]
    assert (last["kind"], last["channel"], last["status"], last["attempts"]) == ("welcome", "email", "sent", 2)
    assert last["sent_at"] is not None
    others = f"/v1/notifications?user_id={customer.user_id}"
    assert [row["id"] for row in staff.get(others).json["data"]] == [*(row["id"] for row in page["data"]), last["id"]]
    assert staff.get("/v1/notifications").json["data"] == []
    assert customer.get(others).json["data"] == staff.get(others).json["data"]
    refused = sign_in("stranger").get(others)
    assert (refused.status_code, refused.json["permission"]) == (403, "notifications:read")


def test_bounces_and_complaints_suppress_an_address_until_it_is_lifted(staff: Any, customer: Any) -> None:
    message = compose(customer.user_id, "Ada@example.org")

    def report(**changes: str) -> int:
        body = {"address": "ada@Example.org", "type": "permanent", "reason": "550 unknown", **changes}
        status: int = staff.post("/v1/webhooks/bounces", json=body).status_code
        return status

    assert report(type="temporary") == 204
    assert staff.get("/v1/notifications/suppressions").json["data"] == []
    assert report(message_id=f"<{message.id}@shopflow>") == report(type="complaint") == 204
    (row,) = staff.get("/v1/notifications/suppressions").json["data"]
    assert (row["address"], row["source"], row["reason"]) == ("ada@example.org", "permanent", "550 unknown")
    (seen,) = customer.get("/v1/notifications").json["data"]
    assert (seen["status"], seen["last_error"]) == ("bounced", "550 unknown")
    assert report(type="soft") == 422
    assert customer.post("/v1/webhooks/bounces", json={}).status_code == 403
    assert staff.delete("/v1/notifications/suppressions/ADA@example.org").status_code == 204
    assert staff.delete("/v1/notifications/suppressions/ADA@example.org").status_code == 404


def test_a_bounce_of_a_mail_to_another_address_is_not_recorded_with_it(staff: Any, customer: Any) -> None:
    message = compose(customer.user_id, "customer@example.org")
    body = {"address": "eve@example.org", "type": "permanent", "message_id": f"<{message.id}@shopflow>"}
    assert staff.post("/v1/webhooks/bounces", json=body).status_code == 204
    assert customer.get("/v1/notifications").json["data"][0]["status"] == "pending"


# ---- unsubscribing


def test_the_link_of_a_mail_unsubscribes_without_signing_in(client: Any, customer: Any) -> None:
    link = unsubscribe_url(customer.user_id, kinds.CART_REMINDER, "email").partition("/v1")[2]
    customer.patch("/v1/me", json={"language": "de"})

    def wanted() -> bool:
        found: bool = customer.get("/v1/me/preferences").json["cart_reminder"]["email"]
        return found

    page = client.get(f"/v1{link}")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert '<form method="post"><button' in page.text
    assert "E-Mails abbestellen" in page.text
    assert wanted()
    for _ in range(2):  # as RFC 8058 requires it
        done = client.post(f"/v1{link}", data={"List-Unsubscribe": "One-Click"})
        assert (done.status_code, "Abbestellt" in done.text) == (200, True)
        assert not wanted()
    assert client.post(f"/v1{link}").status_code == 200  # without a body
    assert customer.get("/v1/me/preferences").json["order_delivered"]["email"] is True


def test_a_forged_link_and_that_of_a_closed_account_are_not_found(client: Any, customer: Any) -> None:
    link = unsubscribe_url(customer.user_id, kinds.CART_REMINDER, "email").partition("/v1")[2]
    for method in ("GET", "POST"):
        assert client.open(f"/v1{link}x", method=method).status_code == 404
        assert client.open("/v1/unsubscribe", method=method).status_code == 422
    customer.delete("/v1/me")
    assert client.get(f"/v1{link}").status_code == client.post(f"/v1{link}").status_code == 404


def test_mandatory_mails_have_no_link(customer: Any) -> None:
    assert unsubscribe_url(customer.user_id, kinds.ORDER_CONFIRMED, "email") == ""
    with transaction() as session:
        assert accounts.wants(session, customer.user_id, "order_confirmed", "email")


def test_staff_read_what_was_mailed_and_customers_what_was_mailed_to_them(
    staff: Any, customer: Any, sign_in: Callable[..., Any]
) -> None:
    message = compose(customer.user_id, "ada@example.org")
    path = f"/v1/notifications/{message.id}"
    for caller in (staff, customer):
        shown = caller.get(path)
        assert (shown.status_code, shown.json["text"], shown.json["status"]) == (200, message.text, "pending")
    assert (
        sign_in("stranger").get(path).status_code == staff.get(f"/v1/notifications/ntf_{'0' * 32}").status_code == 404
    )


def test_nobody_reads_tokens_or_queries_of_links(staff: Any, customer: Any) -> None:
    message = compose(customer.user_id, "ada@example.org")
    with transaction() as session:
        row = session.get_one(notifications.Notification, message.id)
        row.text = "Pay at https://pay.example/confirm?client_secret=pi_1_secret_2 now, or at https://shop.example/a."
    shown = staff.get(f"/v1/notifications/{message.id}").json["text"]
    assert shown == "Pay at https://pay.example/confirm?… now, or at https://shop.example/a."
