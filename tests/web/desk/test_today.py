"""The desk's first page, and who may open which page."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.test_app import endpoints
from tests.counting import statements
from tests.web.conftest import Browser
from tests.web.desk.selling import Bought, Desk
from web.desk import today

PAGES = {
    "/desk/orders": "orders:read", "/desk/returns": "orders:read", "/desk/picking": "orders:write",
    "/desk/payments": "payments:read", "/desk/stock": "stock:read", "/desk/transfers": "stock:read",
    "/desk/products": "products:write", "/desk/products/new": "products:write", "/desk/customers": "users:read",
    "/desk/imports": "products:write", "/desk/webhooks": "webhooks:read", "/desk/templates": "notifications:read",
    "/desk/suppressions": "notifications:read", "/desk/staff": "users:read", "/desk/roles": "users:read",
    "/desk/api-keys": "keys:write", "/desk/audit-log": "runs:read", "/desk/settings": "runs:write",
    "/desk/reports": "reports:read", "/desk/reports/subscriptions": "reports:read",
    "/desk/disputes": "payments:read", "/desk/reconciliations": "payments:read",
}  # fmt: skip
ROLES = {
    "staff": {
        "orders:read",
        "orders:write",
        "products:write",
        "runs:read",
        "stock:read",
        "users:read",
        "notifications:read",
    },
    "warehouse": {"orders:read", "orders:write", "stock:read", "stock:write", "reports:read"},
    "finance": {
        "orders:read",
        "payments:read",
        "payments:capture",
        "payments:refund",
        "audit:read",
        "reports:read",
    },
}


@pytest.fixture(autouse=True)
def _no_kept_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(today, "_kept", (0.0, []))


def figures(desk: Desk) -> dict[str, str]:
    found = re.findall(r"<strong>([^<]*)</strong> <span>([^<]*)</span></a>", desk.get("/desk/").text)
    return {label: count for count, label in found}


def test_the_figures_lead_to_lists_of_as_many_rows(desk: Desk, sale: Bought) -> None:
    page = desk.get("/desk/").text
    assert figures(desk)["Orders to ship"] == "1"
    sale.disputed()
    assert figures(desk)["Disputes to respond to"] == "1"
    for address in re.findall(r'<li class="figure[^"]*">\s*<a href="(/desk/[^"]+)"', page):
        listed = desk.get(address.replace("&amp;", "&"))
        assert listed.status_code == 200, address
        assert "cannot be read" not in listed.text, address
    assert str(sale.order.number) in desk.get("/desk/orders?status=confirmed").text
    assert str(sale.order.number) in desk.get("/desk/disputes").text


def test_the_charts_count_what_was_sold_today(desk: Desk, sale: Bought) -> None:
    page = desk.get("/desk/").text
    assert "1 order</title>" in page
    assert page.count("<rect") == 3 * 28  # one drawing for each width
    assert "€39.98" in page


def test_charts_of_days_without_sales_have_no_scale(desk: Desk) -> None:
    numbers = re.findall(r'text-anchor="end" class="plot-axis">([\d.,]+)<', desk.get("/desk/").text)
    assert set(numbers) == {"0"}


def test_the_first_page_takes_few_statements(desk: Desk, sale: Bought) -> None:
    desk.get("/desk/")
    with statements() as sent:
        desk.get("/desk/")
    assert len([one for one in sent if "SELECT" in one]) <= 3


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("path", PAGES)
def test_staff_open_the_pages_that_their_role_allows(staff_of: Callable[..., Desk], role: str, path: str) -> None:
    desk = staff_of(role)
    is_allowed = PAGES[path] in ROLES[role]
    assert desk.get(path).status_code == (200 if is_allowed else 403)
    if path != "/desk/products/new":
        assert (f'href="{path}"' in linked_pages(desk)) == is_allowed


def linked_pages(desk: Desk) -> str:
    """The first page, and those of its sections, which link the others of their section."""
    first = desk.get("/desk/").text
    return first + "".join(desk.get(path).text for path in re.findall(r'href="([^"]*)" data-key', first))


def test_each_role_sees_only_its_figures(staff_of: Callable[..., Desk]) -> None:
    assert "Disputes to respond to" not in figures(staff_of("warehouse"))
    assert "Stuck runs" not in figures(staff_of("finance"))
    assert "Stuck runs" in figures(staff_of("staff"))


def test_customers_are_not_staff_and_strangers_sign_in(
    signed_in: Callable[..., Browser], browser: Browser, app: Any
) -> None:
    customer = signed_in("ada")
    pages = [path for method, path, _ in endpoints(app) if path.startswith("/desk") and method == "GET"]
    assert len(pages) >= len(PAGES)
    for path in pages:
        filled = fill(path)
        assert customer.get(filled).status_code == 403, filled
    assert "This page is for staff." not in customer.get("/desk/").headers


def fill(path: str) -> str:
    """An address of this rule, of something that does not exist."""
    with_ids = re.sub(r"<[^>]*\"(\w+)\"[^>]*>", lambda match: f"{match[1]}_{'0' * 32}", path)
    return re.sub("<[^>]*>", "nothing", with_ids)


def test_every_form_of_the_desk_needs_its_permission_and_token(
    staff_of: Callable[..., Desk], desk: Desk, app: Any
) -> None:
    nobody = staff_of("customer")
    sends = [path for method, path, _ in endpoints(app) if path.startswith("/desk") and method == "POST"]
    assert len(sends) >= 10
    for path in sends:
        filled = fill(path)
        assert nobody.send(filled).status_code == 403, filled
        refused = desk.post(filled, data={"once": "x" * 32})
        assert refused.status_code == 403, filled
        assert "expired" in refused.text


@pytest.mark.parametrize("path", ["/desk/", *PAGES])
def test_every_page_has_a_strict_policy_landmarks_and_nothing_inline(
    staff_of: Callable[..., Desk], sale: Bought, path: str
) -> None:
    desk = staff_of("admin")
    for language in ("en", "de"):
        page = desk.get(path, headers={"Accept-Language": language})
        assert (page.status_code, page.mimetype) == (200, "text/html")
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert re.findall(r"\sstyle=|\son\w+=|<style|javascript:", page.text) == []
        assert page.text.count("<h1") == 1
        assert f'<html lang="{language}">' in page.text
        ids = re.findall(r'\sid="([^"]+)"', page.text)
        assert len(ids) == len(set(ids)), path
        assert set(re.findall(r"<label for=\"([^\"]+)\"", page.text)) <= set(ids)
