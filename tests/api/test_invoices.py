"""Invoices and credit notes over HTTP, as JSON, HTML and PDF."""

import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfReader

from durable import queries
from durable.ids import new_id
from models import accounts, catalogue, orders
from models.core.database import transaction
from settings import Settings
from tests.conftest import ADDRESS, Caller
from tests.shopping import make_product, place_order

NASTY = '<script>alert("x")</script> {pages}'
FORMS = ("", ".html", ".pdf")


def titled(sku: str, title: str, price: int = 1999) -> str:
    """Creates a product; returns its id."""
    product_id = make_product(sku, 10, price)
    with transaction() as session:
        catalogue.update_product(session, catalogue.get_product(session, product_id), {"title": title})
    return product_id


def bought(caller: Caller, wants: dict[str, int], *, confirmed: bool = True) -> str:
    """Places and confirms an order; returns its id."""
    with transaction() as session:
        order_id = place_order(session, caller.user_id, wants).id
        session.info.clear()  # not to be published
    if confirmed:
        with transaction() as session:
            orders.confirm(session, order_id)
    return order_id


def credited(order_id: str, amount: int, *, whole: bool) -> str:
    """Issues a credit note, for all lines or for an amount; returns its id."""
    with transaction() as session:
        names = ("product_id", "sku", "title", "quantity", "unit_price")
        lines = [
            {name: getattr(line, name) for name in names} for line in orders.lines_of(session, [order_id])[order_id]
        ]
        issued, _ = orders.issue_credit_note(
            session, order_id, source=new_id("txn"), amount=amount, reason="It was torn.", lines=lines if whole else []
        )
        return issued


def pages(response: Any) -> list[str]:
    """The text of each page of a PDF, with plain spaces."""
    assert (response.status_code, response.mimetype) == (200, "application/pdf")
    assert response.data.startswith(b"%PDF-")
    return [page.extract_text().replace("\N{NO-BREAK SPACE}", " ") for page in PdfReader(BytesIO(response.data)).pages]


@pytest.fixture
def seller(monkeypatch: pytest.MonkeyPatch) -> None:
    named = Settings(seller_name="The Shop Ltd", seller_address="1 High Street, London", seller_tax_id="GB123456789")
    monkeypatch.setattr("models.orders.documents.settings", named)


def test_an_invoice_says_who_sold_what_to_whom(customer: Caller, seller: None) -> None:
    order_id = bought(customer, {titled("TEA", "Tea"): 2, titled("CUP", "A cup", 500): 1})
    order = customer.get(f"/v1/orders/{order_id}").json
    shown = customer.get(f"/v1/orders/{order_id}/invoice")
    assert shown.status_code == 200, shown.json
    invoice = shown.json
    assert (invoice["number"], invoice["status"]) == (order["invoice_number"], "issued")
    assert (invoice["order_id"], invoice["order_number"]) == (order_id, order["number"])
    assert (invoice["payment_status"], invoice["total"]) == ("pending", {"amount": 4498, "currency": "EUR"})
    assert invoice["seller"] == {
        "name": "The Shop Ltd", "address": "1 High Street, London", "tax_id": "GB123456789",
    }  # fmt: skip
    assert invoice["customer"] == {"name": "Customer Tester", "address": ADDRESS}
    lines = [(n["sku"], n["title"], n["quantity"], n["unit_price"]["amount"], n["line_total"]["amount"])
             for n in invoice["lines"]]  # fmt: skip
    assert lines == [("CUP", "A cup", 1, 500, 500), ("TEA", "Tea", 2, 1999, 3998)]


def test_documents_are_seen_by_the_customer_and_the_staff(
    customer: Caller, staff: Caller, sign_in: Callable[..., Caller]
) -> None:
    order_id = bought(customer, {titled("TEA", "Tea"): 1})
    invoice, note = f"/v1/orders/{order_id}/invoice", f"/v1/orders/{order_id}/credit-notes/"
    note += credited(order_id, 500, whole=False)
    stranger = sign_in("stranger")
    for path in (f"{document}{form}" for document in (invoice, note) for form in FORMS):
        for caller, seen in ((customer, 200), (staff, 200), (stranger, 404)):
            assert caller.get(path).status_code == seen, path
        assert customer.client.get(path).status_code == 401
    other = bought(staff, {titled("CUP", "A cup"): 1})
    assert staff.get(note.replace(order_id, other)).status_code == 404
    assert customer.get(f"/v1/orders/{order_id}/credit-notes/{new_id('crn')}.pdf").status_code == 404


def test_an_unconfirmed_order_has_no_invoice(customer: Caller, staff: Caller) -> None:
    path = f"/v1/orders/{bought(customer, {titled('TEA', 'Tea'): 1}, confirmed=False)}/invoice"
    answers = [customer.get(f"{path}{form}") for form in FORMS] + [staff.patch(path, json={"status": "paid"})]
    assert {(answer.status_code, answer.json["code"]) for answer in answers} == {(404, "not_found")}


def test_staff_change_the_status_of_an_invoice(customer: Caller, staff: Caller) -> None:
    path = f"/v1/orders/{bought(customer, {titled('TEA', 'Tea'): 1})}/invoice"
    assert customer.patch(path, json={"status": "paid"}).status_code == 403
    assert staff.patch(path, json={"status": "lost"}).status_code == 422
    for status in ("paid", "void"):
        assert staff.patch(path, json={"status": status}).json["status"] == status
    refused = staff.patch(path, json={"status": "paid"})
    assert (refused.status_code, refused.json["code"]) == (409, "wrong_state")
    assert (refused.json["current"], refused.json["possible"]) == ("void", [])
    assert customer.get(path).json["status"] == "void"
    assert "void" in customer.get(f"{path}.html").text
    assert "void" in pages(customer.get(f"{path}.pdf"))[0]


def test_the_page_has_no_scripts_and_escapes_text(customer: Caller) -> None:
    order_id = bought(customer, {titled("TEA", NASTY): 1})
    answer = customer.get(f"/v1/orders/{order_id}/invoice.html")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<script" not in answer.text
    assert "&lt;script&gt;alert" in answer.text
    assert "19.99\N{NO-BREAK SPACE}EUR" in answer.text
    style = re.search(r"<style>(.*)</style>", answer.text, re.DOTALL)
    assert style is not None
    assert b64encode(sha256(style[1].encode()).digest()).decode() in answer.headers["Content-Security-Policy"]
    assert "http" not in answer.text


def test_a_pdf_has_numbered_pages_and_every_line(customer: Caller) -> None:
    wants = {titled(f"THING-{n:03}", f"Thing {n} " + "with a long name " * 5): 1 for n in range(60)}
    path = f"/v1/orders/{bought(customer, wants)}/invoice"
    number = customer.get(path).json["number"]
    answer = customer.get(f"{path}.pdf")
    assert answer.headers["Content-Disposition"] == f'inline; filename="invoice-{number}.pdf"'
    found = pages(answer)
    assert len(found) > 2
    for page, text in enumerate(found, 1):
        assert f"Invoice {number} · page {page} of {len(found)}" in text
        assert "SKU" in text  # the heading is repeated
    assert re.findall(r"THING-\d+", "".join(found)) == [f"THING-{n:03}" for n in range(60)]
    assert "1199.40 EUR" in found[-1]


def test_a_pdf_has_letters_of_other_scripts(customer: Caller) -> None:
    path = f"/v1/orders/{bought(customer, {titled('TEA', f'Żółć Φαίδων Идиот 茶 {NASTY}'): 1})}/invoice.pdf"
    (text,) = pages(customer.get(path))
    assert f"Żółć Φαίδων Идиот ? {NASTY}" in " ".join(text.split())


@pytest.mark.parametrize("whole", [True, False])
def test_a_credit_note_names_the_invoice_that_it_corrects(customer: Caller, whole: bool) -> None:
    order_id = bought(customer, {titled("TEA", "Tea"): 2})
    path = f"/v1/orders/{order_id}/credit-notes/{credited(order_id, 3998 if whole else 500, whole=whole)}"
    note, invoice = customer.get(path).json, customer.get(f"/v1/orders/{order_id}/invoice").json
    assert (note["invoice_number"], note["reason"]) == (invoice["number"], "It was torn.")
    assert (note["total"]["amount"], note["lines"]) == ((3998, invoice["lines"]) if whole else (500, []))
    (text,) = pages(customer.get(f"{path}.pdf"))
    for shown in (text, customer.get(f"{path}.html").text.replace("\N{NO-BREAK SPACE}", " ")):
        assert invoice["number"] in shown
        assert "It was torn." in shown
        assert ("39.98 EUR" if whole else "5.00 EUR") in shown
        assert ("Tea" in shown) is whole


def test_documents_of_a_closed_account_keep_only_the_country(customer: Caller, staff: Caller) -> None:
    order_id = bought(customer, {titled("TEA", "Tea"): 1})
    with transaction() as session:
        orders.lock(session, order_id).status = "delivered"
        queries.get_run(session, orders.get(session, order_id).run_id or "").owner = None
        accounts.close(session, customer.user_id)
        orders.erase_user(session, customer.user_id)
    shown = staff.get(f"/v1/orders/{order_id}/invoice").json
    assert shown["customer"] == {"name": None, "address": {"country": "GB"}}
    assert [staff.get(f"/v1/orders/{order_id}/invoice{form}").status_code for form in FORMS] == [200] * 3
