"""Files of our format: their rows are products, or are refused by line."""

import csv
import io
from typing import Any

import pytest

from models.imports import NATIVE_COLUMNS as COLUMNS
from models.imports import NotACatalogue, Refusal, Row
from tests.models.csv_reading import read_file

BOOK = {
    "sku": "BOOK-EMMA", "kind": "book", "title": "Emma", "author": "Jane Austen", "author_email": "",
    "category": "Classics", "published_on": "1815-12-23", "price": "10.99", "currency": "EUR", "stock": "31",
    "reorder_point": "8", "description": "Wrong about everybody.", "attributes": '{"pages": 480}',
}  # fmt: skip


def as_csv(*products: dict[str, Any]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(products)
    return text.getvalue()


def parsed(*products: dict[str, Any]) -> list[Row | Refusal]:
    return read(as_csv(*products))


def read(text: str) -> list[Row | Refusal]:
    return read_file(text.encode())


def test_a_book_is_read_with_its_author_and_date() -> None:
    (row,) = parsed(BOOK)
    assert isinstance(row, Row)
    assert (row.line, row.stock, row.reorder_point) == (2, 31, 8)
    assert (row.draft.price_amount, row.draft.currency, row.draft.author) == (1099, "EUR", "Jane Austen")
    assert row.draft.attributes == {"pages": 480, "published_on": "1815-12-23"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"price": "ten"}, "price"),
        ({"price": "9.999"}, "price"),
        ({"price": "NaN"}, "price"),
        ({"price": "inf"}, "price"),
        ({"price": "1e99999999"}, "price"),
        ({"price": "1e999990"}, "price"),
        ({"price": "9" * 5000}, "price"),
        ({"price": "1." + "0" * 100_000 + "1"}, "price"),
        ({"price": "1e99"}, "price.amount"),
        ({"price": "1e-99999999"}, "price"),
        ({"price": "-1.00"}, "price.amount"),
        ({"currency": "USD"}, "price.currency"),
        ({"kind": "food"}, "kind"),
        ({"title": ""}, "title"),
        ({"sku": ""}, "sku"),
        ({"category": ""}, "category"),
        ({"kind": "clothing", "published_on": "", "attributes": ""}, "author"),
        ({"published_on": "soon"}, "attributes.published_on"),
        ({"attributes": "pages: 480"}, "attributes"),
        ({"attributes": "[480]"}, "attributes"),
        ({"attributes": '{"pagse": 480}'}, "attributes.pagse"),
        ({"stock": "-1"}, "stock"),
        ({"stock": "a few"}, "stock"),
        ({"stock": "9999999999"}, "stock"),
        ({"stock": "9" * 100_000}, "stock"),
        ({"reorder_point": "1.5"}, "reorder_point"),
    ],
)
def test_an_invalid_row_is_refused_by_field(changes: dict[str, str], field: str) -> None:
    found = parsed({**BOOK, **changes}, {**BOOK, "sku": "BOOK-2"})
    assert isinstance(found[0], Refusal)
    assert found[0].line == 2
    assert found[0].reason.startswith(f"{field}: ")
    assert isinstance(found[1], Row)


def test_line_numbers_account_for_rows_of_several_lines() -> None:
    found = parsed({**BOOK, "description": "one\ntwo\nthree"}, {**BOOK, "price": "?"})
    assert [row.line for row in found] == [2, 5]


def test_a_row_with_a_wrong_number_of_columns_is_refused() -> None:
    text = as_csv(BOOK).splitlines()
    found = read("".join(f"{line}\n" for line in (*text, "BOOK-2,book", text[1] + ",more", 'BOOK-3,"no" csv')))
    assert [type(row) for row in found] == [Row, Refusal, Refusal, Refusal]


@pytest.mark.parametrize("text", ["sku,title\n", ",".join([*COLUMNS, "colour"]), ",".join([*COLUMNS, "sku"])])
def test_a_file_with_other_columns_is_refused(text: str) -> None:
    with pytest.raises(NotACatalogue, match="columns"):
        read(text)
