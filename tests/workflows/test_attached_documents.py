"""Invoices and credit notes as files in the mails of real workers, through a real SMTP server."""

from collections.abc import Callable
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from io import BytesIO
from typing import Any

from pypdf import PdfReader

from local.waiting import wait_until
from models import accounts
from models.core.database import transaction
from tests.shop import Shop

WAIT = {"Prefer": "wait=20"}


def attached(shop: Shop, order: dict[str, Any], subject: str) -> tuple[str, str]:
    """The name and the text of the file in the one mail about the order with this subject."""

    def found() -> list[dict[str, Any]]:
        return [mail for mail in shop.mails() if order["number"] in mail["subject"] and subject in mail["subject"]]

    assert wait_until(lambda: len(found()) == 1, 20, 0.05), shop.mails()
    (path,) = shop.var.rglob(f"*-{found()[0]['id']}.eml")
    mail = BytesParser(EmailMessage, policy=policy.default).parsebytes(path.read_bytes())
    (part,) = mail.iter_attachments()
    assert part.get_content_type() == "application/pdf"
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    pages = PdfReader(BytesIO(content)).pages
    return str(part.get_filename()), "\n".join(page.extract_text() for page in pages)


def test_the_confirmation_has_the_invoice_attached(
    shop: Shop, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    with transaction() as session:
        accounts.update_profile(session, customer.user_id, {"last_name": "Ünsal"})
    placed = order(customer, {product("SHIRT", 10): 2}).json
    name, text = attached(shop, placed, "is confirmed")
    assert name == f"invoice-{placed['invoice_number']}.pdf"
    assert placed["invoice_number"] in text
    assert "Customer Ünsal" in text
    assert text.count("39.98\N{NO-BREAK SPACE}EUR") + text.count("39.98 EUR") == 2  # the line and the total


def test_a_name_in_another_script_is_on_the_invoice(
    shop: Shop, customer: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    with transaction() as session:
        accounts.update_profile(session, customer.user_id, {"last_name": "Жукова"})
    placed = order(customer, {product("SHIRT", 10): 1}).json
    assert "Жукова" in attached(shop, placed, "is confirmed")[1]


def test_mails_about_money_that_is_given_back_have_the_credit_note_attached(
    shop: Shop, customer: Any, staff: Any, product: Callable[..., str], order: Callable[..., Any]
) -> None:
    shirt = product("SHIRT", 10)
    placed = order(customer, {shirt: 3}).json
    url = f"/v1/orders/{placed['id']}"
    assert staff.post(f"/v1/payments/{placed['payment_id']}/capture", json={}, headers=WAIT).status_code == 200
    refund = {"amount": 500, "reason": "It was late."}
    assert staff.post(f"/v1/payments/{placed['payment_id']}/refunds", json=refund, headers=WAIT).status_code == 200
    piece = {"lines": [{"product_id": shirt, "quantity": 1}]}
    assert customer.post(f"{url}/cancel", json=piece, headers=WAIT).status_code == 200
    assert customer.post(f"{url}/cancel", json={}, headers=WAIT).status_code == 200
    notes = customer.get(f"{url}/credit-notes").json["data"]
    for note, subject, quantity in zip(notes, ("Refund", "A part of", "was cancelled"), (None, 1, 2), strict=True):
        subject = subject if subject != "was cancelled" else f"Your order {placed['number']} was cancelled"
        name, text = attached(shop, placed, subject)
        assert name == f"credit-note-{note['number']}.pdf"
        assert f"{note['amount']['amount'] / 100:.2f}" in text
        assert [line["quantity"] for line in note["lines"]] == ([] if quantity is None else [quantity])
