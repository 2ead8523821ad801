"""Whose basket it is: a customer's, or a guest's, who has a cookie with its token."""

from flask import Response, g
from sqlalchemy.orm import Session

from api.http.limits import count_network
from models import carts
from models.core.database import Statements, transaction
from models.core.errors import NotSignedIn
from settings import settings
from web import access, cookies

COOKIE = "basket"
DAY = 24 * 3600  # seconds


def find_holder(connection: Statements) -> str | None:
    """The id of the customer, or of the guest's cart; None if there is no basket."""
    principal = access.find_principal()
    if principal is not None:
        return principal.user_id
    token = cookies.read(COOKIE)
    if token is None:
        return None
    try:
        return carts.find_guest_cart(connection, token)
    except NotSignedIn:
        return None


def open_holder() -> str:
    """The holder of the basket; opens one for a guest who has none. Raises TooManyRequests."""
    with transaction() as session:
        found = find_holder(session)
    if found is not None:
        return found
    count_network("guest_carts")
    with transaction() as session:
        cart_id, g.new_basket = carts.open_guest_cart(session)
    return cart_id


def remember(response: Response) -> Response:
    """Sets the cookie of a basket that was opened in this request."""
    if "new_basket" in g:
        cookies.write(response, COOKIE, g.new_basket, settings.guest_cart_days * DAY)
    return response


def count_units(connection: Statements) -> int:
    """The number of units in the basket."""
    holder = find_holder(connection)
    return sum(carts.get_quantities(connection, holder).values()) if holder else 0


def merge(session: Session, user_id: str) -> carts.MergeResult | None:
    """Moves what a guest has in the basket into the customer's; None if there is nothing to move."""
    token = cookies.read(COOKIE)
    return carts.merge(session, user_id, token) if token else None


def forget(response: Response) -> Response:
    """Deletes the cookie of the guest's basket, which was merged."""
    if cookies.read(COOKIE) is not None:
        cookies.delete(response, COOKIE)
    return response
