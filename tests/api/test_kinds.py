"""Kinds of products: data, with the attributes that their products may have."""

from functools import partial
from typing import Any

import pytest

from models import catalogue
from models.catalogue.kind_input import BUILT_IN, Attribute
from models.core.database import transaction
from models.core.errors import Conflict, Invalid
from settings import settings
from tests.conftest import Caller
from tests.models.racing import race
from tests.models.test_shopify_files import SHIRT, counts, shopify, take

CAPACITY = {"name": "capacity_ml", "type": "integer", "minimum": 1, "maximum": 5000}
GLAZE = {"name": "glaze", "type": "text", "values": ["matt", "gloss"]}
MUG = {"name": "mug", "title": "Mugs", "attributes": [CAPACITY, GLAZE]}
CUP: dict[str, Any] = {
    "sku": "CUP", "kind": "mug", "title": "Cup", "category": "Kitchen", "price": {"amount": 900, "currency": "EUR"},
}  # fmt: skip


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["code"]


@pytest.fixture
def mug(staff: Caller) -> str:
    """The path of a kind."""
    made = staff.post("/v1/kinds", json=MUG)
    assert made.status_code == 201, made.json
    return str(made.headers["Location"])


def cup(staff: Caller, **attributes: Any) -> Any:
    return staff.post("/v1/products", json={**CUP, "sku": f"CUP-{len(str(attributes))}", "attributes": attributes})


def test_a_new_shop_has_three_kinds(client: Any) -> None:
    shown = client.get("/v1/kinds").json["data"]
    assert [kind["name"] for kind in shown] == ["book", "clothing", "electronics"]
    stored = {kind["name"]: [{k: v for k, v in one.items() if v not in (None, [])} for one in kind["attributes"]]
              for kind in shown}  # fmt: skip
    plain = {
        name: [one.model_dump(mode="json", exclude_defaults=True) for one in attributes]
        for name, attributes in BUILT_IN.items()
    }
    assert stored == plain


def test_products_of_a_new_kind_are_validated_by_its_attributes(staff: Caller, client: Any, mug: str) -> None:
    given = {"capacity_ml": 300, "glaze": "matt", "barcode": "4-006381 333931", "brand": "Kiln", "weight_g": 320.5}
    made = cup(staff, **given)
    assert made.json["attributes"] == {**given, "barcode": "4006381333931"}
    assert [product["kind"] for product in client.get("/v1/products?kind=mug").json["data"]] == ["mug"]
    for name, value in (("capacity_ml", 0), ("capacity_ml", 5001), ("capacity_ml", "300"), ("glaze", "shiny"),
                        ("barcode", "- -"), ("pages", 3)):  # fmt: skip
        refused = cup(staff, **{name: value})
        assert (refused.status_code, list(refused.json["errors"])) == (422, [f"attributes.{name}"])
    unknown = staff.post("/v1/products", json={**CUP, "kind": "teapot"})
    assert unknown.json["errors"] == {"kind": ["Must be one of: book, clothing, electronics, mug."]}
    assert staff.post("/v1/products", json={**CUP, "author": "Ann"}).status_code == 422


def test_a_kind_is_shown_and_changed(staff: Caller, client: Any, mug: str) -> None:
    etag = client.get(mug).headers["ETag"]
    changed = staff.patch(mug, json={"title": "Cups and mugs"}, headers={"If-Match": etag})
    assert (changed.json["title"], len(changed.json["attributes"])) == ("Cups and mugs", 2)
    assert refusal(staff.patch(mug, json={"title": "x"}, headers={"If-Match": etag})) == (412, "stale")
    assert client.get("/v1/kinds/teapot").status_code == 404
    assert refusal(staff.post("/v1/kinds", json=MUG)) == (409, "name_taken")


@pytest.mark.parametrize(("attributes", "status"), [
    ([], 409), ([{**CAPACITY, "maximum": 400}, GLAZE], 409), ([{**CAPACITY, "minimum": 2}, GLAZE], 409),
    ([{**CAPACITY, "type": "number"}, GLAZE], 409), ([CAPACITY, {**GLAZE, "values": ["matt"]}], 409),
    ([{**CAPACITY, "maximum": 6000}, GLAZE], 200), ([{"name": "capacity_ml", "type": "integer"}, GLAZE], 200),
    ([CAPACITY, {**GLAZE, "values": ["raw", "gloss", "matt"]}], 200),
    ([CAPACITY, {"name": "glaze", "type": "text"}], 200),
    ([GLAZE, {"name": "lid", "type": "boolean"}, CAPACITY], 200),
])  # fmt: skip
def test_attributes_that_products_have_stay_valid(
    staff: Caller, mug: str, attributes: list[dict[str, Any]], status: int
) -> None:
    made = cup(staff, capacity_ml=300, glaze="gloss").json
    changed = staff.patch(mug, json={"attributes": attributes})
    assert changed.status_code == status, changed.json
    if status == 409:
        assert changed.json["code"] == "attribute_in_use"
        assert set(changed.json["attributes"]) <= {"capacity_ml", "glaze"}
        staff.delete(f"/v1/products/{made['id']}")
        assert staff.patch(mug, json={"attributes": attributes}).status_code == 200
    else:
        assert staff.patch(f"/v1/products/{made['id']}", json={"title": "Cup!"}).status_code == 200


@pytest.mark.parametrize(("attributes", "field"), [
    ([CAPACITY, CAPACITY], "attributes"), ([{**CAPACITY, "minimum": 6000}], "attributes.0"),
    ([{**GLAZE, "minimum": 1}], "attributes.0"), ([{**CAPACITY, "values": ["1"]}], "attributes.0"),
    ([{"name": "Bad name", "type": "text"}], "attributes.0.name"),
    ([{"name": "x", "type": "list"}], "attributes.0.type"),
])  # fmt: skip
def test_an_invalid_kind_is_refused(staff: Caller, attributes: list[dict[str, Any]], field: str) -> None:
    refused = staff.post("/v1/kinds", json={**MUG, "attributes": attributes})
    assert (refused.status_code, list(refused.json["errors"])) == (422, [field])


@pytest.mark.parametrize("name", ["copy", "model_fields", "json", "schema", "class"])
def test_an_attribute_may_have_any_name(staff: Caller, mug: str, name: str) -> None:
    assert staff.patch(mug, json={"attributes": [{"name": name, "type": "text"}]}).status_code == 200
    assert cup(staff, **{name: "x"}).json["attributes"] == {name: "x"}


def test_a_kind_that_no_product_has_is_deleted(staff: Caller, client: Any, mug: str) -> None:
    path = f"/v1/warehouses/{staff.get('/v1/warehouses').json['data'][0]['id']}"
    staff.patch(path, json={"capacity": {"mug": 10, "book": 5}})
    assert staff.delete(mug, headers={"If-Match": '"stale"'}).status_code == 412
    assert staff.delete(mug).status_code == 204
    assert (client.get(mug).status_code, staff.delete(mug).status_code, cup(staff).status_code) == (404, 404, 422)
    assert "mug" not in [kind["name"] for kind in client.get("/v1/kinds").json["data"]]
    assert staff.post("/v1/kinds", json=MUG).status_code == 201  # another one with this name
    assert staff.get(path).json["capacity"] == {"book": 5, "clothing": None, "electronics": None, "mug": None}


def test_a_kind_that_products_have_or_had_stays(staff: Caller, mug: str) -> None:
    products = [cup(staff, capacity_ml=number).json["id"] for number in (3, 30)]
    staff.delete(f"/v1/products/{products[0]}")
    refused = staff.delete(mug)
    assert (*refusal(refused), refused.json["products"], refused.json["on_sale"]) == (409, "kind_in_use", 2, 1)
    staff.delete(f"/v1/products/{products[1]}")
    refused = staff.delete(mug)
    assert (*refusal(refused), refused.json["products"], refused.json["on_sale"]) == (409, "kind_in_use", 2, 0)


def test_of_a_deletion_and_new_products_at_once_one_wins(staff: Caller) -> None:
    def delete(name: str) -> None:
        with transaction() as session:
            catalogue.delete_kind(session, catalogue.get_kind(session, name, lock=True))

    def create(name: str, number: int) -> None:
        fields = {"sku": f"{name}-{number}", "kind": name, "title": "Cup", "price_amount": 1, "currency": "EUR"}
        try:
            with transaction() as session:
                catalogue.create_product(session, {**fields, "category": "Kitchen"})
        except Invalid as error:
            raise Conflict(f"There is no such kind: {error.extra}") from error

    for round_ in range(6):
        name = f"mug_{round_}"
        staff.post("/v1/kinds", json={**MUG, "name": name})
        deleted, *made = race([partial(delete, name), *(partial(create, name, number) for number in range(3))])
        assert made == [not deleted] * 3


def test_only_staff_may_write(client: Any, customer: Caller, mug: str) -> None:
    assert [customer.post("/v1/kinds", json=MUG).status_code, customer.patch(mug, json={}).status_code] == [403, 403]
    assert client.get(mug).json["name"] == "mug"


def test_a_shop_has_a_limited_number_of_kinds(staff: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.__dict__, "kinds", 5)

    def add(number: int) -> None:
        with transaction() as session:
            catalogue.create_kind(session, {"name": f"kind_{number}", "title": "Kind", "attributes": []})

    assert race([partial(add, number) for number in range(5)]).count(True) == 2
    refused = staff.post("/v1/kinds", json=MUG)
    assert (*refusal(refused), refused.json["limit"]) == (409, "too_many_kinds", 5)


def test_products_of_a_new_kind_are_imported_and_have_a_capacity(staff: Caller, mug: str) -> None:
    shown: dict[str, object] = SHIRT | {"Title": "Cup", "URL handle": "cup", "Type": "Mugs", "Vendor": "Kiln",
                                        "Barcode": "4006381333931", "Weight value (grams)": "320",
                                        "Option1 name": "Glaze", "Option1 value": "matt"}  # fmt: skip
    assert counts(take(shopify(shown))) == (1, 0)
    (product,) = staff.get("/v1/products?kind=mug").json["data"]
    assert product["attributes"] == {"glaze": "matt", "brand": "Kiln", "barcode": "4006381333931", "weight_g": 320}
    with transaction() as session:
        (found,) = catalogue.identify(session, barcodes=["4006381-333931"])
    assert (found.name, found.product_id) == ("4006381-333931", product["id"])
    path = f"/v1/warehouses/{staff.get('/v1/warehouses').json['data'][0]['id']}"
    changed = staff.patch(path, json={"capacity": {"mug": 10}})
    assert changed.json["capacity"] == {"book": None, "clothing": None, "electronics": None, "mug": 10}
    assert (changed.json["remaining"]["mug"], changed.json["levels"]["mug"]["on_hand"]) == (6, 4)
    unknown = staff.patch(path, json={"capacity": {"teapot": 10}})
    assert list(unknown.json["errors"]) == ["capacity.teapot"]
    bad = staff.post("/v1/catalogue/imports?kind=teapot", data="x", content_type="text/csv")
    assert list(bad.json["errors"]) == ["kind"]


def test_an_attribute_accepts_what_a_narrower_one_does() -> None:
    number = Attribute(name="x", type="number")
    assert number.accepts_all_of(Attribute(name="x", type="number", minimum=0, maximum=9))
    assert not Attribute(name="x", type="number", minimum=0).accepts_all_of(number)
