"""The export of a user's personal data: complete, without secrets, and without what belongs to others."""

import json
from typing import Any

import pytest

from models.operations.personal_data import SECTIONS
from tests.conftest import all_tables
from tests.owning import own_everything

NOT_EXPORTED = {
    "accounts.password_reset": "a secret",
    "accounts.email_confirmation": "a secret; `user` has the address",
    "accounts.spent_token": "a secret",
    "accounts.recovery_code": "a secret",
    "accounts.spent_challenge": "a secret",
    "accounts.known_device": "a hash; `sessions` has the devices",
    "accounts.login_throttle": "a rate limit; its key is a hash",
    "notifications.suppression": "an address, which `user` has",
    "inventory.reservation": "how the shop allocates an order",
    "workflow.idempotency_key": "copies of responses, kept for a day",
    "workflow.run": "how the shop works on an order",
    "catalogue.import": "work of staff",
}
"""Tables about users that are not exported, and why."""
ABOUT_USERS = {"user_id", "owner", "order_id", "payment_id", "parcel_id", "return_id", "cart_id", "session_id"}
SECRETS = {"hash", "token", "secret", "p256dh", "auth", "code_of", "password"}


def test_every_table_about_users_is_exported_or_says_why_not() -> None:
    exported = {section.rows.fullname for section in SECTIONS}
    about = {table.fullname for table in all_tables() if ABOUT_USERS & set(table.columns.keys())}
    about |= {table.fullname for table in all_tables() if table.schema == "accounts"}
    unmentioned = about - exported - set(NOT_EXPORTED)
    assert unmentioned == {"payments.difference"}  # between the books of the shop and those of a payment provider
    assert not exported & set(NOT_EXPORTED)


def test_no_section_contains_secrets_or_files() -> None:
    for section in SECTIONS:
        for column in section.query().selected_columns:
            assert not SECRETS & set(column.name.split("_")), (section.name, column.name)
            assert "Binary" not in type(column.type).__name__, (section.name, column.name)


def exported(caller: Any) -> dict[str, Any]:
    answer = caller.get("/v1/me/export")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=shopflow-")
    found: dict[str, Any] = json.loads(answer.text)
    answer.close()
    return found


def test_a_user_gets_what_belongs_to_them_and_nothing_else(customer: Any, sign_in: Any) -> None:
    other = sign_in("bob")
    own, theirs = own_everything(customer.user_id), own_everything(other.user_id)
    found = exported(customer)
    assert [name for name in found if not found[name]] == []
    assert [*found] == ["exported_at", *(section.name for section in SECTIONS)]
    assert (found["user"][0]["id"], found["user"][0]["username"]) == (customer.user_id, "customer")
    assert [order["id"] for order in found["orders"]] == [own["ord"]]
    printed = json.dumps(found)
    assert other.user_id not in printed
    assert "bob" not in printed
    assert not any(id_ in printed for id_ in theirs.values())


def test_exports_are_limited(customer: Any) -> None:
    for status in (200, 200, 200, 429):
        answer = customer.get("/v1/me/export")
        assert answer.status_code == status
        answer.close()


@pytest.mark.parametrize("headers", [{}, {"X-Api-Key": "sk_1"}])
def test_only_the_user_gets_their_data(client: Any, headers: dict[str, str]) -> None:
    assert client.get("/v1/me/export", headers=headers).status_code in (401, 403)
