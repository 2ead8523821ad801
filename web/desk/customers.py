"""Customers: the list of accounts, and the page of one with roles, orders, messages and sessions."""

from typing import Any

from flask import Response, g
from sqlalchemy import select

import serving.notifications
import serving.orders
from models import access as roles
from models import accounts
from models.accounts import User
from models.core.database import transaction
from models.operations.order_search import OrderFilters
from serving.access import UserQuery
from serving.pages import page
from web import access
from web.blueprint import desk
from web.desk.filters import read_filters
from web.desk.pages import show
from web.desk.sending import Outcome, read_outcome

CUSTOMER = '/customers/<id("usr"):user_id>'
SHOWN = 20
"""Orders, mails and sessions on the page of a customer."""


@desk.get("/customers")
@access.allowed("users:read")
def customers_page() -> Response:
    """The list of accounts, newest first: customers and staff."""
    filters = read_filters(UserQuery(), "q", "role")
    found: Any = {"data": [], "next_cursor": None}
    with transaction() as session:
        if filters.values is not None:
            query = accounts.find_users(filters.values.get("q"), filters.values.get("role"))
            found = page(session, query, User.id.desc(), **filters.place)
        names = session.scalars(select(roles.Role.name).order_by(roles.Role.name)).all()
    return show("customers.html", section="desk.customers_page", customers=found["data"], cursor=found["next_cursor"],
                filters=filters, roles=names)  # fmt: skip


@desk.get(CUSTOMER)
@access.allowed("users:read")
def customer_page(user_id: str) -> Response:
    """The page of an account."""
    return show_customer(user_id, read_outcome())


@desk.get('/messages/<id("ntf"):notification_id>')
@access.allowed("notifications:read")
def message_page(notification_id: str) -> Response:
    """A message as it was sent. Tokens and queries of links are left out."""
    return show("message.html", section="desk.customers_page",
                message=serving.notifications.read_one(g.principal, notification_id))  # fmt: skip


def show_customer(user_id: str, outcome: Outcome, status: int = 200) -> Response:
    """The page of an account, with what an action did or why it was refused."""
    sessions: Any = []
    with transaction() as session:
        user = accounts.get_active(session, user_id)
        held = roles.roles_of(session, user_id)
        factor = accounts.find_second_factor(session, user_id)
        if access.may("users:write"):
            newest = accounts.select_live_sessions(user_id).order_by(accounts.LoginSession.id.desc())
            sessions = session.scalars(newest.limit(SHOWN)).all()
    mails: Any = []
    if access.may("notifications:read"):
        wanted = {"user_id": user_id, "limit": SHOWN, "cursor": None}
        mails = serving.notifications.list_of_user(g.principal, wanted)["data"]
    bought: Any = {"data": []}
    if access.may("orders:read"):
        filters: OrderFilters = {"user_id": user_id}
        bought = serving.orders.list_visible(g.principal, {"limit": SHOWN, "cursor": None}, filters)
    return show(
        "customer.html", status, section="desk.customers_page", user=user, roles=held, mails=mails,
        orders=bought["data"], factor=factor, sessions=sessions, outcome=outcome,
    )  # fmt: skip
