"""The ways to pay that the checkout offers."""

import re
from collections.abc import Callable

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from models.core.database import transaction
from models.payments import Payment
from settings import Settings
from tests.shopping import make_product
from tests.web.conftest import Browser
from tests.web.ordering import checkout_form
from web.shop import checkout, paying


@pytest.fixture
def ada(signed_in: Callable[..., Browser]) -> Browser:
    """A customer with two units in the basket."""
    browser = signed_in("ada")
    browser.send(f"/basket/{make_product('EMMA', 5)}", {"quantity": "2"})
    return browser


def use(monkeypatch: pytest.MonkeyPatch, **changes: str) -> None:
    for module in (checkout, paying):
        monkeypatch.setattr(module, "settings", Settings(**changes))  # type: ignore[arg-type]


def offered(page: str) -> list[str]:
    return re.findall(r'name="payment" value="(\w+)"', page)


def test_a_shop_with_the_sandbox_offers_test_cards_and_loads_nothing(ada: Browser) -> None:
    page = ada.get("/checkout")
    assert offered(page.text) == [*paying.SANDBOX_CARDS, "paypal"]
    assert "stripe" not in page.headers["Content-Security-Policy"]
    assert "payment_method" not in page.text


def test_a_publishable_key_shows_the_card_form(ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, stripe_publishable_key="pk_test_1")
    page = ada.get("/checkout")
    assert offered(page.text) == ["card", "paypal"]
    for part in ('data-key="pk_test_1"', 'data-amount="3998"', 'data-currency="eur"', "/assets/payment."):
        assert part in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self' https://js.stripe.com" in policy
    assert "unsafe" not in policy
    for path in ("/", "/basket", "/products", "/account"):
        assert "stripe" not in ada.get(path).headers["Content-Security-Policy"]
    wrong = ada.send("/checkout", checkout_form(ada, payment="card"))
    assert (wrong.status_code, "The card could not be read." in wrong.text) == (422, True)
    assert "stripe" in wrong.headers["Content-Security-Policy"]


def test_stripe_itself_without_a_publishable_key_leaves_paypal(ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, stripe_api_base="https://api.stripe.com", stripe_api_key="sk_test_1")
    assert offered(ada.get("/checkout").text) == ["paypal"]
    assert ada.send("/checkout", checkout_form(ada, payment="pm_card_visa")).status_code == 422


@pytest.mark.parametrize("method", ["pm_1<script>", "pi_1", "pm_", "pm_" + "x" * 101, "pm_card visa"])
def test_what_is_no_payment_method_places_nothing(ada: Browser, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    use(monkeypatch, stripe_publishable_key="pk_test_1")
    wrong = ada.send("/checkout", checkout_form(ada, payment="card", payment_method=method))
    assert wrong.status_code == 422
    assert "<script>" not in wrong.text.partition("<main")[2]
    assert "You have not ordered anything yet." in ada.get("/account/orders").text


def test_the_payment_method_of_the_form_is_that_of_the_order(ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, stripe_publishable_key="pk_test_1")
    placed = ada.send("/checkout", checkout_form(ada, payment="card", payment_method="pm_1ABCdef"))
    assert placed.status_code == 303
    with transaction() as session:
        payment = session.scalars(select(Payment)).one()
    assert (payment.gateway, payment.method) == ("stripe", "pm_1ABCdef")


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("sk_test_1", "this is a secret key, which would be shown to everybody"),
        ("rk_live_1", "this is a secret key, which would be shown to everybody"),
        ("pm_card_visa", "this is not a publishable key of Stripe"),
        ("pk_test_", "this is not a publishable key of Stripe"),
        ('pk_test_1"><script>', "this is not a publishable key of Stripe"),
        ("pk_live_1", "must both be for tests, or both live"),
    ],
)
def test_another_key_in_its_place_is_refused_at_the_start(key: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Settings(stripe_publishable_key=key)
