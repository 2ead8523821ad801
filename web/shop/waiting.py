"""Products that are sold out: whether they can be ordered nevertheless, and who wants to know when they are back."""

from flask import Response, g

from durable import Refusal
from models import inventory
from models.core.database import single_statements, transaction
from models.core.errors import NotFound
from web import access
from web.blueprint import shop, takes_form
from web.pages import see

WAITING = '/products/<id("prd"):product_id>/back-in-stock'


@shop.post(WAITING)
@takes_form
@access.signed_in
def wait_for_product(product_id: str) -> Response:
    """Notifies the customer, once, when the product is available again. A second form changes nothing."""
    try:
        with transaction() as session:
            inventory.wait_for_stock(session, g.principal.user_id, product_id)
    except NotFound:
        raise
    except Refusal as error:
        if error.code != "in_stock":  # it came just now: the page shows it
            raise
    return see("shop.product", product_id=product_id)


@shop.post(f"{WAITING}/cancel")
@takes_form
@access.signed_in
def stop_waiting(product_id: str) -> Response:
    """Does not notify the customer of this product."""
    with transaction() as session:
        inventory.stop_waiting(session, g.principal.user_id, product_id)
    return see("shop.product", product_id=product_id)


def find_backorder(product_id: str) -> inventory.BackorderTerms | None:
    """The terms on which more units than are in stock can be ordered, if any can."""
    with transaction() as session:
        terms = inventory.get_terms(session, product_id)
    return terms if terms.maximum > terms.backordered else None


def is_waiting(product_id: str) -> bool:
    """Whether who looks at the page waits for the product."""
    principal = access.find_principal()
    if principal is None:
        return False
    with single_statements() as connection:
        return inventory.waits_for_stock(connection, principal.user_id, product_id)


shop.context_processor(lambda: {"is_waiting": is_waiting})
