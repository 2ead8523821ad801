"""Products, authors and categories."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select

from models import catalogue
from models.catalogue.product_input import validate
from models.core.database import transaction
from models.core.errors import Conflict, Invalid, NotFound


def book(**changes: Any) -> dict[str, Any]:
    fields = {
        "sku": "BOOK-1", "kind": "book", "title": "Emma", "price_amount": 1099, "currency": "EUR",
        "category": "Classics", "author": "Jane Austen", "attributes": {"published_on": "1815-12-23", "pages": 480},
    }  # fmt: skip
    return {**fields, **changes}


def lamp(**changes: Any) -> dict[str, Any]:
    fields = {
        "sku": "LAMP-1", "kind": "electronics", "title": "Reading lamp", "price_amount": 3900, "currency": "EUR",
        "category": "Lighting", "attributes": {"brand": "Tessandor", "warranty_months": 24},
    }  # fmt: skip
    return {**fields, **changes}


def create(fields: dict[str, Any]) -> catalogue.Product:
    with transaction() as session:
        return catalogue.create_product(session, fields)


def test_a_product_gets_its_category_and_author_by_name() -> None:
    first = create(book())
    second = create(book(sku="BOOK-2", title="Persuasion", category=" classics ", author="JANE  AUSTEN"))
    assert first.category is not None
    assert first.author is not None
    assert first.category.name == "Classics"
    assert first.author.name == "Jane Austen"
    assert (second.category_id, second.author_id) == (first.category_id, first.author_id)
    third = create(book(sku="BOOK-3", category=first.category_id, author=first.author_id))
    assert (third.category_id, third.author_id) == (first.category_id, first.author_id)


@pytest.mark.parametrize("field", ["category", "author"])
def test_an_unknown_id_is_refused_and_not_used_as_a_name(field: str) -> None:
    unknown = {"category": "cat_", "author": "aut_"}[field] + 32 * "0"
    with pytest.raises(Invalid) as refusal:
        create(book(**{field: unknown}))
    assert list(refusal.value.extra["errors"]) == [field]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        (book(sku=""), "sku"),
        (book(sku=" BOOK"), "sku"),
        (book(sku="BO\x00OK"), "sku"),
        (book(title="  "), "title"),
        (book(title="bell\x07"), "title"),
        (book(description="nul\x00"), "description"),
        (book(kind="toy"), "kind"),
        (book(price_amount=-1), "price.amount"),
        (book(price_amount=10.5), "price.amount"),
        (book(price_amount=10**13), "price.amount"),
        (book(currency="USD"), "price.currency"),
        (book(colour="red"), "colour"),
        (lamp(author="Jane Austen"), "author"),
        (book(attributes={"published_on": "1815-13-23"}), "attributes.published_on"),
        (book(attributes={"published_on": 1815}), "attributes.published_on"),
        (book(attributes={"isbn": "9780306406158"}), "attributes.isbn"),
        (book(attributes={"isbn": "030640615X"}), "attributes.isbn"),
        (book(attributes={"isbn": "97803064061"}), "attributes.isbn"),
        (book(attributes={"isbn": "978030640615²"}), "attributes.isbn"),
        (book(attributes={"pages": 0}), "attributes.pages"),
        (book(attributes={"pages": "480"}), "attributes.pages"),
        (book(attributes={"pages": True}), "attributes.pages"),
        (book(attributes={"size": "M"}), "attributes.size"),
        (lamp(kind="clothing", attributes={"warranty_months": 1}), "attributes.warranty_months"),
        (lamp(attributes={"warranty_months": "two years"}), "attributes.warranty_months"),
        (lamp(attributes={"power_w": float("nan")}), "attributes.power_w"),
        (lamp(attributes=[]), "attributes"),
    ],
)
def test_an_invalid_product_is_refused_by_field(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(Invalid) as refusal:
        validate(fields)
    assert list(refusal.value.extra["errors"]) == [named]
    assert all(fault.endswith(".") for fault in refusal.value.extra["errors"][named])


def test_all_invalid_fields_are_reported_together() -> None:
    with pytest.raises(Invalid) as refusal:
        validate(book(title="", price_amount=-1, attributes={"isbn": "1", "smell": "old"}))
    assert set(refusal.value.extra["errors"]) == {"title", "price.amount", "attributes.isbn", "attributes.smell"}
    assert refusal.value.extra["errors"]["attributes.smell"] == ["Unknown attribute."]


@pytest.mark.parametrize(("given", "kept"), [("978-0-306-40615-7", "9780306406157"), ("0-8044-2957-x", "080442957X")])
def test_an_isbn_is_stored_without_hyphens(given: str, kept: str) -> None:
    assert validate(book(attributes={"isbn": given})).attributes == {"isbn": kept}


def test_a_sku_is_unique_until_its_product_is_deleted() -> None:
    product = create(book())
    with pytest.raises(Conflict) as refusal:
        create(book())
    assert refusal.value.code == "sku_taken"
    with transaction() as session:
        catalogue.delete_product(session, catalogue.get_product(session, product.id))
    assert create(book()).id != product.id


def test_a_deleted_product_is_kept_but_not_for_sale() -> None:
    product = create(book())
    with transaction() as session:
        catalogue.delete_product(session, catalogue.get_product(session, product.id))
    with transaction() as session:
        with pytest.raises(NotFound):
            catalogue.get_product(session, product.id)
        assert catalogue.products_by_id(session, [product.id]) == {}
        assert catalogue.prices_of(session, [product.id]) == {}
        assert session.scalars(select(catalogue.Product).where(catalogue.Product.deleted_at.is_(None))).all() == []
        assert session.get_one(catalogue.Product, product.id).title == "Emma"


def test_prices_are_in_minor_units() -> None:
    product = create(book())
    with transaction() as session:
        assert catalogue.prices_of(session, [product.id, "prd_" + 32 * "0"]) == {product.id: (1099, "EUR")}


def test_an_update_changes_the_given_fields_and_merges_attributes() -> None:
    product = create(book())
    with transaction() as session:
        locked = catalogue.get_product(session, product.id, lock=True)
        catalogue.update_product(
            session, locked, {"price_amount": 999, "attributes": {"pages": None, "language": "en"}}
        )
    with transaction() as session:
        changed = catalogue.get_product(session, product.id)
    assert (changed.price_amount, changed.title, changed.sku) == (999, "Emma", "BOOK-1")
    assert changed.attributes == {"published_on": "1815-12-23", "language": "en"}
    assert changed.updated_at > product.updated_at
    assert changed.created_at == product.created_at


def test_an_update_cannot_change_the_kind_or_take_another_products_sku() -> None:
    create(book())
    other = create(lamp())
    for changes, error in (({"kind": "book"}, Invalid), ({"sku": "BOOK-1"}, Conflict), ({"author": "Me"}, Invalid)):
        with pytest.raises(error), transaction() as session:
            catalogue.update_product(session, catalogue.get_product(session, other.id), changes)


def test_a_book_and_its_author_are_created_atomically() -> None:
    author = {"name": "Ann Author", "email": "ann@example.org", "address": "1 Ink Lane"}
    fields = {key: value for key, value in book().items() if key not in ("kind", "author")}
    with transaction() as session:
        product = catalogue.create_book(session, fields, author)
    assert product.author is not None
    assert (product.author.email, product.author.address) == ("ann@example.org", "1 Ink Lane")
    with pytest.raises(Conflict), transaction() as session:
        catalogue.create_book(session, {**fields, "category": "Never"}, {"name": "Nobody"})
    with transaction() as session:
        assert session.scalars(catalogue.select_authors("nobody")).all() == []
        assert [category.name for category in session.scalars(catalogue.select_categories())] == ["Classics"]


def test_authors_of_the_same_name_differ_by_email() -> None:
    with transaction() as session:
        first = catalogue.find_or_create_author(session, "Ann Author", "ann@example.org", "1 Ink Lane")
        other = catalogue.find_or_create_author(session, "Ann Author", "another@example.org")
        assert first.id != other.id
        assert catalogue.find_or_create_author(session, "ann author", "ANN@example.org").id == first.id
        assert catalogue.find_or_create_author(session, "Ann Author").id == first.id
        with pytest.raises(Conflict):
            catalogue.create_author(session, "Ann Author", "ann@example.org")


def test_a_category_of_the_same_name_is_refused() -> None:
    with transaction() as session:
        parent = catalogue.create_category(session, "Books")
        child = catalogue.create_category(session, "Novels", parent.id)
        assert child.parent_id == parent.id
        with pytest.raises(Conflict) as refusal:
            catalogue.create_category(session, "NOVELS")
        assert refusal.value.code == "name_taken"
        with pytest.raises(Invalid):
            catalogue.create_category(session, "Poems", "cat_" + 32 * "0")


def test_concurrent_find_or_create_returns_one_row() -> None:
    def find(_: int) -> tuple[str, str]:
        with transaction() as session:
            category = catalogue.find_or_create_category(session, "İstanbul")
            return category.id, catalogue.find_or_create_author(session, "Ahmet Ümit").id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(find, range(24)))) == 1


def test_upserting_the_same_rows_changes_nothing() -> None:
    drafts = [validate(book(sku=f"BOOK-{n}", author=f"Author {n % 3}", category=f"C{n % 2}")) for n in range(50)]

    def upsert(drafts: list[catalogue.ProductInput]) -> catalogue.Upserted:
        with transaction() as session:
            return catalogue.upsert_products(session, drafts)

    first = upsert(drafts)
    assert (first.created, first.updated, first.unchanged) == (50, 0, 0)
    again = upsert(drafts)
    assert (again.created, again.updated, again.unchanged) == (0, 0, 50)
    assert again.ids == first.ids
    dearer = [draft.model_copy(update={"price_amount": 2000}) for draft in drafts[:5]]
    changed = upsert([*dearer, *drafts[5:], validate(lamp())])
    assert (changed.created, changed.updated, changed.unchanged) == (1, 5, 45)
    with transaction() as session:
        assert session.scalar(select(func.count()).select_from(catalogue.Author)) == 3
        assert catalogue.prices_of(session, [first.ids["BOOK-4"]]) == {first.ids["BOOK-4"]: (2000, "EUR")}


def test_a_batch_with_a_duplicate_sku_is_refused() -> None:
    with pytest.raises(Invalid), transaction() as session:
        catalogue.upsert_products(session, [validate(lamp()), validate(lamp())])
    with transaction() as session:
        assert session.scalar(select(func.count()).select_from(catalogue.Product)) == 0


def test_a_conflicting_kind_is_reported_and_not_changed() -> None:
    made = create(book())
    with transaction() as session:
        done = catalogue.upsert_products(session, [validate(lamp()), validate(lamp(sku="BOOK-1"))])
    assert (done.created, done.updated, done.unchanged, done.kind_conflicts) == (1, 0, 0, {"BOOK-1": "book"})
    with transaction() as session:
        assert catalogue.get_product(session, made.id).title == "Emma"


def test_concurrent_upserts_create_each_product_once() -> None:
    drafts = [validate(book(sku=f"BOOK-{n}", author=f"A{n % 7}", category=f"C{n % 5}")) for n in range(200)]

    def upsert(backwards: bool) -> int:
        with transaction() as session:
            return catalogue.upsert_products(session, drafts[::-1] if backwards else drafts).created

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(upsert, [False, True, False, True])) == 200
