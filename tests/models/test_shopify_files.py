"""Files of Shopify: its current headers and the older ones, and rows that are not taken as they are."""

import csv
import io
from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import select

from models import imports
from models.catalogue import Product
from models.core.database import transaction
from models.imports import NotACatalogue, check_head
from tests.models.test_import_reading import import_all, read_all, stored
from tests.workflows.test_catalogue_import import sheet, thing

CURRENT = (
    "Title", "URL handle", "Description", "Vendor", "Product category", "Type", "Tags", "Published on online store",
    "Status", "SKU", "Barcode", "Option1 name", "Option1 value", "Option1 Linked To", "Option2 name", "Option2 value",
    "Price", "Compare-at price", "Inventory quantity", "Weight value (grams)", "Product image URL", "Gift card",
)  # fmt: skip
OLDER = (
    "Title", "Handle", "Body (HTML)", "Vendor", "Product Category", "Type", "Tags", "Published", "Status",
    "Variant SKU", "Variant Barcode", "Option1 Name", "Option1 Value", "Option1 Linked To", "Option2 Name",
    "Option2 Value", "Variant Price", "Variant Compare At Price", "Variant Inventory Qty", "Variant Grams", "Image Src",
    "Gift Card",
)  # fmt: skip
SHIRT: dict[str, object] = {
    "Title": "Shirt", "URL handle": "shirt", "Type": "Shirts", "Status": "active", "Option1 name": "Size",
    "Option1 value": "M", "Price": "9.00", "Inventory quantity": "4",
}  # fmt: skip
OTHER_SIZE: dict[str, object] = {"URL handle": "shirt", "Option1 value": "L", "Price": "9.50"}


def shopify(*rows: dict[str, object], columns: Iterable[str] = CURRENT) -> str:
    written = io.StringIO()  # as Shopify does, which does not escape formulas
    csv.writer(written).writerows([list(columns), *([row.get(name, "") for name in CURRENT] for row in rows)])
    return written.getvalue()


def take(text: str, kind: str | None = None) -> dict[str, Any]:
    """The result of importing a file."""
    import_id = stored(text.encode(), kind)
    read_all(import_id)
    return import_all(import_id)


def products() -> dict[str, tuple[str, dict[str, Any]]]:
    """SKU → title and attributes."""
    with transaction() as session:
        return {one.sku: (one.title, one.attributes) for one in session.scalars(select(Product))}


def counts(result: dict[str, Any]) -> tuple[int, int]:
    return result["created"], result["refused"]


@pytest.mark.parametrize("change", [str, str.upper, str.lower, lambda name: name.replace(" ", "  ")])
@pytest.mark.parametrize("columns", [CURRENT, OLDER], ids=["current", "older"])
def test_headers_are_compared_without_regard_to_case(database: None, columns: tuple[str, ...], change: Any) -> None:
    result = take(shopify(SHIRT | {"SKU": "S-M"}, OTHER_SIZE | {"SKU": "S-L"}, columns=map(change, columns)))
    assert (result["format"], *counts(result)) == ("shopify", 2, 0)
    assert products() == {"S-M": ("Shirt, M", {"size": "M"}), "S-L": ("Shirt, L", {"size": "L"})}


def test_headers_of_our_format_are_compared_without_regard_to_case(database: None) -> None:
    text = sheet(thing(1))
    assert counts(take(text.replace("sku,kind,title", "SKU,Kind,TITLE"))) == (1, 0)


def test_two_columns_for_the_same_field_are_refused() -> None:
    with pytest.raises(NotACatalogue, match="several columns for Variant SKU"):
        check_head(b"Handle,Title,Variant Price,SKU,variant sku\na,A,1,x,y\n", is_all=True)


@pytest.mark.parametrize("card", [
    {"Gift card": "TRUE"}, {"Gift card": "true"}, {"Product category": "Gift Cards"}, {"Type": "Gift card"},
])  # fmt: skip
def test_a_gift_card_is_refused(database: None, card: dict[str, object]) -> None:
    result = take(shopify(SHIRT | card | {"SKU": "CARD"}), "book")
    assert [row["reason"] for row in result["refusals"]] == ["kind: Gift cards are not supported."]
    assert products() == {}


def test_variants_without_sku_get_one_and_keep_their_options(database: None) -> None:
    long = SHIRT | {"URL handle": "h" * 60, "Option1 value": "Extra large and long"}
    result = take(shopify(SHIRT, OTHER_SIZE, long, long | {"Title": "", "Option1 value": "Extra large and longer"}))
    assert counts(result) == (4, 0)
    found = products()
    assert found["shirt-m"] == ("Shirt, M", {"size": "M"})
    assert found["shirt-l"] == ("Shirt, L", {"size": "L"})
    assert {len(sku) for sku in found.keys() - {"shirt-m", "shirt-l"}} == {64}
    assert counts(take(shopify(SHIRT, OTHER_SIZE, long))) == (0, 0)


def test_a_product_without_handle_is_named_by_its_title(database: None) -> None:
    no_handle = {"URL handle": ""}
    coat = SHIRT | no_handle | {"Title": "Winter coat", "Type": "Jackets"}
    assert counts(take(shopify(SHIRT | no_handle, OTHER_SIZE | no_handle, coat, OTHER_SIZE | no_handle))) == (4, 0)
    assert products().keys() == {"shirt-m", "shirt-l", "winter-coat-m", "winter-coat-l"}


def test_a_variant_without_its_product_is_refused_with_the_reason(database: None) -> None:
    result = take(shopify(OTHER_SIZE | {"SKU": "S-L"}))
    assert "no row with this Handle and a Title" in result["refusals"][0]["reason"]


@pytest.mark.parametrize(("units", "created"), [("-2", 0), ("-0", 1), ("", 1), ("two", 0)])
def test_negative_stock_is_refused(database: None, units: str, created: int) -> None:
    result = take(shopify(SHIRT | {"Inventory quantity": units}))
    assert counts(result) == (created, 1 - created)
    if units == "-2":
        assert result["refusals"][0]["reason"].startswith("stock: Is -2: more units are sold than there are.")


def test_columns_that_are_not_taken_are_reported(database: None) -> None:
    image = {"Product image URL": "https://x.example/1.jpg"}
    rest = {"Tags": "summer", "Compare-at price": "12.00", **image}
    result = take(shopify(SHIRT | rest, OTHER_SIZE | image, {"URL handle": "shirt", **image}))
    assert result["columns_not_taken"] == [
        {"column": "Tags", "rows": 1}, {"column": "Compare-at price", "rows": 1},
        {"column": "Product image URL", "rows": 3},
    ]  # fmt: skip
    assert take(sheet(thing(1)))["columns_not_taken"] == []


@pytest.mark.parametrize("chunk_rows", [1, 2, 1000])
def test_a_refused_row_does_not_block_its_sku(database: None, monkeypatch: pytest.MonkeyPatch, chunk_rows: int) -> None:
    monkeypatch.setattr(imports.reading, "CHUNK_ROWS", chunk_rows)
    bad, good = thing(1, price="?"), thing(1, title="Good")
    other_kind = thing(2, kind="book")
    assert counts(take(sheet(thing(2)))) == (1, 0)
    result = take(sheet(bad, good, thing(1), other_kind, thing(2, title="Changed"), *[thing(3, price="?")] * 9))
    assert (result["created"], result["updated"], result["refused"]) == (1, 1, 12)
    assert {sku: title for sku, (title, _) in products().items()} == {"T-1": "Good", "T-2": "Changed"}
    reasons = {row["line"]: row["reason"] for row in result["refusals"]}
    assert reasons[2].startswith("price:")
    assert reasons[4] == "sku: Already used on line 3."
    assert reasons[5].startswith("kind:")
    assert [line for line, reason in reasons.items() if reason == "sku: Already used on line 7."] == [
        11,
        12,
        13,
        14,
        15,
    ]
    with transaction() as session:
        assert session.scalars(select(imports.Repeat)).all() == []


@pytest.mark.parametrize("alone", [True, False])
def test_repeated_rows_are_imported_in_portions(database: None, alone: bool) -> None:
    import_id = stored(sheet(thing(1, price="?"), thing(1, price="!"), thing(1), thing(1), thing(2)).encode())
    read_all(import_id)
    noted: list[tuple[int, int]] = []

    def note(first: int, last: int) -> None:
        noted.append((first, last))

    with transaction() as session:
        part = imports.import_chunk_in_portions(
            session, import_id, 1, suspects=[3], is_alone=lambda _: alone, before_each=note
        )
        reasons = [row.reason for row in imports.list_refusals(session, import_id, 0, 10)]
    assert (part["created"], part["refused"]) == (2, 3)
    assert reasons[1:] == [
        "The row could not be imported: a worker failed twice at it.", "sku: Already used on line 4."
    ]  # fmt: skip
    assert noted == ([(2, 2), (3, 3), (4, 4), (6, 6)] if alone else [(2, 6), (3, 3), (4, 4)])


def test_repeated_rows_are_dropped_with_their_chunk(database: None) -> None:
    import_id = stored(sheet(thing(1, price="?"), thing(1), thing(1)).encode())
    read_all(import_id)
    with transaction() as session:
        part = imports.drop_chunk(session, import_id, 1, "Dropped.")
        assert {row.reason for row in imports.list_refusals(session, import_id, 0, 10)} == {"Dropped."}
    assert (part["created"], part["refused"]) == (0, 3)


def test_a_repeated_first_row_still_begins_its_product(database: None) -> None:
    """Its variants are complete, although another product has used its SKU."""
    other = SHIRT | {"Title": "Coat", "URL handle": "coat", "SKU": "X"}
    result = take(shopify(other, SHIRT | {"SKU": "X"}, OTHER_SIZE))
    assert counts(result) == (2, 1)
    assert products()["shirt-l"] == ("Shirt, L", {"size": "L"})
