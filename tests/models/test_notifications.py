"""Notifications: templates per kind and channel, and one message per key, kind and channel."""

from typing import Any, get_type_hints

import pytest
from jinja2 import meta
from sqlalchemy import select

from models import notifications
from models.core.database import transaction
from models.notifications import KINDS, Kind, kinds
from models.notifications.rendering import ENVIRONMENT, TEMPLATES, render

ACCOUNT: kinds.Account = {"first_name": "Ada", "username": "ada"}


def names_in(template: str) -> set[str]:
    """The variables of a template and its includes."""
    assert ENVIRONMENT.loader is not None
    parsed = ENVIRONMENT.parse(ENVIRONMENT.loader.get_source(ENVIRONMENT, template)[0])
    included = [name for name in meta.find_referenced_templates(parsed) if name]
    return meta.find_undeclared_variables(parsed).union(*(names_in(name) for name in included))


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_every_channel_of_a_kind_has_a_template_for_its_context(kind: Kind[Any]) -> None:
    for channel in kind.channels:
        unknown = names_in(f"{kind.name}.{channel}.txt") - set(get_type_hints(kind.context))
        assert unknown == set()


def test_every_template_belongs_to_a_kind() -> None:
    expected = {f"{kind.name}.{channel}.txt" for kind in KINDS.values() for channel in kind.channels}
    assert {file.name for file in TEMPLATES.iterdir() if not file.name.startswith("_")} == expected


def test_renders_subject_and_text() -> None:
    context: kinds.OrderConfirmed = {
        "first_name": "Ada", "number": 100001, "total": 1250, "currency": "EUR", "invoice": "2026-000001",
        "lines": [{"quantity": 2, "title": "Emma & <Co>"}, {"quantity": 1, "title": "Persuasion"}],
    }  # fmt: skip
    rendered = render(kinds.ORDER_CONFIRMED, "email", context)
    assert rendered.subject == "Your order 100001 is confirmed"
    assert rendered.text == (
        "Dear Ada,\n\nThank you for your order 100001.\n\n  2 x Emma & <Co>\n  1 x Persuasion\n\n"
        "Total: 12.50 EUR\nInvoice: 2026-000001\n\nWe will write to you when it ships.\n"
    )


def test_user_input_is_not_rendered_as_a_template() -> None:
    context: kinds.Account = {"first_name": "{{ username }}{% raw %}", "username": "ada"}
    assert "Dear {{ username }}{% raw %}," in render(kinds.WELCOME, "email", context).text


def compose(kind: Kind[Any], channel: str, recipient: str) -> notifications.Message:
    with transaction() as session:
        return notifications.compose(session, kind, ACCOUNT, key="k", channel=channel, recipient=recipient)


@pytest.mark.usefixtures("database")
def test_composes_once_per_key_kind_and_channel() -> None:
    first = compose(kinds.WELCOME, "email", "ada@example.org")
    assert compose(kinds.WELCOME, "email", "bob@example.org") == first
    assert first.recipient == "ada@example.org"
    assert compose(kinds.PASSWORD_CHANGED, "email", "ada@example.org").id != first.id
    with transaction() as session:
        assert notifications.is_composed(session, kinds.WELCOME, "k")
        assert not notifications.is_composed(session, kinds.WELCOME, "another")
        assert not notifications.is_composed(session, kinds.CART_REMINDER, "k")


@pytest.mark.usefixtures("database")
def test_records_the_delivery_of_that_kind_and_channel_only() -> None:
    compose(kinds.WELCOME, "email", "ada@example.org")
    compose(kinds.PASSWORD_CHANGED, "email", "ada@example.org")
    with transaction() as session:
        notifications.record_delivery(session, kinds.WELCOME, key="k", channel="email", fault=None)
        notifications.record_delivery(session, kinds.WELCOME, key="k", channel="sms", fault="no such number")
    with transaction() as session:
        table = notifications.Notification
        rows = session.execute(select(table.kind, table.sent_at.is_not(None), table.fault).order_by(table.kind)).all()
    assert rows == [("password_changed", False, None), ("welcome", True, None)]
