"""`shop import`: a CSV file is imported once by the workers, and invalid rows are refused by line."""

import csv
from pathlib import Path

from click.testing import CliRunner, Result
from sqlalchemy import func, select

from cli.import_catalogue import SAMPLE, import_
from models import inventory
from models.catalogue import Author, Product
from models.core.database import transaction
from tests.cli.test_import_catalogue import BOOK, as_csv
from tests.shop import Shop


def run(file: Path) -> Result:
    return CliRunner().invoke(import_, [str(file)], catch_exceptions=False)


def test_the_sample_is_imported_completely_and_once(shop: Shop, database: None) -> None:
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


def test_a_changed_row_updates_its_product_but_not_its_stock(shop: Shop, database: None, tmp_path: Path) -> None:
    file = tmp_path / "books.csv"
    file.write_text(as_csv(BOOK))
    run(file)
    file.write_text(as_csv({**BOOK, "price": "12.00", "stock": "500"}))
    assert run(file).output.startswith("0 created, 1 updated, 0 unchanged, 0 refused")
    with transaction() as session:
        emma = session.scalars(select(Product)).one()
        assert emma.price_amount == 1200
        assert inventory.get_available(session, [emma.id]) == {emma.id: 31}


def test_refused_rows_are_reported_by_line_and_the_rest_is_imported(shop: Shop, database: None, tmp_path: Path) -> None:
    file = tmp_path / "books.csv"
    shirt = {**BOOK, "sku": "SHIRT", "kind": "clothing", "author": "", "published_on": "", "attributes": ""}
    file.write_text(as_csv(shirt))
    run(file)
    books = [{**BOOK, "sku": f"BOOK-{number}"} for number in range(350)]
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


def test_a_file_in_another_encoding_is_refused(shop: Shop, database: None, tmp_path: Path) -> None:
    file = tmp_path / "books.csv"
    file.write_bytes(as_csv({**BOOK, "title": "Émile"}).encode("latin-1"))
    result = run(file)
    assert result.exit_code == 1
    assert "is not valid UTF-8" in result.output
