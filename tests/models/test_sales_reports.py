"""Reports on sales and costs, written from known orders."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, text, update

from durable.ids import new_id
from models import catalogue, fulfilment, inventory, reports
from models.core.database import transaction
from models.returns import Return
from tests.models.sales import Sale
from tests.models.shelves import move, product, warehouse
from tests.models.test_costs import buy

NOW = datetime.now(UTC)
TOMORROW = NOW.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def lines(kind: str, days: int = 10, **options: str) -> list[dict[str, Any]]:
    """The lines of a report on the last days."""
    start, report_id = TOMORROW - timedelta(days=days), new_id("rep")
    with transaction() as session:
        scope: reports.Scope = {
            "report_id": report_id, "kind": kind, "start": start.isoformat(), "end": TOMORROW.isoformat(),
            "options": {}, "slices": reports.cut(session, reports.KINDS[kind], start, TOMORROW),
        }  # fmt: skip
        scope["options"].update(options)  # type: ignore[typeddict-item]
        rows = sum(reports.write_slice(session, scope, number) for number in range(len(scope["slices"])))
        report = reports.publish(session, scope, report_id, new_id("run"), rows)
        assert report.rows == rows
        return [line.cells for line in reports.lines_after(session, report_id, None, 1000)]


def sell(product_id: str, units: int, days_ago: int = 0) -> None:
    sale = Sale(product_id, units)
    for action in sale.forwards():
        action()
    day = (NOW - timedelta(days=days_ago)).date()
    with transaction() as session:
        newest = select(reports.SalesChange.id).order_by(reports.SalesChange.id.desc()).limit(1)
        changed = update(reports.SalesChange).where(reports.SalesChange.id == newest.scalar_subquery())
        session.execute(changed.values(day=day))


def test_trends_have_categories_and_products_by_day_and_week(book: str) -> None:
    with transaction() as session:
        parent = catalogue.create_category(session, "Outdoors")
        catalogue.create_category(session, "Tents", parent.id)
        tent = catalogue.create_product(
            session,
            {"sku": "TENT", "kind": "book", "title": "A tent", "price_amount": 500, "currency": "EUR",
             "category": "Tents"},
        ).id  # fmt: skip
        inventory.adjust(session, tent, 10, "delivery")
    for product_id, units, days_ago in ((book, 2, 0), (tent, 1, 0), (tent, 3, 1), (tent, 1, 40)):
        sell(product_id, units, days_ago)
    with transaction() as session:
        reports.fold(session, 2)  # half of the changes are totals by now
    found = lines("trends", interval="day")
    days = {(line["scope"], line["name"], line["day"]): (line["units"], line["revenue"]) for line in found}
    today, yesterday = (str((NOW - timedelta(days=ago)).date()) for ago in (0, 1))
    assert days == {
        ("category", "All", today): (2, 2), ("category", "Tents", today): (1, 500),
        ("category", "Tents", yesterday): (3, 1500), ("product", "BOOK BOOK", today): (2, 2),
        ("product", "TENT A tent", today): (1, 500), ("product", "TENT A tent", yesterday): (3, 1500),
    }  # fmt: skip
    assert {line["name"] for line in lines("trends", category_id=parent.id)} == {"Tents", "TENT A tent"}
    assert {line["name"] for line in lines("trends", product_id=book)} == {"All", "BOOK BOOK"}
    weeks = lines("trends", days=60, interval="week", product_id=tent)
    assert sum(line["units"] for line in weeks if line["scope"] == "product") == 5
    assert {datetime.fromisoformat(line["day"]).weekday() for line in weeks} == {0}


def test_the_trend_of_a_warehouse_is_of_what_has_left_it_and_come_back(book: str) -> None:
    sale, annex = Sale(book, 3), warehouse("Annex")
    for action in sale.forwards():
        action()
    with transaction() as session:
        main = inventory.get_default_warehouse(session).id
        parcel = fulfilment.pack(session, sale.id, tracking_number="1Z", actor=new_id("usr"))
        asked = Return(
            order_id=sale.id, id=new_id("ret"), user_id=sale.order.user_id, run_id=new_id("run"), reason="Torn"
        )
        session.add(asked)
        for units, reason, reference in ((-2, "sale", parcel.id), (-1, "sale", parcel.id), (1, "return", asked.id),
                                         (5, "delivery", None), (-1, "broken", "by ada")):  # fmt: skip
            session.add(inventory.Movement(
                id=new_id("mov"), product_id=book, warehouse_id=main, quantity=units, reason=reason,
                reference=reference,
            ))  # fmt: skip
    [line] = [one for one in lines("trends", warehouse_id=main) if one["scope"] == "product"]
    assert (line["units"], line["revenue"], line["returned"], line["returned_amount"]) == (3, 3, 1, 1)
    assert lines("trends", warehouse_id=annex) == []


def test_days_of_cover_follow_from_sales(book: str) -> None:
    sell(book, 20, 3)
    sell(book, 50, 12)  # before the period
    cup = product("CUP", 8)
    found = {line["sku"]: line for line in lines("cover")}
    assert (found["BOOK"]["sold"], found["BOOK"]["per_day"], found["BOOK"]["days"]) == (20, 2, 15)  # 30 are available
    assert (found["CUP"]["available"], found["CUP"]["days"]) == (8, None)
    assert cup in found["CUP"]["product_id"]


def test_the_cover_of_a_warehouse_follows_from_what_has_left_it(book: str) -> None:
    annex = warehouse("Annex")
    move(book, 40, annex)
    with transaction() as session:
        session.execute(
            text("""INSERT INTO inventory.movement (id, product_id, warehouse_id, quantity, reason)
            SELECT gen_random_uuid(), product_id, warehouse_id, -10, 'sale' FROM inventory.stock
            WHERE warehouse_id = :annex"""),
            {"annex": annex.removeprefix("wh_")},
        )
    [line] = lines("cover", warehouse_id=annex)
    assert (line["available"], line["sold"], line["days"]) == (40, 10, 40)


def test_dead_stock_was_there_and_was_not_sold(book: str) -> None:
    old, sold, new = product("OLD", 5), product("SOLD", 5), product("NEW", 5)
    buy(old, 5, 300)
    sell(sold, 1, 2)
    sell(book, 1, 30)
    with transaction() as session:
        aged = update(catalogue.Product).where(catalogue.Product.id != new)
        session.execute(aged.values(created_at=NOW - timedelta(days=50)))
        reports.fold(session)
    found = {line["sku"]: (line["on_hand"], line["value"], line["last_sold"]) for line in lines("dead-stock")}
    assert found == {"OLD": (10, 3000, None), "BOOK": (100, None, str((NOW - timedelta(days=30)).date()))}


def test_sell_through_is_what_was_sold_of_what_there_was(book: str) -> None:
    with transaction() as session:
        session.execute(update(inventory.Movement).values(created_at=NOW - timedelta(days=30)))
    buy(book, 20, None)
    move(book, 10, warehouse("Annex"))
    sell(book, 13, 1)
    [line] = lines("sell-through")
    assert (line["opening"], line["came"], line["sold"], line["share"]) == (100, 30, 13, 0.1)


def test_values_are_units_at_their_average_cost(book: str) -> None:
    cup, annex = product("CUP"), warehouse("Annex")
    buy(cup, 2, 100)
    buy(cup, 1, 101)
    buy(cup, 3, 50, annex)
    found = {(line["warehouse"], line["sku"]): (line["average_cost"], line["value"]) for line in lines("valuation")}
    assert found == {("Annex", "CUP"): (50, 150), ("Main warehouse", "CUP"): (100.33, 301),
                     ("Main warehouse", "BOOK"): (None, None)}  # fmt: skip
