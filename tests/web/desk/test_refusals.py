"""What the desk's refusals say, with names and numbers, in German too."""

from typing import Any

import pytest

from models.core.errors import Conflict, InsufficientStock, NotAllowed, TooManyRequests
from models.imports import NotACatalogue
from tests.models.shelves import warehouse
from tests.shopping import make_product
from tests.web.desk.selling import Bought, Desk
from web.desk.words import describe
from web.language import gettext

GERMAN = {"Accept-Language": "de"}


def test_goods_that_another_warehouse_lacks_are_named(desk: Desk, sale: Bought) -> None:
    annex = warehouse("Annex")
    path = f"{sale.path}/allocation"
    form = {**desk.form(sale.path, path), "warehouse_id": annex}
    refused = desk.post(path, data=form, headers=GERMAN)
    assert refused.status_code == 409
    assert "The EMMA (EMMA): 0 von 2." in refused.text


def test_a_refund_that_is_too_large_names_the_most(staff_of: Any, sale: Bought) -> None:
    finance = staff_of("finance")
    capture = f"/desk/payments/{sale.payment_id}/capture"
    refused = finance.fill(sale.path, capture, amount="4000")
    assert "At most €39.98." in refused.text
    form = {**finance.form(sale.path, capture), "amount": "4000"}
    assert "Höchstens 39,98" in finance.post(capture, data=form, headers=GERMAN).text


def test_an_order_in_the_wrong_state_says_what_it_is(desk: Desk, sale: Bought) -> None:
    path = f"{sale.path}/ship"
    form = desk.first_form(sale.path, path)
    sale.parcel()
    refused = desk.post(path, data=form, headers=GERMAN)
    assert refused.status_code == 409
    assert "Stand: versendet. Möglich ist danach: " in refused.text


@pytest.mark.parametrize(
    ("error", "english", "german"),
    [
        (Conflict("", code="below_reserved", available=1), "1 unit is available.", "1 Stück ist verfügbar."),
        (Conflict("", code="capacity_exceeded", remaining=3), "room for 3 units.", "Platz für 3 Stück."),
        (Conflict("", code="category_in_use", products=2, categories=1), "(2 products, 1 category)",
         "(2 Produkte, 1 Kategorie)"),
        (Conflict("It has 2 users.", code="role_in_use", users=2), "It has 2 users.", "2 Benutzer haben sie."),
        (Conflict("", code="attribute_in_use", attributes=["size"]), "(size)", "(size)"),
        (Conflict("", code="too_many_keys", limit=50), "The limit is 50.", "Die Grenze ist 50."),
        (Conflict("", code="no_sender_address", warehouse="Annex"), "(Annex)", "(Annex)"),
        (InsufficientStock("", available=2), "2 units are available.", "2 Stück sind verfügbar."),
        (Conflict("It is final.", code="wrong_state", current="cancelled", possible=[]), "It is final.",
         "Stand: storniert. Daran ändert sich nichts mehr."),
        (TooManyRequests("Wait 1 second.", retry_after=1), "Wait 1 second.", "in 1 Sekunde"),
        (NotACatalogue("Send a row.", missing=["sku"], unknown=["cost"]), "Send a row.",
         "Fehlende Spalten: sku. Unbekannte Spalten: cost."),
        (NotACatalogue("The file is empty."), "The file is empty.", "kann nicht importiert werden"),
        (NotAllowed("", permissions=["a:b"]), "a:b", "a:b"),
    ],
)  # fmt: skip
def test_names_and_numbers_are_in_both_languages(app: Any, error: Any, english: str, german: str) -> None:
    for language, words in (("en", english), ("de", german)):
        with app.test_request_context(headers={"Accept-Language": language}):
            assert words in describe(error)


def test_products_are_named_and_at_most_ten(app: Any, database: None) -> None:
    lines = [{"product_id": make_product(f"SKU{n:02}", 1), "requested": 5, "available": n} for n in range(11)]
    with app.test_request_context(headers={"Accept-Language": "de"}):
        said = describe(InsufficientStock("", lines=lines))
        assert "The SKU09 (SKU09): 9 von 5; …" in said
        assert "SKU10" not in said
        left = [{"product_id": lines[0]["product_id"], "warehouse_id": warehouse("Annex"), "quantity": 4}]
        said = describe(Conflict("", code="nothing_to_ship", left=left))
        assert "The SKU00 (SKU00): 4 in Annex." in said
        more = [{"product_id": lines[0]["product_id"], "outstanding": 2}]
        assert "2 ausstehend" in describe(Conflict("", code="more_than_ordered", lines=more))
        gone = [{"product_id": f"prd_{'0' * 32}", "sent": 2}]
        assert describe(Conflict("", code="more_than_sent", lines=gone)) == gettext(
            "That is more than was sent. Nothing was counted."
        )


def test_fields_are_named_as_the_form_names_them(staff_of: Any, sale: Bought) -> None:
    finance = staff_of("finance", "warehouse")
    sale.parcel()
    refund = f"/desk/payments/{sale.payment_id}/refund"
    page = f"/desk/payments/{sale.payment_id}"
    form = {**finance.form(page, refund), "amount": "0", "reason": ""}
    assert (
        "Amount: Enter an amount above zero.; Reason: Please fill in this field."
        in finance.post(refund, data=form).text
    )
    german = finance.post(refund, data=form, headers=GERMAN).text
    assert "Betrag: Geben Sie einen Betrag über null ein.; Grund: Bitte füllen Sie dieses Feld aus." in german
    stock = f"/desk/stock/{sale.product_id}"
    refused = finance.fill(stock, f"{stock}/adjust", quantity="0", reason="Nothing")
    assert "Units: This cannot be used here." in refused.text


def test_a_tag_that_is_too_long_says_so(desk: Desk, sale: Bought) -> None:
    path = "/desk/orders/many/tag"
    refused = desk.fill(f"{path}?order={sale.id}", path, tag="x" * 65)
    assert refused.status_code == 422
    assert "Tags: Use 1 to 64 characters." in refused.text
