"""`shop import`: a CSV file is imported once, and invalid rows are refused by line."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from cli.import_catalogue import BATCH, SAMPLE, import_
from models import inventory
from models.catalogue import Author, Product
from models.core.database import transaction
from models.imports import NATIVE_COLUMNS as COLUMNS
from models.imports import CsvFile, NotACatalogue, Refusal, Row, read_rows

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
    return list(read_rows(CsvFile.open(io.BytesIO(text.encode()))))


def run(file: Path) -> Result:
    return CliRunner().invoke(import_, [str(file)], catch_exceptions=False)


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


@pytest.mark.usefixtures("database")
def test_the_sample_is_imported_completely_and_once() -> None:
    first, second = run(SAMPLE), run(SAMPLE)
    assert (first.exit_code, first.output.strip()) == (
        0, "100 created, 0 updated, 0 unchanged, 0 refused (sample_catalogue.csv)",
    )  # fmt: skip
    assert second.output.strip() == "0 created, 0 updated, 100 unchanged, 0 refused (sample_catalogue.csv)"
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        expected = {row["sku"]: int(row["stock"]) for row in csv.DictReader(file)}
    with transaction() as session:
        levels = {sku: stock.on_hand for stock, sku, _ in session.execute(inventory.select_levels())}
        assert levels == expected
        moved = session.execute(select(func.count(), func.sum(inventory.Movement.quantity))).one()
        assert tuple(moved) == (100, sum(expected.values()))
        emma = session.scalars(select(Product).where(Product.sku == "BOOK-EMMA")).one()
        names = (emma.category and emma.category.name, emma.author and emma.author.name)
        assert (emma.title, *names) == ("Emma", "Classics", "Jane Austen")


@pytest.mark.usefixtures("database")
def test_a_changed_row_updates_its_product_but_not_its_stock(tmp_path: Path) -> None:
    file = tmp_path / "books.csv"
    file.write_text(as_csv(BOOK))
    run(file)
    file.write_text(as_csv({**BOOK, "price": "12.00", "stock": "500"}))
    assert run(file).output.startswith("0 created, 1 updated, 0 unchanged, 0 refused")
    with transaction() as session:
        emma = session.scalars(select(Product)).one()
        assert emma.price_amount == 1200
        assert inventory.get_available(session, [emma.id]) == {emma.id: 31}


@pytest.mark.usefixtures("database")
def test_refused_rows_are_reported_by_line_and_the_rest_is_imported(tmp_path: Path) -> None:
    file = tmp_path / "books.csv"
    shirt = {**BOOK, "sku": "SHIRT", "kind": "clothing", "author": "", "published_on": "", "attributes": ""}
    file.write_text(as_csv(shirt))
    run(file)
    books = [{**BOOK, "sku": f"BOOK-{number}"} for number in range(BATCH + 50)]
    became_a_book = {**BOOK, "sku": "SHIRT"}
    file.write_text(as_csv(*books, became_a_book, {**BOOK, "price": ""}, books[0]))
    result = run(file)
    last = len(books) + 2
    assert result.exit_code == 1
    assert result.output.splitlines()[-1].startswith(f"{len(books)} created, 0 updated, 0 unchanged, 3 refused")
    assert f"line {last}: SHIRT refused. kind: The product is of kind clothing; " in result.output
    assert f"line {last + 1}: BOOK-EMMA refused. price: " in result.output
    assert f"line {last + 2}: BOOK-0 refused. sku: Already used on line 2." in result.output
    with transaction() as session:
        assert session.scalar(select(func.count()).select_from(Product)) == len(books) + 1
        assert session.scalar(select(func.count()).select_from(Author)) == 1


@pytest.mark.usefixtures("database")
def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "books.csv"
    file.write_bytes(as_csv({**BOOK, "title": "Émile"}).encode("latin-1"))
    result = run(file)
    assert result.exit_code == 1
    assert "is not valid UTF-8" in result.output
