"""The sample catalogue is complete, consistent and safe to import."""

import csv
import json
from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from tests.processes import ROOT

CATALOGUE = ROOT / "cli" / "sample_catalogue.csv"
COLUMNS = [
    "sku", "kind", "title", "author", "author_email", "category", "published_on",
    "price", "currency", "stock", "reorder_point", "description", "attributes",
]  # fmt: skip
PREFIXES = {"book": "BOOK-", "clothing": "CLOTH-", "electronics": "ELEC-"}
ATTRIBUTES = {
    "book": {"language", "pages", "format"},
    "clothing": {"size", "colour", "material"},
    "electronics": {"brand", "warranty_months"},
}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with CATALOGUE.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        assert reader.fieldnames == COLUMNS
        return list(reader)


def test_lines_end_with_a_newline_only() -> None:
    content = CATALOGUE.read_bytes()
    assert content.endswith(b"\n")
    assert b"\r" not in content
    assert not content.startswith(b"\xef\xbb\xbf")


def test_the_sample_has_enough_products_of_every_kind(rows: list[dict[str, str]]) -> None:
    kinds = Counter(row["kind"] for row in rows)
    assert set(kinds) == {"book", "clothing", "electronics"}
    assert kinds["book"] >= 60
    assert kinds["clothing"] >= 16
    assert kinds["electronics"] >= 12


def test_every_row_has_all_columns_and_no_more(rows: list[dict[str, str]]) -> None:
    for row in rows:
        assert None not in row, row["sku"]
        assert None not in row.values(), row["sku"]
        assert all(value == value.strip() for value in row.values()), row["sku"]
        assert row["title"], row["sku"]
        assert row["category"], row["sku"]
        assert row["author_email"] == "", row["sku"]


def test_skus_are_unique_and_begin_with_the_kind(rows: list[dict[str, str]]) -> None:
    assert len({row["sku"] for row in rows}) == len(rows)
    for row in rows:
        assert row["sku"].startswith(PREFIXES[row["kind"]]), row["sku"]


def test_only_books_have_an_author_and_a_past_publication_date(rows: list[dict[str, str]]) -> None:
    for row in rows:
        if row["kind"] == "book":
            assert row["author"], row["sku"]
            assert date.fromisoformat(row["published_on"]) <= date.today(), row["sku"]
        else:
            assert row["author"] == row["published_on"] == "", row["sku"]


def test_prices_are_positive_euros_with_cents(rows: list[dict[str, str]]) -> None:
    for row in rows:
        price = Decimal(row["price"])
        assert price > 0, row["sku"]
        assert price.as_tuple().exponent == -2, row["sku"]
        assert row["currency"] == "EUR", row["sku"]


def test_only_one_product_has_a_single_unit(rows: list[dict[str, str]]) -> None:
    stock = {row["sku"]: int(row["stock"]) for row in rows}
    assert [sku for sku, quantity in stock.items() if quantity == 1] == ["BOOK-LAST-COPY"]
    for row in rows:
        assert 0 <= int(row["reorder_point"]) < stock[row["sku"]], row["sku"]
        assert row["sku"] == "BOOK-LAST-COPY" or 3 <= stock[row["sku"]] <= 120, row["sku"]


def test_descriptions_are_unique_and_of_reasonable_length(rows: list[dict[str, str]]) -> None:
    descriptions = [row["description"] for row in rows]
    assert len(set(descriptions)) == len(descriptions)
    for row in rows:
        assert 40 <= len(row["description"]) <= 400, row["sku"]


def test_attributes_are_json_objects_of_the_kind(rows: list[dict[str, str]]) -> None:
    for row in rows:
        attributes = json.loads(row["attributes"])
        assert isinstance(attributes, dict), row["sku"]
        assert attributes.keys() >= ATTRIBUTES[row["kind"]], row["sku"]
        if row["kind"] == "book":
            assert attributes["format"] in {"paperback", "hardcover"}, row["sku"]
            assert attributes["pages"] > 0, row["sku"]


def test_isbns_are_valid_and_unique(rows: list[dict[str, str]]) -> None:
    attributes = [json.loads(row["attributes"]) for row in rows]
    isbns = [each["isbn"] for each in attributes if "isbn" in each]
    assert isbns
    assert len(set(isbns)) == len(isbns)
    for isbn in isbns:
        assert len(isbn) == 13, isbn
        assert isbn.isdecimal(), isbn
        # ISBN-13: the digits, weighted 1 and 3 in turn, add up to a multiple of ten (ISO 2108)
        assert sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(isbn)) % 10 == 0, isbn
