"""What the pages of the desk share: how they are rendered and who sees which section."""

from typing import Any, NamedTuple

from babel.numbers import format_decimal
from flask import Response, g, render_template, request

from models.core.errors import NotAllowed
from models.operations import attention
from web import access, once
from web.blueprint import desk
from web.desk.words import name_of, tone_of
from web.language import LOCALES, language
from web.language import translatable as _
from web.pages import HEADERS


class Section(NamedTuple):
    """A section of the desk: its name, the key that leads there after g, and its pages.

    A page is an endpoint, its name, and the permission that shows it.
    """

    name: str
    key: str
    pages: tuple[tuple[str, str, str | None], ...]


SECTIONS = (
    Section(_("Today"), "t", (("desk.today", _("Today"), None),)),
    Section(_("Orders"), "o", (
        ("desk.orders_page", _("Orders"), "orders:read"),
        ("desk.picking", _("Picking list"), "orders:write"),
        ("desk.returns_page", _("Returns"), "orders:read"),
    )),
    Section(_("Payments"), "m", (
        ("desk.payments_page", _("Payments"), "payments:read"),
        ("desk.disputes_page", _("Disputes"), "payments:read"),
        ("desk.reconciliations_page", _("Reconciliation"), "payments:read"),
    )),
    Section(_("Customers"), "c", (("desk.customers_page", _("Customers"), "users:read"),)),
    Section(_("Products"), "p", (
        ("desk.products_page", _("Products"), "products:write"),
        ("desk.groups_page", _("Groups"), "products:write"),
        ("desk.kinds_page", _("Kinds"), "products:write"),
        ("desk.categories_page", _("Categories"), "products:write"),
        ("desk.authors_page", _("Authors"), "products:write"),
        ("desk.imports_page", _("Imports"), "products:write"),
    )),
    Section(_("Stock"), "s", (
        ("desk.stock_page", _("Levels"), "stock:read"),
        ("desk.stock_alerts_page", _("Low stock"), "stock:read"),
        ("desk.movements_page", _("Movements"), "stock:read"),
        ("desk.purchase_orders_page", _("Purchase orders"), "stock:read"),
        ("desk.transfers_page", _("Transfers"), "stock:read"),
        ("desk.stock_counts_page", _("Stock counts"), "stock:read"),
        ("desk.reservations_page", _("Reservations"), "stock:read"),
        ("desk.warehouses_page", _("Warehouses"), "stock:read"),
    )),
    Section(_("Reports"), "v", (
        ("desk.reports_page", _("Reports"), "reports:read"),
        ("desk.subscriptions_page", _("By e-mail"), "reports:read"),
    )),
    Section(_("Settings"), "e", (
        ("desk.webhooks_page", _("Webhooks"), "webhooks:read"),
        ("desk.templates_page", _("Templates"), "notifications:read"),
        ("desk.suppressions_page", _("Suppressed addresses"), "notifications:read"),
        ("desk.staff_page", _("Staff"), "users:read"),
        ("desk.roles_page", _("Roles"), "users:read"),
        ("desk.keys_page", _("API keys"), "keys:write"),
        ("desk.audit_log_page", _("Audit log"), "runs:read"),
        ("desk.settings_page", _("All settings"), "runs:write"),
    )),
)  # fmt: skip


def show(template: str, status: int = 200, **values: Any) -> Response:
    """A page of the desk."""
    html = render_template(f"desk/{template}", principal=g.principal, canonical="", **values)
    return Response(html, status, HEADERS, content_type="text/html; charset=utf-8")


def require_staff() -> None:
    """Raises NotAllowed for somebody without any permission: a customer."""
    if not g.principal.permissions:
        raise NotAllowed("This page is for staff.")


def asked(*names: str) -> dict[str, str]:
    """The filters that are in the address and not empty."""
    return {name: value for name in names if (value := request.args.get(name, "").strip())}


def sections() -> list[Section]:
    """The sections that whoever looks at the page may open, each with the pages that they may open."""
    seen = [each._replace(pages=tuple(page for page in each.pages if access.may(page[2]))) for each in SECTIONS]
    return [section for section in seen if section.pages]


@desk.app_template_filter("figure")
def figure(value: int) -> str:
    """A number with the separators of the language; from `attention.MOST` on, how many there are at least."""
    shown = format_decimal(min(value, attention.MOST - 1), locale=LOCALES[language()])
    return f"{shown}+" if value >= attention.MOST else str(shown)


desk.context_processor(
    lambda: {
        "may": access.may,
        "sections": sections,
        "new_token": once.new_token,
        "name_of": name_of,
        "tone_of": tone_of,
    }
)
