"""Pages outside web/ in a browser: reports, documents, the API's reference and the sandboxes' pages, with axe."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tornado.template import DictLoader

from models import inventory
from models.core.database import transaction
from models.reports import KINDS
from sandbox.carrier import pages as carrier
from sandbox.carrier.trackers import MOVES
from sandbox.gateway import bank
from sandbox.mailbox import pages as mailbox
from sandbox.page_frame import page_frame
from sandbox.paypal import orders as paypal_orders
from sandbox.paypal import pages as paypal
from tests.conftest import Caller
from tests.models.shelves import product, warehouse
from tests.reporting import written
from tests.serving import serving
from tests.web.browser.conftest import Visitor
from tests.web.browser.looks import FOLDER, LOOKS
from tests.web.desk.filling import reconciled
from tests.web.desk.selling import Bought

LONG = "msg_0192837465"


@pytest.fixture
def site(tmp_path: Path, database: None) -> Iterator[str]:
    """A server alone."""
    with serving(tmp_path) as url:
        yield url


@pytest.fixture
def pages(database: None) -> dict[str, str]:
    """Name → path of the API's pages, with something on each."""
    sale = Bought(product("BOOK-ALICE-IN-WONDERLAND", 30), 3).confirmed()
    picked = Bought(product("LAMP", 5, kind="electronics"), 2, "alan").confirmed()
    picked.parcel()
    assert warehouse("Annex")
    clean = reconciled()
    with transaction() as session:
        main = inventory.get_default_warehouse(session).id
    made = reconciled(
        {"kind": "amount_differs", "order_id": sale.id, "payment_id": sale.payment_id, "ours": 5997,
         "ours_currency": "EUR"},
        {"kind": "forgotten_authorisation", "repair": "done"},
    )  # fmt: skip
    return {
        **{f"report-{kind}": f"/v1/reports/{written(kind, days=9)}.html" for kind in KINDS},
        "reconciliation": f"/v1/reconciliations/{made}.html", "no-differences": f"/v1/reconciliations/{clean}.html",
        "picking": f"/v1/picking-lists.html?warehouse_id={main}",
        "invoice": f"/v1/orders/{sale.id}/invoice.html",
        "payment-return": "/v1/payments/return", "docs": "/docs", "errors": "/docs/errors", "reference": "/docs/orders",
    }  # fmt: skip


def sandboxes() -> dict[str, str]:
    """Name → HTML of the pages of the sandboxes."""
    parcel = {
        "reference": "ful_" + "0" * 32, "tracking_code": "MA570470795762", "carrier": "Marathon", "service": "Ground",
        "to": "Ada Lovelace, London", "status": "in_transit", "refund_status": None, "label_url": "#label",
    }  # fmt: skip
    message = {
        "id": LONG, "kind": "mail", "to": ["ada.lovelace.with.a.long.name@example.org"], "from": "shop@example.org",
        "subject": "Your order 100001 is confirmed", "message_id": "<1@example.org>", "deliveries": 1,
        "received_at": datetime(2026, 11, 30, tzinfo=UTC).isoformat(),
    }  # fmt: skip
    messages = [message, {**message, "kind": "text"}, {**message, "kind": "push"}]
    order = {
        "id": "5O190127TN364715T", "status": "CREATED", "create_time": "2026-11-30T10:00:00Z",
        "purchase_units": [{"amount": {"value": "19.99", "currency_code": "EUR"}, "custom_id": "ord_1 pay_1"}],
    }  # fmt: skip
    mail, unit = DictLoader(mailbox.TEMPLATES), order["purchase_units"][0]
    assert isinstance(unit, dict)
    made: dict[str, bytes | str] = {
        "bank": bank.PAGE.generate(intent={"amount": 1999, "currency": "eur"}),
        "paypal": paypal.TEMPLATES.load("approve.html").generate(amount=unit["amount"]),
        "paypal-orders": paypal.TEMPLATES.load("orders.html").generate(
            orders=[order], undecided=paypal_orders.UNDECIDED
        ),
        "parcels": carrier.PAGE.generate(parcels=[parcel], moves=MOVES),
        "mailbox": mail.load("list.html").generate(messages=messages, total=3),
        "mail": mail.load("message.html").generate(message=message, text="Dear Ada,\nthank you.", html="<p>Thank you."),
        "empty": page_frame("Bank", "Nothing", "<h1>Nothing</h1>"),
    }
    return {name: page.decode() if isinstance(page, bytes) else page for name, page in made.items()}


def test_pages_of_the_api_in_three_widths_light_and_dark(
    pages: dict[str, str], visit: Callable[..., Visitor], sign_in: Callable[..., Caller]
) -> None:
    headers = sign_in("boss", "admin", "staff", "warehouse", "finance").headers
    look(visit, pages, "alone", lambda window, path: go(window, path), extra_http_headers=headers)


def test_pages_of_the_sandboxes_in_three_widths_light_and_dark(visit: Callable[..., Visitor]) -> None:
    look(visit, sandboxes(), "sandbox", lambda window, html: window.page.set_content(html))


def go(window: Visitor, path: str) -> None:
    answer = window.page.goto(f"{window.url}{path}")
    assert answer is not None
    assert answer.ok, (path, answer.status)
    if path == "/docs/orders":
        window.page.locator(".opblock").first.wait_for()


def look(
    visit: Callable[..., Visitor],
    pages: dict[str, str],
    folder: str,
    show: Callable[[Visitor, str], None],
    **options: Any,
) -> None:
    """Looks at every page in every width, and says all that is wrong. Swagger UI has colours of its own."""
    faults = []
    for width, scheme in LOOKS:
        window = visit(width=width, color_scheme=scheme, **options)
        for name, page in pages.items():
            show(window, page)
            if FOLDER:
                picture = Path(FOLDER) / f"{folder}-{width}-{scheme}" / f"{name}.png"
                window.page.screenshot(path=picture, full_page=name != "reference")
            try:
                window.check("#swagger-ui" if name == "reference" else "")
            except AssertionError as error:
                faults.append((width, scheme, name, str(error)[:1500]))
    assert faults == []
