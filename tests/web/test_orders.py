"""The checkout and the pages of an order, with real workers."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from local.waiting import wait_until
from models import catalogue, fulfilment, inventory, orders, payments
from models.core.database import transaction
from tests.shop import Shop
from tests.shopping import make_product
from tests.web.conftest import Browser
from tests.web.ordering import buy, checkout_form, ends, once_of


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Workers and a dispatcher."""
    with ExitStack() as exits:
        started = Shop(tmp_path, exits)
        started.worker()
        started.dispatcher()
        yield started


@pytest.fixture
def ada(signed_in: Callable[..., Browser]) -> Browser:
    """A customer with two units in the basket."""
    browser = signed_in("ada")
    browser.send(f"/basket/{make_product('EMMA', 5)}", {"quantity": "2"})
    return browser


def test_an_order_is_confirmed_and_its_page_says_so(shop: Shop, ada: Browser) -> None:
    path = buy(ada)
    assert ends(ada, path, "Your order is confirmed")
    page = ada.get(path).text
    assert page.count("step-done") == 4
    assert "sse-connect" not in page
    assert "€39.98" in page
    assert ends(ada, "/basket", "Your basket is empty.")
    assert path in ada.get("/account/orders").text
    assert ends(ada, path, "invoice.pdf")
    invoice = ada.get(f"{path}/invoice.pdf")
    assert (invoice.mimetype, invoice.data[:5]) == ("application/pdf", b"%PDF-")
    form = {"once": once_of(ada, f"{path}/cancel")}
    for _ in range(2):  # such as by a double click
        cancelled = ada.send(f"{path}/cancel", form)
        assert (cancelled.status_code, cancelled.headers["Location"]) == (303, f"{path}?done=cancelling")
    assert "You have cancelled it." in ada.get(path).text
    again = ada.send(f"{path}/cancel", {"once": "x" * 32}, headers={"Accept-Language": "de"})
    assert (again.status_code, "Der Stand hat sich inzwischen geändert" in again.text) == (422, True)
    assert "This order is" not in again.text
    assert ada.get(f"{path}/cancel").headers["Location"] == path


def test_a_declined_card_is_told_with_a_way_to_try_another(shop: Shop, ada: Browser) -> None:
    path = buy(ada, payment="pm_card_chargeDeclinedInsufficientFunds")
    assert ends(ada, path, "Your payment was declined.")
    page = ada.get(path).text
    assert "There is not enough money on the card." in page
    assert 'href="/checkout"' in page
    assert "step-failed" in page
    assert ends(ada, buy(ada), "Your order is confirmed")


def test_a_payment_is_confirmed_on_the_page_of_the_bank(shop: Shop, ada: Browser) -> None:
    path = buy(ada, payment="pm_card_threeDSecure2Required")
    assert ends(ada, path, "Please confirm the payment")
    assert re.search(r'href="http://127\.0\.0\.1:\d+/sandbox/bank/[^"]+"', ada.get(path).text)


def test_payment_pages_lead_back_to_the_order_that_was_paid(
    shop: Shop, ada: Browser, signed_in: Callable[..., Browser]
) -> None:
    first = buy(ada)
    assert ends(ada, first, "Your order is confirmed")
    ada.send(f"/basket/{make_product('WALDEN', 5)}", {"quantity": "1"})
    second, eve = buy(ada), signed_in("eve")
    for path in (first, second):
        with transaction() as session:
            url = session.query(payments.Payment).filter_by(order_id=path.rpartition("/")[2]).one().return_url
        assert url == f"http://localhost/checkout/return?order={path.rpartition('/')[2]}"
        paid = f"{url}&payment_intent=pi_1&redirect_status=succeeded"
        back = ada.get(paid)
        assert (back.status_code, back.headers["Location"]) == (303, path)
        assert eve.get(paid, follow_redirects=True).status_code == 404
    for unnamed in ("/checkout/return", "/checkout/return?order=ord_1"):  # of a release before
        assert ada.get(unnamed).headers["Location"] == second


def test_a_page_is_streamed_until_the_checkout_has_ended(shop: Shop, ada: Browser) -> None:
    path = buy(ada)
    with closing(ada.get(f"{path}/events")) as stream:
        assert stream.mimetype == "text/event-stream"
        chunks: Any = islice(stream.response, 100)
        texts = [chunk.decode() for chunk in chunks]
    assert texts[0] == "retry: 1000\n\n"
    assert texts[-1] == "event: end\ndata: end\n\n"
    parts = [text for text in texts if text.startswith("event: progress\n")]
    assert all(line.startswith(("event: ", "data: ")) for part in parts for line in part.strip().split("\n"))
    assert "Your order is confirmed" in parts[-1]


def test_a_double_click_places_one_order(ada: Browser) -> None:
    form = checkout_form(ada)
    first, second = (ada.send("/checkout", form).headers["Location"] for _ in range(2))
    assert first == second
    other = ada.send("/checkout", checkout_form_of(form, key="another"))
    assert other.headers["Location"] == first  # the cart is being checked out in another tab
    page = ada.get(first).text
    assert "We are working on your order" in page
    assert '<meta http-equiv="refresh" content="4">' in page
    assert f'sse-connect="{first}/events"' in page


def checkout_form_of(form: dict[str, str], **changes: str) -> dict[str, str]:
    return {**form, **changes}


def test_a_form_of_before_whose_values_have_changed_is_refused_once(ada: Browser) -> None:
    """As with "Back", where the browser has kept the page."""
    form = checkout_form(ada)
    first = ada.send("/checkout", form).headers["Location"]
    refused = ada.send("/checkout", {**form, "payment": "paypal"})
    assert (refused.status_code, "This form was sent before" in refused.text) == (422, True)
    [key] = re.findall(r'name="key" value="(\w+)"', refused.text)
    assert key != form["key"]
    again = ada.send("/checkout", {**form, "payment": "paypal", "key": key})
    assert again.headers["Location"] == first  # it is still being paid


@pytest.mark.parametrize("change", ["a price", "another tab"])
def test_nobody_orders_for_another_total_than_was_shown(ada: Browser, change: str) -> None:
    form = checkout_form(ada)
    with transaction() as session:
        [product] = session.scalars(select(catalogue.Product)).all()
        if change == "a price":
            catalogue.update_product(session, product, {"price_amount": 2100})
    if change == "another tab":
        ada.send(f"/basket/{product.id}", {"quantity": "1"})
    refused = ada.send("/checkout", form)
    assert (refused.status_code, "has changed since you opened this page" in refused.text) == (422, True)
    assert ("€42.00" if change == "a price" else "€59.97") in refused.text
    assert "You have not ordered anything yet." in ada.get("/account/orders").text
    assert ada.send("/checkout", checkout_form(ada)).status_code == 303


def test_another_address_is_validated(ada: Browser) -> None:
    wrong = ada.send("/checkout", checkout_form(ada, address_id="new", **{"address.line1": "1 High Street"}))
    assert (wrong.status_code, "Please fill in this field." in wrong.text) == (422, True)
    assert 'value="1 High Street"' in wrong.text
    where = {"address.line1": "1 High Street", "address.city": "Oxford", "address.country": "GB"}
    path = buy(ada, address_id="new", **where)
    assert "Oxford" in ada.get(path).text


@pytest.mark.parametrize(
    "change", [{"payment": "pm_card_nonsense"}, {"payment": ""}, {"address_id": f"adr_{'0' * 32}"}]
)
def test_a_form_that_cannot_be_taken_places_nothing(ada: Browser, change: dict[str, str]) -> None:
    assert ada.send("/checkout", checkout_form(ada, **change)).status_code in (404, 422)
    assert "You have not ordered anything yet." in ada.get("/account/orders").text


def test_an_empty_basket_is_not_checked_out(signed_in: Callable[..., Browser], browser: Browser) -> None:
    assert signed_in("eve").get("/checkout").headers["Location"] == "/basket"
    assert browser.get("/checkout").headers["Location"] == "/sign-in?next=/checkout"


def test_what_was_sold_meanwhile_is_told_at_the_checkout(shop: Shop, ada: Browser) -> None:
    form = checkout_form(ada)
    with transaction() as session:
        [product_id] = [row.product_id for row in session.query(inventory.Stock).all()]
        inventory.adjust(session, product_id, -4, "lost")
    path = str(ada.send("/checkout", form).headers["Location"])
    assert ends(ada, path, "There are not as many units left as you wanted.")


def test_nobody_sees_the_order_of_others(ada: Browser, signed_in: Callable[..., Browser]) -> None:
    path = buy(ada)
    eve = signed_in("eve")
    for part in ("", "/progress", "/events", "/invoice.pdf", "/cancel-pieces"):
        assert eve.get(path + part).status_code == 404, part
    for part in ("/cancel", "/return", "/cancel-pieces"):
        assert eve.get(path + part).status_code == 404, part
        assert eve.send(path + part, {"once": "x" * 32}).status_code == 404, part
    assert path not in eve.get("/account/orders").text
    assert ada.get(path + "/invoice.pdf").status_code == 404  # there is none yet


def test_the_part_that_changes_is_not_sent_twice(ada: Browser) -> None:
    path = buy(ada)
    part = ada.get(f"{path}/progress").text
    seen = re.search(r'hx-get="([^"]+)"', part)
    assert seen is not None
    assert "<html" not in part
    assert ada.get(seen[1]).status_code == 204


def test_an_order_that_was_delivered_can_be_sent_back(shop: Shop, ada: Browser) -> None:
    path = buy(ada)
    assert ends(ada, path, "Your order is confirmed")
    order_id = path.rpartition("/")[2]

    def allocated() -> bool:
        with transaction() as session:
            return bool(fulfilment.left_to_pack(session, order_id))

    assert wait_until(allocated, 20, 0.1)
    with transaction() as session:
        fulfilment.edit(session, order_id, actor=f"usr_{'0' * 32}", status="processing")
        fulfilment.edit(session, order_id, actor=f"usr_{'0' * 32}", status="shipped")
    assert ends(ada, path, "Your order is on its way")
    with transaction() as session:
        fulfilment.edit(session, order_id, actor=f"usr_{'0' * 32}", status="delivered")
    assert ends(ada, path, "Your order has arrived")
    page = ada.get(path).text
    assert "Parcel 1 has arrived." in page
    assert f'href="{path}/return"' in page
    token = {"once": once_of(ada, f"{path}/return")}
    [units] = re.findall(r'name="(quantity-prd_\w+)"', ada.get(f"{path}/return").text)
    wrong = {units: "1"}, {units: "3", "reason": "x"}, {"reason": "x"}, {units: "-1", "reason": "x"}
    for form in (*wrong, {"quantity-x": "1", "reason": "x"}):
        assert ada.send(f"{path}/return", {**form, **token}).status_code == 422, form
    for _ in range(2):  # such as by a double click
        sent = ada.send(f"{path}/return", {units: "1", "reason": "Too long", **token})
        assert (sent.status_code, sent.headers["Location"]) == (303, f"{path}?done=returning")
    page = ada.get(path).text
    assert page.count("We have received your request.") == 1
    assert 'hx-trigger="every 20s"' in page  # the return goes on
    with transaction() as session:
        assert orders.get(session, order_id).status == "delivered"


def test_everything_here_is_for_those_who_have_signed_in(app: Any, browser: Browser) -> None:
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("shop.") and app.view_functions[rule.endpoint].rule == "signed in":
            path = re.sub(r"<id\(\"(\w+)\"\):\w+>", lambda part: f"{part[1]}_{'0' * 32}", rule.rule)
            answer = browser.get(path) if "GET" in rule.methods else browser.send(path)
            assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (303, "/sign-in"), path
