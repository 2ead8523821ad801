"""The terms on which a product is sold beyond stock."""

from datetime import date

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models import catalogue
from models.inventory.tables import BackorderTerms


def set_terms(session: Session, product_id: str, limit: int, promised_on: date | None) -> BackorderTerms:
    """Allows `limit` units of a product to be sold beyond stock, with a promised date; 0 allows none.

    Units that orders already wait for stay backordered, with the date that was promised to them. Raises NotFound.
    """
    catalogue.get_product(session, product_id)
    new = insert(BackorderTerms).values(product_id=product_id, maximum=limit, promised_on=promised_on)
    changed = {
        "maximum": new.excluded.maximum, "promised_on": new.excluded.promised_on, "updated_at": func.now(),
        "excess": func.greatest(BackorderTerms.backordered - new.excluded.maximum, 0),
    }  # fmt: skip
    new = new.on_conflict_do_update(index_elements=["product_id"], set_=changed)
    options = {"populate_existing": True}
    return session.scalars(new.returning(BackorderTerms), execution_options=options).one()


def get_terms(session: Session, product_id: str) -> BackorderTerms:
    """The terms of a product, without backorders if none were set. Raises NotFound for an unknown product."""
    catalogue.get_product(session, product_id)
    found = session.get(BackorderTerms, product_id)
    return found or BackorderTerms(product_id=product_id, maximum=0, backordered=0, excess=0, promised_on=None)


def lock_terms(session: Session, product_id: str) -> BackorderTerms:
    """The terms of a product, as `get_terms` returns them, locked against changes until the transaction ends.

    Raises NotFound.
    """
    catalogue.get_product(session, product_id, lock=True)  # there may be no terms yet
    session.get(BackorderTerms, product_id, with_for_update=True)
    return get_terms(session, product_id)
