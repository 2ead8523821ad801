"""Disputes that providers have reported, as staff look for them."""

from sqlalchemy import Select, select

from models.payments.tables import OPEN_DISPUTE, Payment, Transaction

VIEWS = {"needs_response": ("inquiry", "needs_response"), "open": OPEN_DISPUTE, "won": ("won",), "lost": ("lost",)}
"""What lists are limited to → the statuses. An inquiry can be responded to as well."""


def select_disputes(view: str | None = None) -> Select[Transaction, Payment]:
    """The disputes with their payments: all of them, or those of one of VIEWS. The caller orders them."""
    query = select(Transaction, Payment).join(Payment, Payment.id == Transaction.payment_id)
    query = query.where(Transaction.kind == "dispute")
    return query if view is None else query.where(Transaction.status.in_(VIEWS[view]))
