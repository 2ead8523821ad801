"""Searching payments by their status, their provider and its name for them, and their order."""

from datetime import datetime
from typing import TypedDict

from sqlalchemy import ColumnElement, Select

from models.operations.order_search import CLOCKS, id_at
from models.payments import Payment


class PaymentFilters(TypedDict, total=False):
    """The filters of a search; a payment matches all of them. `since` is inclusive, `until` is not."""

    status: str
    provider: str
    reference: str
    order_id: str
    since: datetime
    until: datetime


def narrow(chosen: Select[Payment], filters: PaymentFilters) -> Select[Payment]:
    """Narrows a query for payments. Sort it by `Payment.id`, which sorts by time."""
    conditions: list[ColumnElement[bool]] = []
    if "status" in filters:
        conditions.append(Payment.status == filters["status"])
    if "provider" in filters:
        conditions.append(Payment.gateway == filters["provider"])
    if "reference" in filters:
        conditions.append(Payment.reference == filters["reference"])
    if "order_id" in filters:
        conditions.append(Payment.order_id == filters["order_id"])
    if "since" in filters:
        conditions += [Payment.created_at >= filters["since"], Payment.id >= id_at("pay", filters["since"] - CLOCKS)]
    if "until" in filters:
        conditions += [Payment.created_at < filters["until"], Payment.id < id_at("pay", filters["until"] + CLOCKS)]
    return chosen.where(*conditions)
