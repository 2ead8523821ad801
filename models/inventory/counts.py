"""Stock counts: opened, submitted, and approved, refused or cancelled. Their run then books the differences.

Lock order: run → stock count → its lines → stock. Whoever enters a line holds a share lock of the count, so that its
lines do not change once it is submitted.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, func, literal, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import durable
from durable import transitions
from durable.ids import Id, new_id
from models import catalogue
from models.core.errors import Conflict, NotFound
from models.inventory.count_differences import get_totals_of
from models.inventory.count_tables import STOCK_COUNT_STATUS, CountLine, StockCount
from models.inventory.tables import Stock
from models.inventory.warehouses import get_warehouse
from settings import settings

MAX_COUNT_LINES = 100_000
LISTED = ("stock_count_id", "product_id", "sku", "title", "unit_value")
_LIVE = ("open", "submitted")
"""Statuses in which a count waits for people, and expires."""


def open_count(
    session: Session,
    warehouse_id: str | None,
    *,
    product_ids: Sequence[str] | None = None,
    category_id: str | None = None,
    actor: str | None,
) -> StockCount:
    """Opens a stock count of these products, of a category with those below it, or of a whole warehouse.

    Starts its run. Not idempotent. Raises NotFound, with `products` if products do not exist, and Conflict
    `count_too_large` with `limit`.
    """
    warehouse = get_warehouse(session, warehouse_id)
    if category_id:
        catalogue.get_category(session, category_id)
    count_id = new_id("cnt")
    run_id = durable.start(session, "stock_count", key=count_id, input={"stock_count_id": count_id}, owner=actor)
    scope = "category" if category_id else "warehouse" if product_ids is None else "products"
    count = StockCount(
        id=count_id, warehouse_id=warehouse.id, scope=scope, category_id=category_id, run_id=run_id, status="open",
        opened_by=actor,
    )  # fmt: skip
    session.add(count)
    session.flush()
    if product_ids is None:
        _list_levels(session, count)
    else:
        _list_products(session, count, product_ids)
    session.refresh(count)
    return count


def _list_products(session: Session, count: StockCount, product_ids: Sequence[str]) -> None:
    known = catalogue.identify(session, ids=product_ids)
    if unknown := sorted(set(product_ids) - {one.product_id for one in known}):
        raise NotFound("No such products.", products=unknown)
    rows = [
        dict(zip(LISTED, (count.id, one.product_id, one.sku, one.title, one.price_amount), strict=True))
        for one in known
    ]
    if rows:
        session.execute(insert(CountLine), rows)


def _list_levels(session: Session, count: StockCount) -> None:
    """A product that is no longer sold is counted as long as there is stock of it."""
    product = catalogue.Product
    found = select(
        literal(count.id, Id("cnt")), product.id, product.sku, product.title, product.price_amount
    ).join(Stock, Stock.product_id == product.id)  # fmt: skip
    found = found.where(Stock.warehouse_id == count.warehouse_id, or_(product.deleted_at.is_(None), Stock.on_hand > 0))
    if count.category_id:
        found = found.where(catalogue.in_category(count.category_id))
    session.execute(insert(CountLine).from_select(LISTED, found.limit(MAX_COUNT_LINES + 1)))
    if get_totals_of(session, count.id).lines > MAX_COUNT_LINES:
        raise Conflict(
            f"A stock count has at most {MAX_COUNT_LINES} products; count by category.",
            code="count_too_large", limit=MAX_COUNT_LINES,
        )  # fmt: skip


def submit_count(session: Session, count_id: str, actor: str | None) -> StockCount:
    """Ends the counting: nothing is entered from now on, and the count waits for its approval.

    Products that were not counted stay as they are. Raises NotFound, and Conflict: `wrong_state`, `nothing_counted`,
    `count_expired`.
    """
    count = _lock_with_run(session, count_id)
    STOCK_COUNT_STATUS.check(count.status, "submitted")
    check_not_expired(session, count)
    _submit(session, count, actor)
    session.flush()
    return count


def _submit(session: Session, count: StockCount, actor: str | None) -> None:
    counted = select(CountLine.product_id).where(CountLine.stock_count_id == count.id, CountLine.counted.is_not(None))
    if session.scalar(counted.limit(1)) is None:
        raise Conflict("Nothing was counted yet.", code="nothing_counted")
    _move(count, "submitted")
    count.submitted_by, count.submitted_at = actor, func.now()


def approve_count(session: Session, count_id: str, actor: str) -> StockCount:
    """Approves a stock count: its run books the differences. A count that is open is submitted at the same time.

    If the differences are worth more than SHOP_COUNT_APPROVAL_VALUE, whoever has counted a line cannot approve it.
    Raises NotFound, and Conflict: `wrong_state`, `nothing_counted`, `count_expired`, `other_approver_required` with
    `value` and `limit` in minor units.
    """
    count = _lock_with_run(session, count_id)
    if count.status != "open":
        STOCK_COUNT_STATUS.check(count.status, "approved")
    check_not_expired(session, count)
    if count.status == "open":
        _submit(session, count, actor)
    value = get_totals_of(session, count.id).absolute_value
    if value > settings.count_approval_value and actor in _counters_of(session, count.id):
        raise Conflict(
            "Differences of this value are approved by someone who has not counted them.",
            code="other_approver_required", value=value, limit=settings.count_approval_value,
        )  # fmt: skip
    return _decide(session, count, "approved", actor, None)


def refuse_count(session: Session, count_id: str, actor: str, reason: str) -> StockCount:
    """Refuses a submitted count: nothing is booked. Raises NotFound and Conflict `wrong_state`."""
    return _decide(session, _lock_with_run(session, count_id), "refused", actor, reason)


def cancel_count(session: Session, count_id: str, actor: str, reason: str | None) -> StockCount:
    """Cancels a count that was not approved: nothing is booked. Raises NotFound and Conflict `wrong_state`."""
    count = _lock_with_run(session, count_id)
    if count.status not in _LIVE:
        raise STOCK_COUNT_STATUS.refusal(count.status)
    return _decide(session, count, "cancelled", actor, reason)


def _decide(session: Session, count: StockCount, status: str, actor: str, reason: str | None) -> StockCount:
    _move(count, status)
    count.decided_by, count.decided_at, count.reason = actor, func.now(), reason
    session.flush()
    durable.signal(session, count.run_id, "decided", {})
    session.refresh(count)
    return count


def await_approval(session: Session, count_id: str) -> datetime | None:
    """None for an approved count; for one that waits, when it expires.

    Raises Conflict: `count_refused`, `count_cancelled`, `count_expired`.
    """
    count = _lock_count(session, count_id)
    if count.status == "refused":
        raise Conflict(count.reason or "The stock count was refused.", code="count_refused")
    if count.status == "cancelled":
        raise Conflict(count.reason or "The stock count was cancelled.", code="count_cancelled")
    if count.status not in _LIVE:
        return None
    check_not_expired(session, count)
    return expires_at(session, count)


def close_unapproved_count(session: Session, count_id: str, error: dict[str, object]) -> StockCount:
    """Closes a count whose run has ended with this error, because it has expired or was cancelled. Idempotent."""
    count = _lock_count(session, count_id)
    if count.status in (*_LIVE, "approved"):
        _move(count, "expired" if error["code"] == "count_expired" else "cancelled")
        count.reason = str(error["detail"])[:500]
        session.flush()
    return count


def expires_at(session: Session, count: StockCount) -> datetime:
    """When a count that waits for people expires: SHOP_COUNT_DAYS after something was last entered, or submitted."""
    last = session.scalar(select(func.max(CountLine.counted_at)).where(CountLine.stock_count_id == count.id))
    since = max(time for time in (count.created_at, count.submitted_at, last) if time)
    return since + timedelta(days=settings.count_days)


def check_not_expired(session: Session, count: StockCount) -> None:
    """Raises Conflict `count_expired` if nothing has happened to a locked count for too long."""
    now = session.scalars(select(func.clock_timestamp())).one()
    if now > count.created_at + timedelta(days=settings.count_days) and now > expires_at(session, count):
        raise Conflict("Nothing was counted for too long; open another stock count.", code="count_expired")


def get_count(session: Session, count_id: str) -> StockCount:
    """The stock count. Raises NotFound."""
    count = session.get(StockCount, count_id)
    if count is None:
        raise NotFound("No such stock count.")
    return count


def select_counts(status: str | None = None, warehouse_id: str | None = None) -> Select[StockCount]:
    """The query for stock counts. The caller orders it."""
    query = select(StockCount)
    if status:
        query = query.where(StockCount.status == status)
    if warehouse_id:
        query = query.where(StockCount.warehouse_id == warehouse_id)
    return query


def _counters_of(session: Session, count_id: str) -> set[str]:
    query = select(CountLine.counted_by).where(CountLine.stock_count_id == count_id).distinct()
    return {actor for actor in session.scalars(query) if actor}


def _move(count: StockCount, status: str) -> None:
    STOCK_COUNT_STATUS.move(count, status)
    count.updated_at = func.now()


def _lock_with_run(session: Session, count_id: str) -> StockCount:
    """Locks the run first, as a step does. An operator may have cancelled it."""
    run = transitions.lock(session, get_count(session, count_id).run_id)
    count = _lock_count(session, count_id)
    if count.status in _LIVE and (run is None or run.status == "compensating"):
        raise Conflict("This stock count is being cancelled.", code="wrong_state", current=count.status,
                       possible=["cancelled"])  # fmt: skip
    return count


def _lock_count(session: Session, count_id: str) -> StockCount:
    query = select(StockCount).where(StockCount.id == count_id).with_for_update(key_share=True)
    return session.scalars(query.execution_options(populate_existing=True)).one()
