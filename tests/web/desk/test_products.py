"""The desk's pages of products."""

from models import catalogue
from models.core.database import transaction
from tests.shopping import make_product
from tests.web.desk.selling import Desk

HOSTILE = """<script>alert(1)</script> "'&</title> {{ 7*7 }}"""
NEW = "/desk/products/new"


def read(product_id: str) -> catalogue.Product:
    with transaction() as session:
        return catalogue.get_product(session, product_id)


def test_a_product_is_created_once_and_found(desk: Desk) -> None:
    filled = {"title": HOSTILE, "sku": "EVIL", "kind": "clothing", "price": "12,50", "category": "Things"}
    form = {**desk.form(NEW, NEW), **filled}
    first, second = desk.post(NEW, data=form), desk.post(NEW, data=form)
    assert first.status_code == second.status_code == 303, first.text
    assert first.headers["Location"] == second.headers["Location"]
    for path in (first.headers["Location"], "/desk/products", "/desk/products?q=EVIL"):
        page = desk.get(path).text
        assert "EVIL" in page
        assert "<script>alert" not in page
    assert "12.50" in desk.get(first.headers["Location"]).text
    taken = desk.fill(NEW, NEW, **filled)
    assert taken.status_code == 409
    assert "Another product has this SKU." in taken.text
    assert 'value="EVIL"' in taken.text


def test_a_product_is_edited_with_its_attributes(desk: Desk) -> None:
    product_id = make_product("EMMA", 3)
    path = f"/desk/products/{product_id}"
    shown = {"title": "Emma", "sku": "EMMA", "price": "3", "category": "Things", "description": "a\r\nb"}
    assert desk.fill(path, path, **shown, attributes="size: M\ncolour: red").status_code == 303
    assert (read(product_id).price_amount, read(product_id).description) == (300, "a\nb")
    assert read(product_id).attributes == {"size": "M", "colour": "red"}
    assert desk.fill(path, path, **shown, attributes="size: L").status_code == 303
    assert read(product_id).attributes == {"size": "L"}
    refused = desk.fill(path, path, **{**shown, "price": "much"})
    assert "Write it as 12.50" in refused.text
    assert desk.fill(path, path, **{**shown, "title": ""}).status_code in (303, 422)


def test_a_stale_edit_is_refused_and_both_are_shown(desk: Desk) -> None:
    product_id = make_product("EMMA", 3)
    path = f"/desk/products/{product_id}"
    mine = desk.form(path, path)
    shown = {"sku": "EMMA", "price": "3", "category": "Things"}
    desk.fill(path, path, **shown, title="Theirs")
    refused = desk.post(path, data={**mine, **shown, "title": "Mine"})
    assert refused.status_code == 412
    assert 'value="Mine"' in refused.text
    assert '<dd class="note">Theirs</dd>' in refused.text
    assert read(product_id).title == "Theirs"


def test_a_product_is_deleted(desk: Desk) -> None:
    path = f"/desk/products/{make_product('EMMA', 3)}"
    sent = desk.fill(path, f"{path}/delete")
    assert "The product is deleted" in desk.get(sent.headers["Location"]).text
    assert desk.get(path).status_code == 404
