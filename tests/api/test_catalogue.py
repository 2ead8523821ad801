"""Products, categories and authors over the REST API."""

import re
from typing import Any

import pytest

from tests.conftest import Caller

EMMA = {
    "sku": "BOOK-EMMA", "kind": "book", "title": "Emma", "description": "Wrong about everybody.",
    "price": {"amount": 1099, "currency": "EUR"}, "category": "Classics", "author": "Jane Austen",
    "attributes": {"published_on": "1815-12-23", "isbn": "978-0-306-40615-7"},
}  # fmt: skip
LAMP = {
    "sku": "LAMP", "kind": "electronics", "title": "Reading lamp", "price": {"amount": 3900, "currency": "EUR"},
    "category": "Lighting", "attributes": {"brand": "Tessandor", "warranty_months": 24},
}  # fmt: skip


def create(staff: Caller, **fields: Any) -> dict[str, Any]:
    response = staff.post("/v1/products", json=fields)
    assert response.status_code == 201, response.json
    made: dict[str, Any] = response.json
    return made


def stock(staff: Caller, product: dict[str, Any], quantity: int) -> None:
    body = {"product_id": product["id"], "quantity": quantity, "reason": "delivery"}
    assert staff.post("/v1/stock/adjustments", json=body).status_code == 201


def test_a_product_is_shown_with_all_its_fields(staff: Caller, client: Any) -> None:
    made = create(staff, **EMMA)
    stock(staff, made, 3)
    shown = client.get(f"/v1/products/{made['id']}").json
    assert shown.pop("created_at").endswith("Z")
    assert shown.pop("updated_at").endswith("Z")
    assert shown.pop("category")["name"] == "Classics"
    assert shown.pop("author")["name"] == "Jane Austen"
    assert shown == {
        "id": made["id"], "sku": "BOOK-EMMA", "kind": "book", "title": "Emma", "description": "Wrong about everybody.",
        "price": {"amount": 1099, "currency": "EUR"},
        "attributes": {"published_on": "1815-12-23", "isbn": "9780306406157"}, "group": None,
        "availability": {"available": 3, "in_stock": True}, "pictures": [],
    }  # fmt: skip
    lamp = create(staff, **LAMP)
    assert (lamp["author"], lamp["description"]) == (None, "")
    assert lamp["availability"] == {"available": 0, "in_stock": False}


def test_only_staff_may_write(customer: Caller, client: Any, staff: Caller) -> None:
    path = f"/v1/products/{create(staff, **EMMA)['id']}"
    for method, where, body in (
        ("POST", "/v1/products", LAMP), ("PATCH", path, {"title": "x"}), ("DELETE", path, None),
        ("POST", "/v1/products/books", {}), ("POST", "/v1/categories", {"name": "x"}),
        ("POST", "/v1/authors", {"name": "x"}), ("PATCH", "/v1/categories/cat_" + 32 * "0", {}),
        ("DELETE", "/v1/categories/cat_" + 32 * "0", None), ("PATCH", "/v1/authors/aut_" + 32 * "0", {}),
        ("DELETE", "/v1/authors/aut_" + 32 * "0", None),
    ):  # fmt: skip
        assert client.open(where, method=method, json=body).status_code == 401
        assert customer.open(method, where, json=body).status_code == 403
    assert client.get(path).json["title"] == "Emma"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"price": {"amount": -1, "currency": "EUR"}}, "price.amount"),
        ({"price": {"amount": 1.5, "currency": "EUR"}}, "price.amount"),
        ({"price": {"amount": 1, "currency": "USD"}}, "price.currency"),
        ({"price": None}, "price"),
        ({"kind": "toy"}, "kind"),
        ({"title": " "}, "title"),
        ({"colour": "red"}, "colour"),
        ({"attributes": {"isbn": "9780306406158"}}, "attributes.isbn"),
        ({"attributes": {"voltage": 12}}, "attributes.voltage"),
        ({"category": "cat_" + 32 * "0"}, "category"),
        ({"author": 7}, "author"),
    ],
)
def test_an_invalid_field_is_named(staff: Caller, changes: dict[str, Any], field: str) -> None:
    response = staff.post("/v1/products", json=EMMA | changes)
    assert (response.status_code, response.json["code"]) == (422, "invalid_fields")
    assert list(response.json["errors"]) == [field]


def test_a_sku_in_use_is_a_conflict(staff: Caller) -> None:
    create(staff, **EMMA)
    other = create(staff, **LAMP)
    response = staff.post("/v1/products", json=EMMA)
    assert (response.status_code, response.json["code"]) == (409, "sku_taken")
    response = staff.patch(f"/v1/products/{other['id']}", json={"sku": "BOOK-EMMA"})
    assert (response.status_code, response.json["code"]) == (409, "sku_taken")


def test_a_repeated_creation_replays_the_first_response(staff: Caller) -> None:
    first, again = (staff.post("/v1/products", json=EMMA, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json == first.json
    assert again.headers["Idempotent-Replayed"] == "true"


def test_a_patch_changes_only_the_given_fields(staff: Caller, client: Any) -> None:
    made = create(staff, **EMMA)
    body = {
        "price": {"amount": 999, "currency": "EUR"},
        "attributes": {"pages": 480, "isbn": None},
        "category": "Novels",
    }
    changed = staff.patch(f"/v1/products/{made['id']}", json=body)
    assert changed.status_code == 200
    assert changed.json["attributes"] == {"published_on": "1815-12-23", "pages": 480}
    assert (changed.json["price"]["amount"], changed.json["category"]["name"]) == (999, "Novels")
    assert changed.json["title"] == "Emma"
    assert client.get(f"/v1/products/{made['id']}").json == changed.json
    for wrong in ({"kind": "clothing"}, {"price": {"amount": 1}}, {"attributes": {"size": "M"}}):
        assert staff.patch(f"/v1/products/{made['id']}", json=wrong).status_code == 422


def test_a_deleted_product_is_not_found(staff: Caller, client: Any) -> None:
    path = f"/v1/products/{create(staff, **EMMA)['id']}"
    assert staff.delete(path).status_code == 204
    assert client.get(path).status_code == 404
    assert staff.delete(path).status_code == 404
    assert client.get("/v1/products").json["data"] == []


def test_an_etag_serves_conditional_reads_and_writes(staff: Caller, client: Any) -> None:
    made = create(staff, **EMMA)
    path = f"/v1/products/{made['id']}"
    etag = client.get(path).headers["ETag"]
    same = client.get(path, headers={"If-None-Match": etag})
    assert (same.status_code, same.data) == (304, b"")
    stock(staff, made, 2)
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 200
    changed = staff.patch(path, json={"title": "Emma!"}, headers={"If-Match": etag})
    assert changed.status_code == 200, "stock that came in is no other version of the product"
    for stale in (
        staff.patch(path, json={"title": "Emma?"}, headers={"If-Match": etag}),
        staff.delete(path, headers={"If-Match": etag}),
    ):
        assert (stale.status_code, stale.json["code"]) == (412, "stale")
    assert client.get(path).json["title"] == "Emma!"
    assert staff.delete(path, headers={"If-Match": changed.headers["ETag"]}).status_code == 204


def test_reading_another_version_than_wanted_is_a_problem_document(staff: Caller, client: Any) -> None:
    path = f"/v1/products/{create(staff, **EMMA)['id']}"
    for read in (path, "/v1/products", "/openapi.json", "/docs"):
        refused = client.get(read, headers={"If-Match": '"of yesterday"'})
        assert (refused.status_code, refused.json["code"]) == (412, "stale"), read
        assert client.get(read, headers={"If-Match": client.get(read).headers["ETag"]}).status_code == 200


def test_a_book_is_created_with_its_author_and_category_atomically(staff: Caller, client: Any) -> None:
    body = {
        "title": "Ink", "sku": "INK", "description": "On ink.", "category": "Crafts", "published_on": "2020-02-29",
        "price": {"amount": 2500, "currency": "EUR"},
        "author": {"name": "Ann Author", "email": "ann@example.org", "address": "1 Ink Lane"},
    }  # fmt: skip
    made = staff.post("/v1/products/books", json=body)
    assert made.status_code == 201, made.json
    assert made.json["kind"] == "book"
    assert made.json["attributes"] == {"published_on": "2020-02-29"}
    assert (made.json["author"]["name"], made.json["category"]["name"]) == ("Ann Author", "Crafts")
    again = staff.post("/v1/products/books", json=body | {"author": {"name": "Nobody"}, "category": "Nothing"})
    assert (again.status_code, again.json["code"]) == (409, "sku_taken")
    wrong = staff.post("/v1/products/books", json=body | {"published_on": "2021-02-29"})
    assert list(wrong.json["errors"]) == ["published_on"]
    second = staff.post("/v1/products/books", json=body | {"sku": "INK-2", "category": "CRAFTS"})
    assert (second.json["author"], second.json["category"]) == (made.json["author"], made.json["category"])
    assert client.get("/v1/authors").json["data"] == [made.json["author"]], "contact data stay with the shop"
    assert [category["name"] for category in client.get("/v1/categories").json["data"]] == ["Crafts"]


def test_a_book_needs_no_sku(staff: Caller) -> None:
    """The fields of a book in the documents of the shop: author, category, title, date, price and description."""
    body = {
        "title": "Ink", "description": "On ink.", "category": "Crafts", "published_on": "2020-02-29",
        "price": {"amount": 2500, "currency": "EUR"},
        "author": {"name": "Ann Author", "email": "ann@example.org", "address": "1 Ink Lane"},
    }  # fmt: skip
    made = [staff.post("/v1/products/books", json=body, headers={"Idempotency-Key": key}) for key in "aab"]
    assert [answer.status_code for answer in made] == [201, 201, 201]
    skus = [answer.json["sku"] for answer in made]
    assert skus[0] == skus[1] != skus[2]
    assert re.fullmatch("BOOK-[0-9A-F]{10}", skus[0])


def test_categories_form_a_tree(staff: Caller, client: Any) -> None:
    books = staff.post("/v1/categories", json={"name": "Books"}).json
    novels = staff.post("/v1/categories", json={"name": "Novels", "parent_id": books["id"]})
    assert novels.status_code == 201
    create(staff, **EMMA | {"category": "novels"})
    for chosen in (books["id"], "books", novels.json["id"]):
        assert len(client.get("/v1/products", query_string={"category": chosen}).json["data"]) == 1
    taken = staff.post("/v1/categories", json={"name": "NOVELS"})
    assert (taken.status_code, taken.json["code"]) == (409, "name_taken")
    orphan = staff.post("/v1/categories", json={"name": "Poems", "parent_id": "cat_" + 32 * "0"})
    assert list(orphan.json["errors"]) == ["parent_id"]
    assert client.get("/v1/categories").json["data"] == [books | {"parent_id": None}, novels.json]


def test_authors_are_found_by_name(staff: Caller, client: Any) -> None:
    made = staff.post("/v1/authors", json={"name": "Ann Author", "email": "ann@example.org"})
    assert made.status_code == 201
    assert made.json["email"] == "ann@example.org"
    assert staff.post("/v1/authors", json={"name": "ann author", "email": "ANN@example.org"}).status_code == 409
    assert staff.post("/v1/authors", json={"name": "  "}).status_code == 422
    staff.post("/v1/authors", json={"name": "Bob Writer"})
    assert [author["name"] for author in client.get("/v1/authors?q=WRIT").json["data"]] == ["Bob Writer"]


def test_categories_are_renamed_moved_and_deleted(staff: Caller, client: Any) -> None:
    books, novels, poems = (
        staff.post("/v1/categories", json={"name": name}).json for name in ("Books", "Nvls", "Poems")
    )

    def change(category: dict[str, Any], **changes: Any) -> Any:
        return staff.patch(f"/v1/categories/{category['id']}", json=changes)

    assert change(novels, name="Novels", parent_id=books["id"]).json == novels | {
        "name": "Novels", "parent_id": books["id"],
    }  # fmt: skip
    assert change(poems, parent_id=novels["id"]).status_code == 200
    for parent in (books, novels, poems):
        refused = change(books, parent_id=parent["id"])
        assert (refused.status_code, refused.json["code"]) == (409, "category_cycle")
    assert change(poems, name="NOVELS").json["code"] == "name_taken"
    assert list(change(poems, parent_id="cat_" + 32 * "0").json["errors"]) == ["parent_id"]
    create(staff, **EMMA | {"category": "Poems"})
    assert len(client.get("/v1/products?category=books").json["data"]) == 1
    assert change(poems, parent_id=None).json["parent_id"] is None
    assert client.get("/v1/products?category=books").json["data"] == []
    refused = staff.delete(f"/v1/categories/{books['id']}")
    assert (refused.status_code, refused.json["code"], refused.json["categories"]) == (409, "category_in_use", 1)
    assert staff.delete(f"/v1/categories/{novels['id']}").status_code == 204
    assert staff.delete(f"/v1/categories/{books['id']}").status_code == 204
    assert client.get(f"/v1/categories/{books['id']}").status_code == 404


def test_a_category_or_author_in_use_cannot_be_deleted(staff: Caller, client: Any) -> None:
    made = create(staff, **EMMA)
    for path, code in (
        (f"/v1/categories/{made['category']['id']}", "category_in_use"),
        (f"/v1/authors/{made['author']['id']}", "author_in_use"),
    ):
        refused = staff.delete(path)
        assert (refused.status_code, refused.json["code"], refused.json["products"]) == (409, code, 1)
    staff.delete(f"/v1/products/{made['id']}")
    stale = staff.delete(f"/v1/categories/{made['category']['id']}", headers={"If-Match": '"1."'})
    assert stale.status_code == 412
    for path in (f"/v1/categories/{made['category']['id']}", f"/v1/authors/{made['author']['id']}"):
        etag = client.get(path).headers["ETag"]
        assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
        assert staff.delete(path, headers={"If-Match": etag}).status_code == 204
        assert client.get(path).status_code == 404
    assert client.get("/v1/authors").json["data"] == client.get("/v1/categories").json["data"] == []


def test_contact_data_of_an_author_stay_private(staff: Caller, client: Any) -> None:
    made = staff.post("/v1/authors", json={"name": "Ann Author", "email": "ann@example.org"}).json
    path = f"/v1/authors/{made['id']}"
    changed = staff.patch(path, json={"name": "Ann  Writer", "address": "1 Ink Lane"})
    assert changed.json == made | {"name": "Ann Writer", "address": "1 Ink Lane"}
    assert client.get(path).json == {"id": made["id"], "name": "Ann Writer"}
    staff.post("/v1/authors", json={"name": "Bob", "email": "bob@example.org"})
    assert staff.patch(path, json={"name": "bob", "email": "bob@example.org"}).json["code"] == "name_taken"


@pytest.mark.parametrize("path", ["/v1/categories", "/v1/authors"])
def test_a_repeated_category_or_author_replays_the_first_response(staff: Caller, path: str) -> None:
    first, again = (staff.post(path, json={"name": "Ink"}, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.status_code, again.status_code, again.json) == (201, 201, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.headers["Location"].endswith(first.json["id"])
