"""Entering what was counted. The units on hand are noted in the same statement: the difference is between both.

Sales, deliveries and transfers go on meanwhile. They change the level, not the difference.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TypedDict

from sqlalchemy import ARRAY, BigInteger, Integer, String, bindparam, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from durable.ids import Id
from models import catalogue
from models.catalogue import Identified
from models.core.errors import Conflict, Invalid, NotFound
from models.inventory.count_tables import STOCK_COUNT_STATUS, CountLine, StockCount
from models.inventory.counts import check_not_expired, get_count, open_count
from models.inventory.scanning import identify_code
from models.inventory.warehouses import MAX_LEVEL

NAMES = ("product_id", "sku", "barcode")


class Counted(TypedDict, total=False):
    """What was counted of a product. Exactly one of `product_id`, `sku` and `barcode` names it."""

    product_id: str
    sku: str
    barcode: str
    counted: int


# In the order of product ids, so that two people who enter the same products do not wait for each other in a circle.
_ENTER = text("""
    WITH given AS (
        SELECT * FROM unnest(:products, :skus, :titles, :values, :counted)
            AS given (product_id, sku, title, unit_value, counted)
    )
    INSERT INTO inventory.stock_count_line AS mine
        (stock_count_id, product_id, sku, title, unit_value, expected, counted, counted_by, counted_at)
    SELECT :count_id, given.product_id, sku, title, unit_value, coalesce(on_hand, 0), counted, :actor,
        clock_timestamp()
    FROM given
    LEFT JOIN inventory.stock ON stock.product_id = given.product_id AND warehouse_id = :warehouse_id
    ORDER BY given.product_id
    ON CONFLICT (stock_count_id, product_id) DO UPDATE SET expected = excluded.expected, counted = excluded.counted,
        unit_value = excluded.unit_value, counted_by = excluded.counted_by, counted_at = excluded.counted_at
""").bindparams(
    bindparam("count_id", type_=Id("cnt")), bindparam("warehouse_id", type_=Id("wh")),
    bindparam("products", type_=ARRAY(Id("prd"))), bindparam("skus", type_=ARRAY(String)),
    bindparam("titles", type_=ARRAY(String)), bindparam("values", type_=ARRAY(BigInteger)),
    bindparam("counted", type_=ARRAY(Integer)), bindparam("actor", type_=String),
)  # fmt: skip


def open_with_lines(
    session: Session,
    warehouse_id: str | None,
    entries: Sequence[Counted],
    *,
    product_ids: Sequence[str] | None = None,
    category_id: str | None = None,
    actor: str | None,
) -> StockCount:
    """Opens a stock count and enters what was counted. Without further products, it is of those that were counted.

    Raises what `open_count` and `enter_lines` raise.
    """
    if entries and product_ids is None and category_id is None:
        product_ids = [one.product_id for one, _ in _identify(session, entries)]
    count = open_count(session, warehouse_id, product_ids=product_ids, category_id=category_id, actor=actor)
    if entries:
        enter_lines(session, count.id, entries, actor)
    return count


def enter_lines(session: Session, count_id: str, entries: Sequence[Counted], actor: str | None) -> list[CountLine]:
    """Enters what was counted. A product that was counted before is counted again: the later number counts.

    Not idempotent: a repeated call compares the same numbers with what is on hand by then. Returns the lines. Raises
    NotFound with `products` (the unknown names), Invalid if a product is named twice, and Conflict: `wrong_state`,
    `count_expired`, `ambiguous_barcode` with `barcodes`, `not_in_count` with `products`.
    """
    return _enter(session, _share(session, count_id), entries, actor)


def scan_counted(session: Session, count_id: str, code: str, units: int, actor: str | None) -> CountLine:
    """Adds units to what was counted of the product with this SKU or barcode; negative units are taken back.

    Not idempotent. Raises NotFound for an unknown count, `unknown_code` and `nothing_scanned` if more is taken back
    than was counted, Invalid if more is counted than a level can have, and what `enter_lines` raises.
    """
    count = _share(session, count_id)
    found = identify_code(session, code)
    if count.scope == "warehouse":  # two people may scan the first unit of a product that was not listed
        row = {"stock_count_id": count.id, "product_id": found.product_id, "sku": found.sku, "title": found.title}
        new = insert(CountLine).values(**row, unit_value=found.price_amount)
        session.execute(new.on_conflict_do_nothing())
    at = CountLine.stock_count_id == count.id, CountLine.product_id == found.product_id
    line = session.scalars(select(CountLine).where(*at).with_for_update()).one_or_none()
    sum_up = (line.counted or 0 if line else 0) + units
    if sum_up < 0:
        raise Conflict("Fewer units were counted.", code="nothing_scanned")
    if sum_up > MAX_LEVEL:
        raise Invalid("A stock level cannot exceed a billion units.", errors={"units": ["is too large"]})
    return _enter(session, count, [{"product_id": found.product_id, "counted": sum_up}], actor)[0]


def _enter(
    session: Session, count: StockCount, entries: Sequence[Counted], actor: str | None
) -> list[CountLine]:  # fmt: skip
    if count.status != "open":
        raise STOCK_COUNT_STATUS.refusal(count.status)
    check_not_expired(session, count)
    goods = _identify(session, entries)
    if count.scope != "warehouse":
        _check_listed(session, count, goods)
    values = {
        "count_id": count.id, "warehouse_id": count.warehouse_id, "actor": actor,
        "products": [one.product_id for one, _ in goods], "skus": [one.sku for one, _ in goods],
        "titles": [one.title for one, _ in goods], "values": [one.price_amount for one, _ in goods],
        "counted": [counted for _, counted in goods],
    }  # fmt: skip
    session.connection().execute(_ENTER, values)
    entered = CountLine.stock_count_id == count.id, CountLine.product_id.in_([one.product_id for one, _ in goods])
    query = select(CountLine).where(*entered).order_by(CountLine.sku)
    found = session.scalars(query.execution_options(populate_existing=True))
    return list(found)


def _share(session: Session, count_id: str) -> StockCount:
    """Several people enter lines at once; whoever submits or cancels the count waits for them."""
    get_count(session, count_id)
    query = select(StockCount).where(StockCount.id == count_id).with_for_update(read=True)
    return session.scalars(query.execution_options(populate_existing=True)).one()


def _identify(session: Session, entries: Sequence[Counted]) -> list[tuple[Identified, int]]:
    named: dict[str, dict[str, int]] = {name: {} for name in NAMES}
    for entry in entries:
        for name in NAMES:
            if name in entry:
                named[name][entry[name]] = entry["counted"]  # type: ignore[literal-required]
    found = catalogue.identify(
        session, ids=named["product_id"], skus=named["sku"], barcodes=named["barcode"]
    )  # fmt: skip
    counted = {name: units for numbers in named.values() for name, units in numbers.items()}
    times = Counter(one.name for one in found)
    if unknown := sorted(counted.keys() - times.keys()):
        raise NotFound("No such products.", products=unknown)
    if ambiguous := sorted(name for name, count in times.items() if count > 1):
        detail = "Several products have this barcode; name them by SKU."
        raise Conflict(detail, code="ambiguous_barcode", barcodes=ambiguous)
    if len({one.product_id for one in found}) < len(entries):
        raise Invalid("A product is named twice.", errors={"lines": ["each product may appear only once"]})
    return [(one, counted[one.name]) for one in found]


def _check_listed(session: Session, count: StockCount, goods: Sequence[tuple[Identified, int]]) -> None:
    wanted = {one.product_id for one, _ in goods}
    listed = select(CountLine.product_id).where(
        CountLine.stock_count_id == count.id, CountLine.product_id.in_(wanted)
    )  # fmt: skip
    if outside := sorted(wanted - set(session.scalars(listed))):
        raise Conflict("This stock count is of other products.", code="not_in_count", products=outside)
