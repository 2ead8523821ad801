"""Variants of a file come in as a product group, and go out as one."""

from typing import Any

import pytest
from sqlalchemy import delete, select

from api.catalogue.csv import catalogue_rows
from models import catalogue, imports
from models.catalogue import Product, ProductGroup
from models.core.database import transaction
from models.core.event_log import Event
from settings import settings
from tests.models.test_shopify_files import OTHER_SIZE, SHIRT, counts, shopify, take
from tests.shopping import make_product
from tests.workflows.test_catalogue_import import sheet, thing

NATIVE = ("sku", "kind", "title", "category", "price", "handle", "group_title", "option1_name", "option1_value")
RED: dict[str, object] = {"Option2 name": "Colour", "Option2 value": "Red"}
BLUE: dict[str, object] = RED | {"Option2 value": "Blue"}
Groups = dict[str, tuple[str, list[dict[str, Any]], dict[str, list[str] | None]]]


def groups() -> Groups:
    """Handle → title, options, and the values of each product by its SKU."""
    with transaction() as session:
        found = session.scalars(select(ProductGroup).order_by(ProductGroup.id)).all()
        of_group = {
            group.id: dict(
                session.execute(select(Product.sku, Product.option_values).filter_by(group_id=group.id)).all()
            )
            for group in found
        }
        return {group.handle: (group.title, group.options, of_group[group.id]) for group in found}


def variant(number: int, size: str, **changes: str) -> dict[str, Any]:
    grouped = {"handle": "shirt", "group_title": "Shirt", "option1_name": "Size", "option1_value": size}
    return {name: value for name, value in (thing(number) | grouped | changes).items() if name in NATIVE}


def natively(*rows: dict[str, Any], columns: tuple[str, ...] = NATIVE) -> str:
    return sheet(*({name: row[name] for name in columns} for row in rows), columns=columns)


@pytest.mark.parametrize("chunk_rows", [1, 1000])
def test_variants_of_shopify_become_a_group(database: None, monkeypatch: pytest.MonkeyPatch, chunk_rows: int) -> None:
    monkeypatch.setattr(imports.reading, "CHUNK_ROWS", chunk_rows)
    no_options = {"Option1 name": "Title", "Option1 value": "Default Title"}
    alone: dict[str, object] = {"Title": "Hat", "URL handle": "hat", "Type": "Hats", "Price": "5", **no_options}
    text = shopify(SHIRT | RED, OTHER_SIZE | BLUE | {"Option2 name": ""}, alone)
    assert counts(take(text)) == (3, 0)
    sizes, colours = {"name": "Size", "values": ["M", "L"]}, {"name": "Colour", "values": ["Red", "Blue"]}
    expected = {"shirt": ("Shirt", [sizes, colours], {"shirt-m-red": ["M", "Red"], "shirt-l-blue": ["L", "Blue"]})}
    assert groups() == expected
    again = take(text)
    assert (again["unchanged"], again["updated"], groups()) == (3, 0, expected)


def test_an_exported_group_comes_back_as_it_was(database: None) -> None:
    take(shopify(SHIRT | RED, OTHER_SIZE | BLUE, SHIRT | {"Title": "=Coat", "URL handle": "coat"}))
    make_product("ALONE", 1)
    before, exported = groups(), "".join(catalogue_rows())
    assert (take(exported)["unchanged"], groups()) == (4, before)
    with transaction() as session:
        for product in session.scalars(select(Product)):
            catalogue.delete_product(session, product)
        session.flush()
        session.execute(delete(ProductGroup))
    assert counts(take(exported)) == (4, 0)
    assert groups() == before
    assert "".join(catalogue_rows()) == exported


def test_products_that_are_there_are_put_into_their_group(database: None) -> None:
    assert counts(take(natively(thing(1), thing(2), columns=NATIVE[:5]))) == (2, 0)
    result = take(natively(variant(1, "S"), variant(2, "M"), variant(3, "L")))
    assert (result["created"], result["updated"], result["unchanged"]) == (1, 2, 0)
    assert groups()["shirt"][2] == {"T-1": ["S"], "T-2": ["M"], "T-3": ["L"]}
    swapped = take(natively(variant(1, "M"), variant(2, "s"), variant(3, "L", handle="coat", group_title="Coat")))
    assert (swapped["updated"], swapped["unchanged"]) == (3, 0)
    assert {handle: members for handle, (_, _, members) in groups().items()} == {
        "shirt": {"T-1": ["M"], "T-2": ["S"]}, "coat": {"T-3": ["L"]},
    }  # fmt: skip
    with transaction() as session:
        changes = session.scalars(select(Event.payload["change"].astext).filter_by(name="product.changed")).all()
    assert sorted(changes) == ["created"] * 3 + ["updated"] * 5
    assert take(natively(thing(1), columns=NATIVE[:5]))["unchanged"] == 1, "without a handle, it stays in its group"
    assert groups()["shirt"][2]["T-1"] == ["M"]


def test_the_title_of_a_group_is_that_of_the_file(database: None) -> None:
    take(natively(variant(1, "S")))
    take(natively(variant(2, "M", group_title="Linen shirt")))
    assert groups()["shirt"][0] == "Linen shirt"


def test_options_are_changed_while_no_other_product_has_them(database: None) -> None:
    take(natively(variant(1, "S"), variant(2, "M")))
    renamed = take(natively(variant(1, "S", option1_name="Fit")))
    assert [row["reason"] for row in renamed["refusals"]] == [
        "The product group shirt has products with the options Size."
    ]  # fmt: skip
    assert take(natively(variant(1, "S", option1_name="Fit"), variant(2, "M", option1_name="Fit")))["refused"] == 0
    assert groups()["shirt"][1:] == ([{"name": "Fit", "values": ["S", "M"]}], {"T-1": ["S"], "T-2": ["M"]})


def test_a_variant_that_cannot_be_in_its_group_is_refused_alone(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.__dict__, "group_products", 3)
    result = take(natively(
        variant(1, "S"), variant(2, "s"), variant(3, "M", handle=""), variant(4, "", option1_name="Size"),
        variant(5, "L"), variant(6, "XL"), variant(7, "XXL"), variant(8, "S", handle="a b"),
    ))  # fmt: skip
    assert counts(result) == (3, 5)
    assert {row["sku"]: row["reason"] for row in result["refusals"]} == {
        "T-2": "Another product of the group has the options S.",
        "T-3": "handle: Is missing; a product with options has the handle of its group.",
        "T-4": "options.0.values.0: String should have at least 1 character.",
        "T-7": "A product group has at most 3 products.",
        "T-8": "handle: String should match pattern '^[^\\s\\x00-\\x1f/?#]+$'.",
    }
    assert groups()["shirt"][2].keys() == {"T-1", "T-5", "T-6"}


def test_a_product_keeps_its_place_if_its_row_is_refused(database: None) -> None:
    """Another row wants it; the product cannot leave it, because its kind cannot be changed."""
    take(natively(variant(1, "S")))
    result = take(natively(variant(1, "M", kind="book"), variant(2, "S"), variant(3, "L")))
    assert counts(result) == (1, 2)
    assert groups()["shirt"][2] == {"T-1": ["S"], "T-3": ["L"]}
