"""The terms on which a product is sold beyond stock, and undoing an adjustment, on the page of its stock."""

from datetime import date
from typing import Any

from flask import Response, g
from sqlalchemy.orm import Session

from api.inventory.backorders import Backorder
from models import inventory
from models.core.errors import Invalid
from web import access
from web.blueprint import desk, takes_form
from web.desk.sending import load, text, whole
from web.desk.stock import PRODUCT, act_on_stock
from web.desk.versions import check_version
from web.forms import is_id
from web.language import gettext


@desk.post(f"{PRODUCT}/backorder")
@takes_form
@access.allowed("stock:write")
def set_backorder_terms(product_id: str) -> Response:
    """Sets how many units are sold beyond stock, unless somebody else has changed it; empty: none."""

    def work(session: Session) -> None:
        limit = whole(text("limit")) if text("limit") else 0
        body: Any = load(Backorder(), limit=limit, promised_on=text("promised_on") if limit else None)
        terms = inventory.lock_terms(session, product_id)
        check_version(terms.maximum, terms.promised_on)
        promised_on: date | None = body["promised_on"]
        inventory.set_terms(session, product_id, body["limit"], promised_on)

    return act_on_stock(product_id, "backorder", work)


@desk.post(f"{PRODUCT}/undo")
@takes_form
@access.allowed("stock:write")
def undo_adjustment(product_id: str) -> Response:
    """Books the opposite of an adjustment, with it as the reference."""

    def work(session: Session) -> None:
        if not is_id("mov", movement_id := text("movement_id")):
            raise Invalid(gettext("No such stock movement."))
        inventory.undo_adjustment(session, movement_id, g.principal.user_id)

    return act_on_stock(product_id, "undone", work)
