"""Notifications: templates per kind, channel and language, and one message per key, kind and channel."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, get_type_hints

import pytest
from sqlalchemy import select

from durable.tables import RunRecord
from models import notifications
from models.core.database import transaction
from models.notifications import (
    KINDS,
    LANGUAGES,
    Kind,
    choose_language,
    contexts,
    dress,
    find_language,
    kinds,
    language,
    overrides,
)
from models.notifications.examples import EXAMPLES
from models.notifications.language import TEMPLATES
from models.notifications.rendering import compiled_file, render
from models.notifications.template_language import Template, TemplateError
from settings import Settings

ACCOUNT: contexts.Account = {"first_name": "Ada", "username": "ada"}
IN_LANGUAGES = [(kind, code) for kind in KINDS.values() for code in LANGUAGES]


@pytest.mark.parametrize(("kind", "code"), IN_LANGUAGES, ids=[f"{kind.name} {one}" for kind, one in IN_LANGUAGES])
def test_every_channel_of_a_kind_has_a_template_for_its_context(kind: Kind[Any], code: str) -> None:
    for channel in kind.channels:
        template = compiled_file(kind.name, channel, code)
        assert template.subject.names() | template.text.names() <= set(get_type_hints(kind.context))
        subject, text, html = render(kind, channel, EXAMPLES[kind.name], code)
        assert subject
        assert text
        assert html.startswith("<p>")
        assert not re.search("[{}\ue000\ue001]|%EE|\n\n\n", subject + text + html)


def test_every_template_belongs_to_a_kind_and_every_kind_has_an_example() -> None:
    forms = {"email": "email", "sms": "short", "push": "short"}
    expected = {f"{kind.name}.{forms[channel]}.txt" for kind in KINDS.values() for channel in kind.all_channels}
    for code in LANGUAGES:
        found = {file.name for file in (TEMPLATES / code).iterdir() if not file.name.startswith("_")}
        assert found == expected
    assert {name: set(example) for name, example in EXAMPLES.items()} == {
        name: set(get_type_hints(kind.context)) for name, kind in KINDS.items()
    }


CONFIRMED: contexts.OrderConfirmed = {
    "first_name": "Ada", "number": 100001, "total": 125050, "currency": "EUR", "invoice": "2026-000001",
    "lines": [{"quantity": 2, "title": "Emma & <Co>"}, {"quantity": 1, "title": "*Persuasion*"}], "promised": [],
}  # fmt: skip


def test_renders_subject_text_and_html() -> None:
    rendered = render(kinds.ORDER_CONFIRMED, "email", CONFIRMED)
    assert rendered.subject == "Your order 100001 is confirmed"
    assert rendered.text == (
        "Dear Ada,\n\nThank you for your order 100001.\n\n- 2 × Emma & <Co>\n- 1 × *Persuasion*\n\n"
        "Total: €1,250.50\nInvoice: 2026-000001\n\nWe will write to you when it ships.\n"
    )
    assert "<li>2 × Emma &amp; &lt;Co&gt;</li>\n<li>1 × *Persuasion*</li>" in rendered.html


def test_renders_german_with_german_amounts() -> None:
    rendered = render(kinds.ORDER_CONFIRMED, "email", CONFIRMED, "de")
    assert rendered.subject == "Ihre Bestellung 100001 ist bestätigt"
    assert "Gesamtbetrag: 1.250,50\xa0€\nRechnung: 2026-000001" in rendered.text


def test_a_confirmation_names_the_goods_that_come_later() -> None:
    promised: contexts.PromisedLine = {
        "quantity": 1,
        "title": "Emma",
        "promised_on": datetime(2026, 12, 24, tzinfo=UTC),
    }
    context: contexts.OrderConfirmed = {**CONFIRMED, "promised": [promised]}
    english, german = (render(kinds.ORDER_CONFIRMED, "email", context, code).text for code in ("en", "de"))
    assert "*Persuasion*\n\nWe expect 1 × Emma on 24 December 2026.\n\nTotal" in english
    assert "*Persuasion*\n\n1 × Emma erwarten wir am 24. Dezember 2026.\n\nGesamtbetrag" in german


def test_an_amount_has_the_decimals_of_its_currency() -> None:
    in_yen: contexts.OrderConfirmed = {**CONFIRMED, "currency": "JPY"}
    assert "Total: JP¥125,050\n" in render(kinds.ORDER_CONFIRMED, "email", in_yen).text


def test_values_are_neither_templates_nor_markup() -> None:
    name = "{{ username }}{% raw %} [x](https://evil.example) <img src=x>\n# h"
    account: contexts.Account = {"first_name": name, "username": "ada"}
    rendered = render(kinds.WELCOME, "email", account)
    assert f"Dear {name}," in rendered.text
    assert "{{ username }}{% raw %} [x](https://evil.example) &lt;img src=x&gt;<br>\n# h" in rendered.html


def test_a_link_is_a_button_in_html_and_a_url_in_text() -> None:
    context: contexts.PasswordReset = {"token": "a&b", "pages": "https://shop.example"}
    rendered = render(kinds.PASSWORD_RESET, "email", context)
    assert "\nChoose a new password: https://shop.example/password#token=a&b\n" in rendered.text
    assert 'href="https://shop.example/password#token=a&amp;b">Choose a new password</a>' in rendered.html
    with_javascript: contexts.PasswordReset = {**context, "pages": "javascript:alert(1)//"}
    with pytest.raises(TemplateError, match="needs a URL"):
        render(kinds.PASSWORD_RESET, "email", with_javascript)


def test_a_mail_has_a_layout_and_a_footer_in_its_language() -> None:
    text, page = dress("Größe & mehr", "Hallo.\n", "<p>Hallo.</p>", "de", "https://shop.example/u?token=a&b")
    assert text == "Hallo.\n\n-- \nShopflow\n\nDiese E-Mails abbestellen: https://shop.example/u?token=a&b\n"
    assert '<html lang="de">' in page
    assert "<title>Größe &amp; mehr</title>" in page
    assert 'href="https://shop.example/u?token=a&amp;b">Diese E-Mails abbestellen</a>' in page
    assert "abbestellen" not in dress("S", "Hallo.\n", "<p>Hallo.</p>", "de").page


def test_a_language_falls_back_to_that_of_the_shop_and_then_to_english(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [choose_language(wanted) for wanted in ("de", "en", "fr", None)] == ["de", "en", "en", "en"]
    monkeypatch.setattr(language, "settings", Settings(language="de"))
    assert [choose_language(wanted) for wanted in ("en", "fr", None)] == ["en", "de", "de"]
    monkeypatch.setattr(language, "settings", Settings(language="fr"))
    assert choose_language(None) == "en"
    assert find_language(["fr-CA", "de-AT", "en"]) == "de"
    assert find_language(["fr", "*"]) is None


@pytest.mark.parametrize(
    ("source", "line", "reason"),
    [
        ("one\n{% if %}", 2, "missing expression"),
        ("one\n\n{% bad %}", 3, "unexpected tag 'bad'"),
        ("{% include '/etc/passwd' %}", 1, "unexpected tag"),
        ("{{ nope }}", 1, "'nope' is undefined"),
        ("{% if nope %}x{% endif %}", 1, "undefined"),
        ("{{ name.__class__ }}", 1, "undefined"),
        ("{{ name | replace: '', name }}", 1, "unknown filter"),
        ("{{ name | divided_by: 0 }}", 1, "divide"),
        ("{{ name | money: 'EUR' }}", None, "ValueError"),
        ("{% for a in (1..9999999) %}x{% endfor %}", 1, "loop iteration limit"),
        ("{{ (1..9999999999) | join: '' }}", 1, "loop iteration limit"),
        ("{% for a in (1..1999) %}{% for b in (1..1999) %}{{ b }}{% endfor %}{% endfor %}", 1, "loop iteration limit"),
        ("{% for a in (1..1999) %}" + "{{ name }}" * 500 + "{% endfor %}", 1, "limit reached"),
        ("{% assign x = name %}{% for a in (1..99) %}{% assign x = x | append: x %}{% endfor %}", 1, "limit reached"),
        ("{% if true %}" * 99, 1, "nesting"),
        ("{% if name %}\n\n", 3, "expected tag endif"),
        ("\n" * 9 + "{{ name", 10, "expected"),
        ("x" * 20_001, None, "longer than"),
    ],
)
def test_a_template_that_is_wrong_or_endless_is_refused(source: str, line: int | None, reason: str) -> None:
    with pytest.raises(TemplateError, match=reason) as refused:
        Template(source, "en").render({"name": "Ada"})
    assert refused.value.line == line


def compose(kind: Kind[Any], channel: str, recipient: str) -> notifications.Message:
    with transaction() as session:
        return notifications.compose(
            session, kind, ACCOUNT, key="k", channel=channel, recipient=recipient, language="en"
        )


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
        notifications.record_delivery(session, "welcome", key="k", channel="email", fault=None)
        notifications.record_delivery(session, "welcome", key="k", channel="sms", fault="no such number")
    with transaction() as session:
        table = notifications.Notification
        rows = session.execute(select(table.kind, table.sent_at.is_not(None), table.fault).order_by(table.kind)).all()
    assert rows == [("password_changed", False, None), ("welcome", True, None)]


TEMPLATE = ("welcome", "email", "en")


@pytest.fixture
def failing(database: None) -> Iterator[None]:
    """An override that works with the example and fails with other values, as a process reads it."""
    with transaction() as session:
        source = {"text": "{% if first_name == 'Ada' %}Dear Ada{% else %}{{ nope }}{% endif %}"}
        notifications.change_template(session, TEMPLATE, source)
    yield
    overrides._cache.read_at = None


@pytest.mark.usefixtures("failing")
def test_an_override_that_fails_is_replaced_by_the_file_and_reported_once() -> None:
    bob: contexts.Account = {"first_name": "Bob", "username": "bob"}
    for key in ("a", "b"):
        with transaction() as session:
            made = notifications.compose(
                session, kinds.WELCOME, bob, key=key, channel="email", recipient="b@example.org", language="en"
            )
        assert made.text.startswith("Dear Bob,\n\nYour account bob is ready.")
    assert compose(kinds.WELCOME, "email", "ada@example.org").text == "Dear Ada\n"
    with transaction() as session:
        template = notifications.get_template(session, TEMPLATE)
        assert template.failed_at is not None
        assert template.error == "line 1: 'nope' is undefined"
        runs = session.scalars(select(RunRecord.input).where(RunRecord.workflow == "template_failed")).all()
        assert runs == [{"template": "welcome/email/en", "error": "line 1: 'nope' is undefined"}]
        assert notifications.change_template(session, TEMPLATE, {"text": "Hi"}).failed_at is None


def test_two_changes_at_once_are_both_kept(database: None) -> None:
    def change(field: str) -> None:
        with transaction() as session:
            notifications.change_template(session, TEMPLATE, {field: f"new {field}"})

    for _ in range(5):
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(change, ("subject", "text")))
        with transaction() as session:
            template = notifications.get_template(session, TEMPLATE)
            assert (template.subject, template.text) == ("new subject", "new text")
            notifications.reset_template(session, TEMPLATE)


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if len(kind.all_channels) > 1], ids=lambda k: k.name)
def test_a_text_message_and_a_push_notification_are_short(kind: Kind[Any]) -> None:
    for code in LANGUAGES:
        for channel in kind.all_channels[1:]:
            subject, text, _ = render(kind, channel, EXAMPLES[kind.name], code)
            assert 0 < len(subject) <= 65
            assert 0 < len(text.strip()) <= 160


def test_customers_can_choose_what_a_kind_is_sent_by() -> None:
    assert KINDS["order_shipped"].channels == ("email", "sms", "push")
    assert (KINDS["refunded"].channels, KINDS["refunded"].offered) == (("email", "push"), ("sms",))
    assert KINDS["password_reset"].all_channels == ("email",)
