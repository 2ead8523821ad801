"""Stock counts: what is expected, what was counted, and what is booked while goods move."""

from datetime import date
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from durable.tables import RunRecord
from models import catalogue, inventory
from models.core.database import transaction
from models.core.errors import Conflict, Invalid, NotFound
from models.inventory import count_booking, counts
from settings import settings
from tests.models.shelves import broken, move, product, reserve, warehouse
from tests.models.stock_counting import (
    ANN,
    BOB,
    CID,
    approve,
    book,
    cancel,
    close_unapproved,
    enter,
    events,
    level,
    lines,
    moved,
    of,
    open_count,
    refusal,
    refuse,
    submit,
)


@pytest.fixture(autouse=True)
def invariants_hold() -> Any:
    """Runs the audit after every test."""
    yield
    assert broken() == []


def test_differences_are_booked_once_with_their_reason_and_approver() -> None:
    book_id, hat, cup = product("BOOK", 10), product("HAT", 3), product("CUP", 5)
    count = open_count(of(book_id, 8), of(hat, 4), of(cup, 5))
    assert (submit(count), approve(count)) == ("submitted", "approved")
    assert [book(count), book(count)] == [2, 0]
    assert [level(one)[0] for one in (book_id, hat, cup)] == [8, 4, 5]
    assert moved(count) == [("count", -2, BOB), ("count", 1, BOB)]
    assert lines(count) == {"BOOK": (10, 8, -2, 0), "HAT": (3, 4, 1, 0), "CUP": (5, 5, None, 0)}
    changed = [event["quantity"] for event in events("stock.changed") if event["reference"] == count]
    assert sorted(changed) == [-2, 1]


def test_what_moves_between_counting_and_approval_stays() -> None:
    shirt = product("SHIRT", 10)
    count = open_count(of(shirt, 9))
    move(shirt, -3)
    move(shirt, 20)
    approve(count)
    move(shirt, -1)
    book(count)
    assert level(shirt) == (25, 0)  # 10 - 3 + 20 - 1, and one less


def test_the_units_expected_are_those_on_hand_when_a_line_is_entered() -> None:
    shirt = product("SHIRT", 10)
    count = open_count(product_ids=[shirt])
    assert lines(count) == {"SHIRT": (None, None, None, 0)}
    move(shirt, -4)
    assert enter(count, of(shirt, 6))[0].difference == 0
    move(shirt, -1)
    assert enter(count, of(shirt, 4), actor=BOB)[0].difference == -1
    assert lines(count) == {"SHIRT": (5, 4, None, 0)}
    approve(count, CID)
    book(count)
    assert level(shirt) == (4, 0)


def test_a_whole_warehouse_a_category_or_a_list_is_counted() -> None:
    annex = warehouse("Annex")
    emma, hat = product("EMMA", 2), product("HAT", 1, "clothing")
    gone = product("GONE", 1)
    with transaction() as session:
        parent = catalogue.create_category(session, "Wear").id
        child = catalogue.create_category(session, "Hats", parent).id
        catalogue.update_product(session, catalogue.get_product(session, hat), {"category": child})
        catalogue.delete_product(session, catalogue.get_product(session, gone))
    product("ELSEWHERE")
    assert set(lines(open_count())) == {"EMMA", "HAT", "GONE"}
    move(gone, -1)
    whole, part, listed = open_count(), open_count(category_id=parent), open_count(product_ids=[emma])
    assert [set(lines(one)) for one in (whole, part, listed)] == [{"EMMA", "HAT"}, {"HAT"}, {"EMMA"}]
    assert lines(open_count(at=annex)) == {}
    enter(whole, of(gone, 1))  # it was found behind a shelf
    for one in (part, listed):
        refused = refusal(partial(enter, one, of(gone, 1)))
        assert (refused.code, refused.extra["products"]) == ("not_in_count", [gone])
    approve(whole)
    book(whole)
    assert level(gone) == (1, 0)


def test_a_product_that_was_never_in_the_warehouse_is_counted_there() -> None:
    annex, shirt = warehouse("Annex", book=1), product("SHIRT", 5)
    count = open_count(of(shirt, 3), at=annex)
    assert lines(count) == {"SHIRT": (0, 3, None, 0)}
    with transaction() as session:
        inventory.update_warehouse(session, annex, {"status": "closed"})
    approve(count)
    book(count)  # beyond the capacity of a closed warehouse: the goods are there
    assert (level(shirt, annex), level(shirt)) == ((3, 0), (5, 0))


def test_products_are_named_by_sku_or_barcode() -> None:
    with transaction() as session:
        fields = {"kind": "book", "title": "Emma", "price_amount": 1, "currency": "EUR", "category": "All"}
        emma = catalogue.create_product(session, {**fields, "sku": "EMMA", "attributes": {"isbn": "9780141439587"}}).id
        for sku in ("TWIN-1", "TWIN-2"):
            catalogue.create_product(session, {**fields, "sku": sku, "attributes": {"isbn": "9780306406157"}})
    move(emma, 4)
    count = open_count()
    assert enter(count, {"barcode": "978-0-14-143958-7", "counted": 3})[0].product_id == emma
    assert enter(count, {"sku": "EMMA", "counted": 2})[0].counted == 2
    unknown = refusal(lambda: enter(count, {"sku": "EMMA", "counted": 1}, {"sku": "EMMY", "counted": 1}))
    assert (unknown.status, unknown.extra["products"]) == (404, ["EMMY"])
    twins = refusal(lambda: enter(count, {"barcode": "9780306406157", "counted": 1}))
    assert (twins.code, twins.extra["barcodes"]) == ("ambiguous_barcode", ["9780306406157"])
    twice = refusal(lambda: enter(count, {"sku": "EMMA", "counted": 1}, of(emma, 1)))
    assert isinstance(twice, Invalid)
    assert lines(count)["EMMA"] == (4, 2, None, 0)  # what is refused changes nothing
    assert isinstance(refusal(lambda: open_count(product_ids=["prd_" + 32 * "0"])), NotFound)


def test_reserved_units_stay_and_what_is_missing_beyond_is_noted() -> None:
    shirt = product("SHIRT", 10)
    reserve({shirt: 7})
    count = open_count(of(shirt, 4))
    approve(count)
    book(count)
    assert level(shirt) == (7, 7)
    assert lines(count, "short") == {"SHIRT": (10, 4, -3, 3)}
    with transaction() as session:
        assert inventory.get_totals_of(session, count).short == 3


def test_nothing_is_booked_if_all_units_are_reserved() -> None:
    shirt = product("SHIRT", 2)
    reserve({shirt: 2})
    count = open_count(of(shirt, 0))
    approve(count)
    assert book(count) == 0
    assert (level(shirt), lines(count)) == ((2, 2), {"SHIRT": (2, 0, 0, 2)})


def test_low_stock_and_backorders_follow_a_count() -> None:
    shirt, hat = product("SHIRT", 10), product("HAT", 0)
    with transaction() as session:
        inventory.set_threshold(session, shirt, None, 5, None)
        inventory.set_threshold(session, hat, None, 0, None)
        inventory.set_terms(session, hat, 3, date(2100, 1, 1))
    waiting = reserve({hat: 2})
    count = open_count(of(shirt, 4), of(hat, 3))
    approve(count)
    book(count)
    assert [event["available"] for event in events("stock.low") if event["product_id"] == shirt] == [4]
    assert level(hat) == (3, 2)  # the order has its units, one is left
    assert [event["available"] for event in events("stock.recovered") if event["product_id"] == hat] == [1]
    with transaction() as session:
        assert not inventory.is_waiting(session, waiting)
        low = session.execute(inventory.select_levels(low=True))
        assert [stock.product_id for stock, *_ in low] == [shirt]


def test_differences_above_a_value_are_approved_by_someone_who_has_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shirt, hat = product("SHIRT", 10), product("HAT", 10)
    count = open_count(of(shirt, 8), product_ids=[shirt, hat])
    enter(count, of(hat, 12), actor=BOB)
    submit(count)
    monkeypatch.setattr(counts, "settings", settings.model_copy(update={"count_approval_value": 3}))
    for actor in (ANN, BOB):
        refused = refusal(partial(approve, count, actor))
        assert (refused.code, refused.extra) == ("other_approver_required", {"value": 4, "limit": 3})
    assert approve(count, CID) == "approved"
    small = open_count(of(shirt, 9))
    assert approve(small, ANN) == "approved"
    assert book(count) == 2
    assert book(small) == 1


def test_what_is_decided_is_final() -> None:
    shirt = product("SHIRT", 10)
    empty = open_count(product_ids=[shirt])
    assert refusal(partial(submit, empty)).code == refusal(partial(approve, empty)).code == "nothing_counted"
    assert refusal(partial(refuse, empty)).code == "wrong_state"
    refused, cancelled, approved = (open_count(of(shirt, 9)) for _ in range(3))
    submit(refused)
    assert refusal(lambda: enter(refused, of(shirt, 1))).extra["possible"] == [
        "approved", "refused", "cancelled", "expired",
    ]  # fmt: skip
    assert (refuse(refused), cancel(cancelled), approve(approved)) == ("refused", "cancelled", "approved")
    for count, status in ((refused, "refused"), (cancelled, "cancelled")):
        with transaction() as session, pytest.raises(Conflict) as ended:
            inventory.await_approval(session, count)
        assert ended.value.code == f"count_{status}"
        assert close_unapproved(count, f"count_{status}") == status
    for count in (refused, cancelled, approved):
        for late in (partial(submit, count), partial(approve, count), partial(refuse, count), partial(cancel, count)):
            assert refusal(late).code == "wrong_state"
    book(approved)
    assert level(shirt) == (9, 0)


def test_a_count_expires_without_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    shirt = product("SHIRT", 10)
    left, alive = open_count(of(shirt, 9)), open_count(product_ids=[shirt])
    with transaction() as session:
        session.execute(text("UPDATE inventory.stock_count SET created_at = created_at - interval '8 days'"))
        session.execute(text("UPDATE inventory.stock_count_line SET counted_at = counted_at - interval '8 days'"))
    late = (partial(enter, left, of(shirt, 8)), partial(submit, left), partial(approve, left))
    assert {refusal(call).code for call in late} == {"count_expired"}
    assert refusal(partial(enter, alive, of(shirt, 8))).code == "count_expired"
    with transaction() as session, pytest.raises(Conflict, match="too long"):
        inventory.await_approval(session, left)
    assert [close_unapproved(left, "count_expired") for _ in range(2)] == ["expired", "expired"]
    assert refusal(partial(approve, left)).extra["current"] == "expired"
    monkeypatch.setattr(counts, "settings", settings.model_copy(update={"count_days": 30.0}))
    enter(alive, of(shirt, 9))
    with transaction() as session:
        found = inventory.get_count(session, alive)
        assert (inventory.expires_at(session, found) - found.created_at).days == 38  # from the last entry


def test_a_count_whose_run_an_operator_cancels_cannot_be_approved() -> None:
    shirt = product("SHIRT", 10)
    count = open_count(of(shirt, 9))
    with transaction() as session:
        run_id = inventory.get_count(session, count).run_id
        run = session.get_one(RunRecord, run_id)
        run.status = "compensating"
    assert refusal(partial(approve, count)).extra == {"current": "open", "possible": ["cancelled"]}
    assert close_unapproved(count, "cancelled_by_operator") == "cancelled"


def test_a_count_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        product(f"BOOK-{number}", 3)
    monkeypatch.setattr(counts, "MAX_COUNT_LINES", 4)
    refused = refusal(open_count)
    assert (refused.code, refused.extra) == ("count_too_large", {"limit": 4})
    with transaction() as session:
        assert session.scalars(inventory.select_counts()).all() == []


def test_differences_are_booked_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    books = [product(f"BOOK-{number}", 3) for number in range(7)]
    count = open_count(*(of(one, 2 + number % 3) for number, one in enumerate(books)))
    approve(count)
    monkeypatch.setattr(count_booking, "BATCH_LINES", 2)
    with transaction() as session:
        assert len(inventory.slice_differences(session, count)) == 3  # of 5 lines that differ
    assert book(count) == 5
    assert [level(one)[0] for one in books] == [2, 3, 4, 2, 3, 4, 2]


def test_the_audit_finds_differences_that_were_not_booked_or_twice() -> None:
    shirt = product("SHIRT", 10)
    count = open_count(of(shirt, 9))
    approve(count)
    with transaction() as session:
        inventory.close_booked_count(session, count)
    assert broken() == ["exactly the approved stock counts are booked, each completely"]
    with transaction() as session:
        inventory.book_differences(session, count, shirt, None)
        inventory.adjust(session, shirt, -1, "count", reference=count)
    assert broken() == ["differences of stock counts are booked once"]
    with transaction() as session:
        session.execute(text("DELETE FROM inventory.movement WHERE reference = :count AND actor IS NULL"),
                        {"count": count})  # fmt: skip
        session.execute(text("UPDATE inventory.stock SET on_hand = on_hand + 1"))
    other = open_count(of(shirt, 8))
    with transaction() as session:
        session.execute(text("UPDATE workflow.run SET finished_at = now(), status = 'succeeded'"))
    assert broken() == ["every open stock count has a live run"]
    close_unapproved(other, "cancelled_by_operator")
