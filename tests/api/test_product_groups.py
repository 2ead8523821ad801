"""Product groups: products that differ by options, over the REST API."""

import itertools
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from models import catalogue
from models.catalogue import Product, listing
from models.core.database import transaction
from models.core.errors import Conflict
from settings import settings
from tests.conftest import Caller
from tests.models.racing import race
from tests.shopping import make_product

SIZES = {"name": "Size", "values": ["S", "M"]}
COLOURS = {"name": "Colour", "values": []}


def create(staff: Caller, **fields: Any) -> dict[str, Any]:
    made = staff.post("/v1/product-groups", json={"title": "Shirt", "options": [SIZES], **fields})
    assert made.status_code == 201, made.json
    group: dict[str, Any] = made.json
    return group


def put(staff: Caller, group: dict[str, Any], product_id: str, **options: str) -> Any:
    return staff.put(f"/v1/product-groups/{group['id']}/products/{product_id}", json={"options": options})


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["code"]


def test_a_group_has_products_that_differ_by_options(staff: Caller, client: Any) -> None:
    small, large = make_product("SHIRT-S", 3, price=1000), make_product("SHIRT-L", 0, price=1200)
    group = create(staff, products=[{"product_id": small, "options": {"size": "s"}}])
    assert (group["handle"], group["options"]) == ("shirt", [SIZES])
    assert [(one["sku"], one["options"], one["in_stock"]) for one in group["products"]] == [
        ("SHIRT-S", {"Size": "S"}, True)
    ]
    changed = put(staff, group, large, Size="L")
    assert changed.json["options"] == [{"name": "Size", "values": ["S", "M", "L"]}]
    shown = client.get(f"/v1/products/{small}").json["group"]
    (sibling,) = shown.pop("siblings")
    assert shown == {"id": group["id"], "handle": "shirt", "title": "Shirt", "options": {"Size": "S"}}
    assert sibling == {
        "id": large, "sku": "SHIRT-L", "title": "The SHIRT-L", "options": {"Size": "L"},
        "price": {"amount": 1200, "currency": "EUR"}, "in_stock": False,
    }  # fmt: skip
    listed = client.get(f"/v1/products?group_id={group['id']}&sort=price").json["data"]
    assert [product["group"] for product in listed] == [shown, {**shown, "options": {"Size": "L"}}]
    assert client.get(f"/v1/product-groups/{group['id']}").json == changed.json
    (found,) = client.get("/v1/product-groups?handle=shirt").json["data"]
    assert found == {name: value for name, value in changed.json.items() if name != "products"}
    assert client.get("/v1/product-groups?handle=other").json["data"] == []


def test_a_product_shows_new_siblings_to_those_who_have_read_it(staff: Caller, client: Any) -> None:
    first, second = make_product("A", 1), make_product("B", 1)
    group = create(staff, products=[{"product_id": first, "options": {"Size": "S"}}])
    etag = client.get(f"/v1/products/{first}").headers["ETag"]
    put(staff, group, second, Size="M")
    again = client.get(f"/v1/products/{first}", headers={"If-None-Match": etag})
    assert [one["sku"] for one in again.json["group"]["siblings"]] == ["B"]


@pytest.mark.parametrize(("options", "field"), [
    ({}, "options"), ({"Colour": "Red"}, "options"), ({"Size": "S", "Colour": "Red"}, "options"),
    ({"Size": ""}, "options.Size"), ({"Size": "  "}, "options.Size"), ({"Size": "S\u0007"}, "options.Size"),
])  # fmt: skip
def test_a_product_needs_a_value_of_each_option(staff: Caller, options: dict[str, str], field: str) -> None:
    refused = put(staff, create(staff), make_product("A", 1), **options)
    assert refused.status_code == 422
    assert list(refused.json["errors"]) == [field]


def test_two_products_of_a_group_cannot_have_the_same_options(staff: Caller) -> None:
    first, second = make_product("A", 1), make_product("B", 1)
    group = create(staff, options=[SIZES, COLOURS])
    assert put(staff, group, first, Size="S", Colour="Dark  red").status_code == 200
    taken = put(staff, group, second, size="s", colour="DARK RED")
    assert (*refusal(taken), taken.json["product_id"]) == (409, "options_taken", first)
    assert put(staff, group, second, Size="M", Colour="Dark red").status_code == 200
    assert refusal(put(staff, group, second, Size="S", Colour="Dark red")) == (409, "options_taken")
    assert put(staff, group, second, Size="M", Colour="Dark red").status_code == 200, "it has them already"


def test_a_product_belongs_to_one_group(staff: Caller, client: Any) -> None:
    product = make_product("A", 1)
    shirts, coats = create(staff), create(staff, title="Coat")
    put(staff, shirts, product, Size="S")
    refused = put(staff, coats, product, Size="S")
    assert (*refusal(refused), refused.json["group_id"]) == (409, "in_other_group", shirts["id"])
    path = f"/v1/product-groups/{shirts['id']}/products/{product}"
    assert [staff.delete(path).status_code for _ in range(2)] == [204, 404]
    assert client.get(f"/v1/products/{product}").json["group"] is None
    assert put(staff, coats, product, Size="S").status_code == 200


def test_handles_are_unique(staff: Caller) -> None:
    assert create(staff)["handle"] == "shirt"
    assert create(staff)["handle"].startswith("shirt-")
    taken = staff.post("/v1/product-groups", json={"title": "Shirt", "handle": "shirt", "options": [SIZES]})
    assert refusal(taken) == (409, "handle_taken")
    other = create(staff, handle="other")
    path = f"/v1/product-groups/{other['id']}"
    assert refusal(staff.patch(path, json={"handle": "shirt"})) == (409, "handle_taken")


def test_a_group_is_changed(staff: Caller, client: Any) -> None:
    product = make_product("A", 1)
    group = create(staff, products=[{"product_id": product, "options": {"Size": "S"}}])
    path = f"/v1/product-groups/{group['id']}"
    etag = client.get(path).headers["ETag"]
    sizes = {"name": "Grösse", "values": ["M", "S"]}
    changed = staff.patch(path, json={"title": "Hemd", "options": [sizes]}, headers={"If-Match": etag})
    assert (changed.json["title"], changed.json["options"]) == ("Hemd", [sizes])
    shown = client.get(f"/v1/products/{product}").json["group"]
    assert (shown["title"], shown["options"]) == ("Hemd", {"Grösse": "S"})
    assert refusal(staff.patch(path, json={"title": "X"}, headers={"If-Match": etag})) == (412, "stale")


@pytest.mark.parametrize("options", [
    [{"name": "Size", "values": ["M"]}], [SIZES, COLOURS], [{"name": "Colour", "values": ["S"]}, SIZES],
])  # fmt: skip
def test_options_in_use_cannot_be_taken_away(staff: Caller, options: list[dict[str, Any]]) -> None:
    group = create(staff, products=[{"product_id": make_product("A", 1), "options": {"Size": "S"}}])
    path = f"/v1/product-groups/{group['id']}"
    refused = staff.patch(path, json={"options": options})
    assert refusal(refused) == (409, "options_in_use")
    if len(options) == 1:
        assert refused.json["values"] == {"Size": ["S"]}
    staff.delete(f"{path}/products/{group['products'][0]['id']}")
    assert staff.patch(path, json={"options": options}).json["options"] == options


@pytest.mark.parametrize("options", [
    [], [SIZES, SIZES], [SIZES, {"name": " size ", "values": []}], [{"name": "Size", "values": ["S", "s"]}],
    [SIZES, COLOURS, {"name": "Fit"}, {"name": "Cut"}],
])  # fmt: skip
def test_options_and_their_values_differ(staff: Caller, options: list[dict[str, Any]]) -> None:
    refused = staff.post("/v1/product-groups", json={"title": "Shirt", "options": options})
    assert refusal(refused) == (422, "invalid_fields")


def test_the_products_of_a_deleted_group_are_kept(staff: Caller, client: Any) -> None:
    product = make_product("A", 1)
    group = create(staff, products=[{"product_id": product, "options": {"Size": "S"}}])
    path = f"/v1/product-groups/{group['id']}"
    assert staff.delete(path).status_code == 204
    assert client.get(path).status_code == 404
    assert client.get(f"/v1/products/{product}").json["group"] is None


def test_a_deleted_product_leaves_its_group(staff: Caller, client: Any) -> None:
    product = make_product("A", 1)
    group = create(staff, products=[{"product_id": product, "options": {"Size": "S"}}])
    assert staff.delete(f"/v1/products/{product}").status_code == 204
    assert client.get(f"/v1/product-groups/{group['id']}").json["products"] == []
    assert put(staff, group, make_product("A", 1), Size="S").status_code == 200
    assert refusal(put(staff, group, product, Size="M")) == (404, "not_found")


def test_only_staff_may_write(client: Any, customer: Caller, staff: Caller) -> None:
    path = f"/v1/product-groups/{create(staff)['id']}"
    member = f"{path}/products/{make_product('A', 1)}"
    for method, where in (("POST", "/v1/product-groups"), ("PATCH", path), ("DELETE", path), ("PUT", member)):
        assert client.open(where, method=method, json={}).status_code == 401
        assert customer.open(method, where, json={}).status_code == 403
    assert client.get(path).status_code == 200


def test_a_group_and_an_option_have_limits(staff: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.__dict__, "group_products", 2)
    monkeypatch.setitem(settings.__dict__, "option_values", 3)
    group = create(staff)
    assert put(staff, group, make_product("A", 1), Size="L").status_code == 200
    values = put(staff, group, make_product("B", 1), Size="XL")
    assert (*refusal(values), values.json["limit"]) == (409, "too_many_option_values", 3)
    assert put(staff, group, make_product("C", 1), Size="S").status_code == 200
    full = put(staff, group, make_product("D", 1), Size="M")
    assert (*refusal(full), full.json["limit"]) == (409, "group_full", 2)
    many = {"title": "Shirt", "options": [{"name": "Size", "values": ["1", "2", "3", "4"]}]}
    assert refusal(staff.post("/v1/product-groups", json=many)) == (409, "too_many_option_values")


def test_a_group_takes_no_more_products_than_allowed_at_the_same_time(
    staff: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(settings.__dict__, "group_products", 3)
    group_id = create(staff)["id"]
    products = [make_product(f"A-{number}", 1) for number in range(6)]

    def add(product_id: str, size: str) -> None:
        with transaction() as session:
            catalogue.put_into_group(
                session, catalogue.get_group(session, group_id, lock=True), product_id, {"Size": size}
            )

    assert race([partial(add, product, f"Size {at}") for at, product in enumerate(products)]).count(True) == 3
    with transaction() as session:
        members = session.execute(select(Product.id, Product.option_values).filter_by(group_id=group_id)).all()
    assert len(members) == 3
    other = next(product for product in products if product not in {one.id for one in members})
    with pytest.raises(Conflict) as refused:
        add(other, "One more")
    assert (refused.value.code, refused.value.extra["limit"]) == ("group_full", 3)


def test_the_same_options_are_given_once_at_the_same_time(staff: Caller) -> None:
    group_id = create(staff)["id"]
    products = [make_product(f"A-{number}", 1) for number in range(5)]

    def add(product_id: str) -> None:
        with transaction() as session:
            catalogue.put_into_group(
                session, catalogue.get_group(session, group_id, lock=True), product_id, {"Size": "S"}
            )

    assert race([partial(add, product) for product in products]).count(True) == 1


@pytest.mark.parametrize("sort", ["-created_at", "created_at", "price", "-price", "title", "-title"])
def test_a_list_shows_one_product_of_each_group(staff: Caller, client: Any, sort: str) -> None:
    """The first one that matches, on every page size; with the group's prices."""
    alone = make_product("ALONE", 1, price=1500)
    groups = []
    for name in ("Shirt", "Coat", "Hat"):
        members = [make_product(f"{name}-{at}", at % 2, price=1000 + 100 * at) for at in range(4)]
        products = [{"product_id": one, "options": {"Size": str(at)}} for at, one in enumerate(members)]
        groups.append(create(staff, title=name, products=products))
    query = f"/v1/products?sort={sort}"
    every = client.get(f"{query}&limit=100").json["data"]
    expected, seen = [], set()
    for product in every:
        group = product["group"] and product["group"]["id"]
        if group is None or group not in seen:
            expected.append(product["id"])
        seen.add(group)
    assert (len(expected), alone in expected) == (4, True)
    for limit in (1, 2, 3, 100):
        found, cursor = [], ""
        while cursor is not None:
            page = client.get(f"{query}&group=true&limit={limit}{cursor and '&cursor='}{cursor}").json
            found += page["data"]
            cursor = page["next_cursor"]
        assert [product["id"] for product in found] == expected
    summary = next(product["group"] for product in found if product["group"])
    assert (summary["products"], summary["price_from"]["amount"], summary["price_to"]["amount"]) == (4, 1000, 1300)
    stocked = client.get(f"{query}&group=true&in_stock=true&price_min=1200").json["data"]
    assert sorted(product["sku"] for product in stocked) == ["ALONE", "Coat-3", "Hat-3", "Shirt-3"]


@pytest.mark.parametrize("common", [1, 10_000])
def test_a_search_shows_one_product_of_each_group(
    staff: Caller, client: Any, monkeypatch: pytest.MonkeyPatch, common: int
) -> None:
    """Also beyond the matches that are ranked, and whether the words are common or not."""
    monkeypatch.setattr("models.catalogue.listing.MAX_RANKED", 2)
    monkeypatch.setattr("models.catalogue.search.COMMON", common)
    monkeypatch.setattr("models.catalogue.search.COMMON_RANKED", dict.fromkeys(listing.MATCHES, common - 1))
    monkeypatch.setattr("models.catalogue.search.READ_FIRST", 1)  # so that a page takes several statements
    listing.listing_of_groups.cache_clear()
    for name in ("Shirt", "Coat", "Hat"):
        members = [make_product(f"{name}-{at}", 1) for at in range(3)]
        products = [{"product_id": one, "options": {"Size": str(at)}} for at, one in enumerate(members)]
        create(staff, title=name, products=products)
    make_product("ALONE", 1)
    for limit, sort in itertools.product((1, 2, 10), ("relevance", "title", "-created_at")):
        found, cursor = [], ""
        query = f"/v1/products?q=wear&group=true&limit={limit}&sort={sort}"
        while cursor is not None:
            page = client.get(f"{query}{cursor and '&cursor='}{cursor}").json
            found += page["data"]
            cursor = page["next_cursor"]
        titles = [product["group"]["title"] if product["group"] else "alone" for product in found]
        assert sorted(titles) == ["Coat", "Hat", "Shirt", "alone"], limit
    listing.listing_of_groups.cache_clear()
    by_id = client.get(f"/v1/products?q={found[0]['id']}&group=true").json["data"]
    assert [product["id"] for product in by_id] == [found[0]["id"]]
