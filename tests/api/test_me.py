"""The signed-in user's addresses, preferences, orders and sessions, and closing the account."""

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

import durable
from durable import Step, queries, transitions
from models import access, accounts, carts, notifications, orders, payments
from models.core import event_log
from models.core.database import transaction
from models.core.errors import NotFound
from tests.conftest import ADDRESS, PASSWORD, all_tables
from tests.shopping import make_product, place_order
from workflows.accounts import ERASURE

LANE = {"line1": "1 Lane", "city": "Leeds", "country": "GB"}


def end_run(session: Session, order: orders.Order) -> None:
    assert order.run_id
    transitions.end(session, queries.get_run(session, order.run_id), "succeeded")


def bought(user_id: str, status: str = "delivered") -> str:
    """An order in this status, whose run has ended."""
    product = make_product(f"SKU-{status}-{user_id[-6:]}", 5)
    with transaction() as session:
        order = place_order(session, user_id, {product: 1})
        session.info.clear()  # not to be published
        end_run(session, order)
        order.status, order.confirmed_at = status, datetime.now(UTC)
        carts.remove_ordered(session, user_id, order.id, {product: 1})
        return order.id


def read_address(order_id: str) -> dict[str, Any]:
    with transaction() as session:
        return orders.get(session, order_id).address


def pending_token(user_id: str) -> str | None:
    """The token that confirms the user's new address."""
    with transaction() as session:
        pending = accounts.find_pending_email(session, user_id)
        return accounts.derive_change_token(pending.run_id) if pending else None


def erase(user_id: str) -> None:
    """Runs the steps of the workflow `erasure`, without workers."""
    for step in ERASURE.stages:
        assert isinstance(step, Step)
        with transaction() as session:
            step.work(session, SimpleNamespace(input={"user_id": user_id}))


# ---- addresses


def test_exactly_one_address_is_the_default(customer: Any) -> None:
    def defaults() -> list[str]:
        return [a["city"] for a in customer.get("/v1/me/addresses").json["data"] if a["default"]]

    assert defaults() == ["London"]
    leeds = customer.post("/v1/me/addresses", json=LANE).json
    assert leeds["default"] is False
    york = customer.post("/v1/me/addresses", json={**LANE, "city": "York", "default": True}).json
    assert defaults() == ["York"]
    assert customer.patch(f"/v1/me/addresses/{leeds['id']}", json={"default": True}).json["default"] is True
    assert defaults() == ["Leeds"]
    assert customer.patch(f"/v1/me/addresses/{leeds['id']}", json={"default": False}).json["default"] is True
    assert customer.delete(f"/v1/me/addresses/{leeds['id']}").status_code == 204
    assert defaults() == ["London"]  # the oldest remaining address
    for address in customer.get("/v1/me/addresses").json["data"]:
        customer.delete(f"/v1/me/addresses/{address['id']}")
    assert customer.post("/v1/me/addresses", json=LANE).json["default"] is True
    assert customer.get(f"/v1/me/addresses/{york['id']}").status_code == 404


def test_an_address_is_patched_field_by_field_by_its_owner(customer: Any, sign_in: Callable[..., Any]) -> None:
    stranger = sign_in("stranger")
    address = f"/v1/me/addresses/{customer.get('/v1/me/addresses').json['data'][0]['id']}"
    order_id = bought(customer.user_id)
    changed = customer.patch(address, json={"line1": "1 Square", "postal_code": "N1"})
    assert (changed.status_code, changed.json["line1"], changed.json["city"]) == (200, "1 Square", "London")
    assert customer.get(address).json == changed.json
    assert read_address(order_id)["line1"] == ADDRESS["line1"]
    for refused in ({"line1": ""}, {"city": None}, {"default": "yes"}, {"default": 1}, {"zip": "1"}):
        assert customer.patch(address, json=refused).status_code == 422
    assert stranger.get(address).status_code == 404
    assert stranger.patch(address, json={"city": "Rome"}).status_code == 404


# ---- preferences


def test_preferences_are_kept_by_kind_and_channel(customer: Any, sign_in: Callable[..., Any]) -> None:
    first = customer.get("/v1/me/preferences").json
    assert first["order_confirmed"] == {"email": True, "sms": False, "push": True}
    change = {"cart_reminder": {"email": False}, "order_confirmed": {"sms": True}}
    changed = customer.patch("/v1/me/preferences", json=change)
    assert changed.status_code == 200
    assert changed.json["cart_reminder"] == {"email": False, "sms": False, "push": False}
    assert changed.json["order_confirmed"] == {"email": True, "sms": True, "push": True}
    assert customer.get("/v1/me/preferences").json == changed.json
    assert sign_in("other").get("/v1/me/preferences").json == first
    with transaction() as session:
        assert not accounts.wants(session, customer.user_id, "cart_reminder", "email")
        assert accounts.wants(session, customer.user_id, "order_confirmed", "sms")
        assert not accounts.wants(session, customer.user_id, "cart_reminder", "push")


def test_mandatory_notifications_cannot_be_disabled(customer: Any) -> None:
    change = {"order_confirmed": {"email": False}, "cart_reminder": {"email": False}}
    refused = customer.patch("/v1/me/preferences", json=change)
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["order_confirmed.email"])
    assert customer.get("/v1/me/preferences").json["cart_reminder"]["email"] is True  # nothing was changed


@pytest.mark.parametrize(
    "change", [{"gossip": {"email": True}}, {"welcome": {"fax": True}}, {"welcome": {"sms": "yes"}}, {"welcome": True}]
)
def test_unknown_preferences_are_refused(customer: Any, change: Any) -> None:
    assert customer.patch("/v1/me/preferences", json=change).status_code == 422


# ---- orders and sessions


def test_own_orders_are_listed_newest_first(customer: Any, sign_in: Callable[..., Any]) -> None:
    clerk = sign_in("clerk", "staff")
    old, new = bought(customer.user_id), bought(customer.user_id, "confirmed")
    page = customer.get("/v1/me/orders?limit=1").json
    assert ([order["id"] for order in page["data"]], page["has_more"]) == ([new], True)
    rest = customer.get(f"/v1/me/orders?cursor={page['next_cursor']}").json
    assert [order["id"] for order in rest["data"]] == [old]
    assert clerk.get("/v1/me/orders").json["data"] == []  # permission to read all orders does not apply here
    assert len(clerk.get("/v1/orders").json["data"]) == 2


def test_all_other_sessions_are_ended_at_once(client: Any, customer: Any) -> None:
    login = {"username": "customer", "password": PASSWORD}
    others = [client.post("/v1/auth/login", json=login).json["access_token"] for _ in range(2)]
    assert customer.delete("/v1/me/sessions").status_code == 204
    assert [row["current"] for row in customer.get("/v1/me/sessions").json["data"]] == [True]
    for token in others:
        assert client.get("/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401


# ---- closing the account


def test_closing_an_account_erases_personal_data_and_keeps_the_books(client: Any, customer: Any) -> None:
    order_id = bought(customer.user_id)
    customer.patch("/v1/me/preferences", json={"order_delivered": {"sms": False}})
    customer.post("/v1/me/addresses", json=LANE, headers={"Idempotency-Key": "1"})
    with transaction() as session:
        context: notifications.contexts.Account = {"first_name": "Customer", "username": "customer"}
        notifications.compose(
            session, notifications.kinds.WELCOME, context, key="k", channel="email",
            recipient="customer@example.org", user_id=customer.user_id, language="en",
        )  # fmt: skip
        accounts.save_reset_token(session, "run_" + "1" * 32, customer.user_id)
    assert customer.delete("/v1/me").status_code == 204
    assert customer.get("/v1/me").status_code == 401
    assert customer.delete("/v1/me").status_code == 401
    assert client.post("/v1/auth/refresh", json={"refresh_token": customer.refresh_token}).status_code == 401
    assert client.post("/v1/auth/login", json={"username": "customer", "password": PASSWORD}).status_code == 401
    erase(customer.user_id)
    with transaction() as session:
        user = accounts.get(session, customer.user_id)
        assert (user.status, user.first_name, user.last_name, user.password_hash) == ("closed", "", "", "")
        for table in (accounts.Address, accounts.LoginSession, accounts.Preference, accounts.PasswordReset, carts.Cart):
            assert session.scalars(select(func.count()).select_from(table)).one() == 0
        assert access.roles_of(session, customer.user_id) == []
        mail = session.scalars(select(notifications.Notification)).one()
        assert (mail.recipient, mail.subject, mail.text) == ("erased", "", "")
        order = orders.get(session, order_id)
        assert (order.user_id, order.total, order.address) == (customer.user_id, 1999, {"country": "GB"})
        assert len(orders.lines_of(session, [order_id])[order_id]) == 1
        assert session.scalars(select(payments.Payment.amount)).one() == 1999
        (gone,) = session.scalars(select(event_log.Event).where(event_log.Event.name == "account.closed")).all()
        assert (gone.subject, gone.actor) == (customer.user_id, customer.user_id)


def test_no_table_names_a_closed_account(customer: Any) -> None:
    """Searches every table, including ones added later."""
    customer.patch("/v1/me", json={"last_name": "Unforgettable"})
    for email in ("unforgettable@example.org", "unforgettable@example.com"):  # the second one is not confirmed
        if token := pending_token(customer.user_id):
            assert customer.post("/v1/auth/email/confirm", json={"token": token}).status_code == 204
        assert customer.patch("/v1/me", json={"email": email}).json["pending_email"] == email
    customer.post("/v1/me/addresses", json={**LANE, "line1": "Unforgettable"}, headers={"Idempotency-Key": "1"})
    customer.post("/v1/auth/password/forgot", json={"email": "unforgettable@example.org"})
    assert customer.delete("/v1/me").status_code == 204
    erase(customer.user_id)
    with transaction() as session:
        for table in all_tables():
            name = f'{table.schema}."{table.name}"'
            rows = session.execute(text(f"SELECT row_to_json(t)::text FROM {name} AS t")).scalars()  # noqa: S608
            assert [row for row in rows if "unforgettable" in row.lower()] == [], name


def test_an_order_keeps_its_address_until_it_is_delivered(customer: Any) -> None:
    order_id = bought(customer.user_id, "shipped")
    assert customer.delete("/v1/me").status_code == 204
    with transaction() as session:
        assert orders.erase_user(session, customer.user_id) == 1
    assert read_address(order_id) == ADDRESS
    with transaction() as session:
        orders.lock(session, order_id).status = "delivered"
        assert orders.erase_user(session, customer.user_id) == 0
    assert read_address(order_id) == {"country": "GB"}


def test_an_account_with_a_live_checkout_cannot_be_closed(customer: Any) -> None:
    product = make_product("SKU", 5)
    with transaction() as session:
        order = place_order(session, customer.user_id, {product: 1})
        session.info.clear()
    refused = customer.delete("/v1/me")
    assert (refused.status_code, refused.json["code"], refused.json["tasks"]) == (
        409, "tasks_under_way", [order.run_id],
    )  # fmt: skip
    assert customer.get("/v1/me").status_code == 200
    with transaction() as session:
        end_run(session, order)
    assert customer.delete("/v1/me").status_code == 204


def test_a_suspended_run_does_not_prevent_closing_an_account(sign_in: Callable[..., Any]) -> None:
    keeper = sign_in("keeper", "warehouse")
    with transaction() as session:
        run_id = durable.start(session, "restock", "po", {"purchase_order_id": "po"}, owner=keeper.user_id)
        session.info.clear()
        queries.get_run(session, run_id).status = "waiting"
    assert keeper.delete("/v1/me").status_code == 204


def test_concurrent_changes_cannot_restore_a_closed_account(app: Any, customer: Any) -> None:
    """A request authenticated before the account was closed writes nothing afterwards."""
    changes: list[Callable[[Session], object]] = [
        lambda session: accounts.update_profile(session, customer.user_id, {"last_name": "Unforgettable"}),
        lambda session: accounts.add_address(session, customer.user_id, LANE),
        lambda session: accounts.set_preference(session, customer.user_id, {"order_delivered": {"sms": False}}),
        lambda session: accounts.change_password(session, customer.user_id, "hash"),
    ]
    assert customer.delete("/v1/me").status_code == 204
    for change in changes:
        with pytest.raises(NotFound), transaction() as session:
            change(session)


def test_a_closed_accounts_user_name_and_email_are_free(client: Any, customer: Any) -> None:
    customer.delete("/v1/me")
    again = {
        "username": "customer", "email": "customer@example.org", "password": PASSWORD, "first_name": "C",
        "last_name": "T", "address": ADDRESS,
    }  # fmt: skip
    answer = client.post("/v1/auth/register", json=again)
    assert answer.status_code == 201
    assert answer.json["user"]["id"] != customer.user_id


def test_the_last_administrator_cannot_close_the_account(sign_in: Callable[..., Any]) -> None:
    first = sign_in("first", "admin")
    refused = first.delete("/v1/me")
    assert (refused.status_code, refused.json["code"]) == (409, "last_admin")
    second = sign_in("second", "admin")
    assert first.delete("/v1/me").status_code == 204
    assert second.delete("/v1/me").status_code == 409
