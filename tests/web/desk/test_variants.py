"""The desk's pages of product groups, kinds, categories and authors."""

import re
from typing import Any

import pytest
from sqlalchemy import select

from models import catalogue
from models.core.database import transaction
from tests.shopping import make_product
from tests.web.desk.selling import Desk

GROUPS, KINDS, CATEGORIES, AUTHORS = "/desk/groups", "/desk/kinds", "/desk/categories", "/desk/authors"


@pytest.fixture
def group(desk: Desk) -> str:
    """The path of a group with two options."""
    new = f"{GROUPS}/new"
    made = desk.fill(new, new, title="<b>Shirt", options="Size: S, M, L\r\nColour: red")
    assert made.status_code == 303, made.text
    path: str = made.headers["Location"].partition("?")[0]
    return path


def add(desk: Desk, group: str, sku: str, *values: str) -> Any:
    filled = {f"option-{n}": value for n, value in enumerate(values)}
    form = desk.form(group, f"{group}/delete")
    return desk.post(f"{group}/products", data={**form, "once": form["once"] + sku[:5], "sku": sku, **filled})


def read_group(path: str) -> catalogue.ProductGroup:
    with transaction() as session:
        return catalogue.get_group(session, path.rpartition("/")[2])


def test_a_group_is_created_and_gets_products(desk: Desk, group: str) -> None:
    assert read_group(group).handle == "b-shirt"
    assert "&lt;b&gt;Shirt" in desk.get(GROUPS).text
    first, second = make_product("TEE-S", 3), make_product("TEE-M", 3)
    for sku, size in (("TEE-S", "S"), ("TEE-M", "M")):
        put = add(desk, group, sku, size, "red")
        assert "in the group with these values" in desk.get(put.headers["Location"]).text
    page = desk.get(group).text
    assert f'aria-labelledby="of-{first}"' in page
    assert f'aria-labelledby="of-{second}"' in page
    taken = add(desk, group, "TEE-M", "S", "red")
    assert (taken.status_code, "Another product of the group has these values." in taken.text) == (409, True)
    unknown = add(desk, group, "NOTHING", "S", "red")
    assert (unknown.status_code, "no product with the SKU NOTHING" in unknown.text) == (422, True)
    assert add(desk, group, "TEE-M", "M", "").status_code == 422
    changed = add(desk, group, "TEE-M", "XL", "red")
    assert changed.status_code == 303
    assert read_group(group).options[0]["values"] == ["S", "M", "L", "XL"]
    removed = desk.fill(group, f"{group}/products/{second}/remove")
    assert "no longer in the group" in desk.get(removed.headers["Location"]).text
    assert f"of-{second}" not in desk.get(group).text


def test_a_group_is_edited_with_its_version_and_deleted(desk: Desk, group: str) -> None:
    make_product("TEE-S", 3)
    add(desk, group, "TEE-S", "S", "red")
    mine = desk.form(group, group)
    saved = desk.fill(group, group, title="Tee", handle="tee", options="Width: S, M\nColour: red, blue")
    assert saved.status_code == 303, saved.text
    assert [option["name"] for option in read_group(group).options] == ["Width", "Colour"]
    stale = desk.post(group, data={**mine, "title": "Mine", "options": "Size: S"})
    assert stale.status_code == 412
    assert 'value="Mine"' in stale.text
    assert '<dd class="note">Tee</dd>' in stale.text
    lost = desk.fill(group, group, title="Tee", options="Width: M\nColour: red")
    assert (lost.status_code, "values that would be lost" in lost.text) == (409, True)
    odd = desk.fill(group, group, title="Tee", options="Width")
    assert (odd.status_code, "Write each option as" in odd.text) == (422, True)
    deleted = desk.fill(group, f"{group}/delete")
    assert "The group is deleted." in desk.get(deleted.headers["Location"]).text
    assert desk.get(group).status_code == 404


def test_a_kind_is_created_edited_and_deleted(desk: Desk) -> None:
    attributes = "size: text (S | M)\ncapacity_ml: integer (1..5000)\nweight: number (0..)\nwashable: boolean"
    made = desk.fill(KINDS, KINDS, name="mug", title="Mugs", attributes=attributes)
    path = made.headers["Location"].partition("?")[0]
    assert path == f"{KINDS}/mug"
    assert attributes in desk.get(path).text
    with transaction() as session:
        stored = {each["name"]: each for each in catalogue.get_kind(session, "mug").attributes}
    assert stored["size"]["values"] == ["S", "M"]
    assert (stored["capacity_ml"]["minimum"], stored["capacity_ml"]["maximum"]) == (1, 5000)
    assert stored["weight"].get("maximum") is None
    mine = desk.form(path, path)
    assert desk.fill(path, path, title="Cups", attributes="size: text").status_code == 303
    stale = desk.post(path, data={**mine, "title": "Mine", "attributes": ""})
    assert (stale.status_code, '<dd class="note">Cups</dd>' in stale.text) == (412, True)
    for odd in ("size", "size: colour", "Size!: text", "size: text (1..", "pages: integer (5..1)"):
        refused = desk.fill(path, path, title="Cups", attributes=odd)
        assert (refused.status_code, 'role="alert"' in refused.text) == (422, True), odd
    deleted = desk.fill(path, f"{path}/delete")
    assert "The kind is deleted." in desk.get(deleted.headers["Location"]).text
    assert desk.get(path).status_code == 404
    assert desk.get(f"{KINDS}/no%20kind").status_code == 404


def test_a_long_line_of_attributes_is_refused_without_much_work(desk: Desk) -> None:
    # Each colon could begin the rest of the line: the work must not grow with their number times the length.
    for line in (":a(" * 60_000, "a:a(" * 50_000, f"a{' ' * 200_000}", f"a: text{' ' * 200_000}x"):
        refused = desk.fill(KINDS, KINDS, name="mug", title="Mugs", attributes=line)
        assert (refused.status_code, 'role="alert"' in refused.text) == (422, True), line[:20]


def test_a_kind_with_products_is_kept(desk: Desk) -> None:
    make_product("EMMA", 3)
    with transaction() as session:
        [kind] = session.scalars(select(catalogue.Product.kind)).all()
    refused = desk.fill(f"{KINDS}/{kind}", f"{KINDS}/{kind}/delete")
    assert (refused.status_code, "There are products of this kind." in refused.text) == (409, True)


def ids_of(page: str, prefix: str) -> list[str]:
    return list(dict.fromkeys(re.findall(rf'action="/desk/\w+/({prefix}_\w+)"', page)))


def test_categories_are_created_moved_renamed_and_deleted(desk: Desk) -> None:
    desk.fill(CATEGORIES, CATEGORIES, name="Zoo")
    [zoo] = ids_of(desk.get(CATEGORIES).text, "cat")
    desk.fill(CATEGORIES, CATEGORIES, name="Apes", parent_id=zoo)
    zoo, apes = ids_of(desk.get(CATEGORIES).text, "cat")
    taken = desk.fill(CATEGORIES, CATEGORIES, name="apes")
    assert (taken.status_code, "This name is taken." in taken.text) == (409, True)
    cycle = desk.fill(CATEGORIES, f"{CATEGORIES}/{zoo}", name="Zoo", parent_id=apes)
    assert (cycle.status_code, "below itself" in cycle.text) == (409, True)
    used = desk.fill(CATEGORIES, f"{CATEGORIES}/{zoo}/delete")
    assert (used.status_code, "contains products or other" in used.text) == (409, True)
    mine = desk.form(CATEGORIES, f"{CATEGORIES}/{apes}")
    desk.fill(CATEGORIES, f"{CATEGORIES}/{apes}", name="Monkeys", parent_id="")
    assert desk.post(f"{CATEGORIES}/{apes}", data={**mine, "name": "Mine"}).status_code == 412
    with transaction() as session:
        found = catalogue.get_category(session, apes)
    assert (found.name, found.parent_id) == ("Monkeys", None)
    assert (
        "The category is deleted."
        in desk.get(desk.fill(CATEGORIES, f"{CATEGORIES}/{zoo}/delete").headers["Location"]).text
    )


def test_authors_are_created_found_edited_and_deleted(desk: Desk) -> None:
    made = desk.fill(AUTHORS, AUTHORS, name="Jane <i>Austen", email="jane@example.org")
    path = made.headers["Location"].partition("?")[0]
    assert "Jane &lt;i&gt;Austen" in desk.get(f"{AUTHORS}?q=jane").text
    assert "No author matches." in desk.get(f"{AUTHORS}?q=tolstoy").text
    mine = desk.form(path, path)
    assert desk.fill(path, path, name="Jane Austen", email="").status_code == 303
    stale = desk.post(path, data={**mine, "name": "Mine"})
    assert (stale.status_code, '<dd class="note">Jane Austen</dd>' in stale.text) == (412, True)
    with transaction() as session:
        assert catalogue.get_author(session, path.rpartition("/")[2]).email is None
    assert desk.fill(path, path, name="Jane Austen", email="nobody").status_code == 422
    deleted = desk.fill(path, f"{path}/delete")
    assert "The author is deleted." in desk.get(deleted.headers["Location"]).text
