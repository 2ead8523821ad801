"""Import of catalogue files over the REST API with real workers, and export."""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import func, select

from durable.tables import RunRecord
from models import imports
from models.catalogue import Product
from models.core.database import transaction
from settings import Settings
from tests.conftest import Caller
from tests.shop import Shop

COLUMNS = ("sku", "kind", "title", "category", "price", "stock", "description")
SHOPIFY = """\
Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,Option2 \
Value,Variant SKU,Variant Grams,Variant Inventory Qty,Variant Price,Variant Barcode,Image Src,Gift Card,Status
linen-shirt,Linen shirt,"<p>Cool &amp; light.</p><p>Made in <b>Porto</b>.</p>",Aurelio,Apparel & Accessories > \
Clothing > Shirts,Shirts,"summer, linen",true,Size,M,Color,Blue,SHIRT-M,200,7,49.90,,https://x.example/1.jpg,false,active
linen-shirt,,,,,,,,,L,,Blue,SHIRT-L,210,0,51.00,,https://x.example/2.jpg,,
linen-shirt,,,,,,,,,,,,,,,,,https://x.example/3.jpg,,
old-tales,Old tales,Stories.,Small Press,Media > Books > Print Books,,,true,Title,Default Title,,,\
'9780306406157,,3,12.00,9780306406157,,false,active
mystery,Mystery box,,Aurelio,,,,true,Title,Default Title,,,,,1,5.00,,,false,active
hidden,Hidden,,Aurelio,,Shirts,,false,Title,Default Title,,,HIDDEN,,1,5.00,,,false,draft
"""


def sheet(*rows: dict[str, Any], columns: tuple[str, ...] = COLUMNS) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def thing(number: int, **changes: Any) -> dict[str, Any]:
    return {"sku": f"T-{number}", "kind": "clothing", "title": f"Thing {number}", "category": "Things", "price": "5.50",
            "stock": number % 7, "description": ""} | changes  # fmt: skip


def send(staff: Caller, sent: str | bytes | Mapping[str, object], query: str = "", **options: Any) -> Any:
    options.setdefault("content_type", "text/csv")
    return staff.post(f"/v1/catalogue/imports{query}", data=sent, **options)


def imported(staff: Caller, text: str, query: str = "") -> dict[str, Any]:
    """The result of importing a file."""
    accepted = send(staff, text, query)
    assert accepted.status_code == 202, accepted.json
    task = staff.get(f"{accepted.json['links']['task']}?wait=30").json
    assert task["status"] == "succeeded", task
    result: dict[str, Any] = task["result"]
    return result


def counts(result: dict[str, Any]) -> tuple[int, ...]:
    return tuple(result[name] for name in ("created", "updated", "unchanged", "refused"))


def test_a_file_is_imported_in_chunks_and_a_second_import_changes_nothing(shop: Shop, staff: Caller) -> None:
    rows = [thing(number) for number in range(imports.reading.CHUNK_ROWS * 2 + 5)]
    text = sheet(*rows)
    accepted = send(staff, text)
    assert accepted.headers["Location"] == accepted.json["links"]["task"]
    task = staff.get(f"{accepted.json['links']['task']}?wait=30").json
    assert task["progress"] == {"done": 5, "total": 5}
    assert [step["name"] for step in task["steps"] if "[" in step["name"]]
    assert counts(task["result"]) == (len(rows), 0, 0, 0)
    shown = staff.get(task["links"]["import"])
    assert (shown.json["rows"], shown.json["format"], shown.json["refusals"]) == (len(rows), "shopflow", [])
    assert shown.json["finished_at"]
    with transaction() as session:
        assert session.scalar(select(func.count()).select_from(Product)) == len(rows)
        assert session.scalar(select(func.count()).select_from(imports.Chunk)) == 0, "the upload is not kept"
    assert staff.get("/v1/products?q=T-6").json["data"][0]["availability"] == {"available": 6, "in_stock": True}
    assert counts(imported(staff, text)) == (0, 0, len(rows), 0)
    rows[3]["price"] = "6.00"
    assert counts(imported(staff, sheet(*rows))) == (0, 1, len(rows) - 1, 0)
    assert len(staff.get("/v1/catalogue/imports").json["data"]) == 3


def test_a_request_can_wait_for_its_import(shop: Shop, staff: Caller) -> None:
    answer = send(staff, sheet(thing(1)), headers={"Prefer": "wait=30"})
    assert (answer.status_code, answer.json["created"]) == (201, 1)
    assert answer.json["finished_at"]
    assert answer.headers["Location"] == answer.json["links"]["self"]


def test_refused_rows_are_listed_with_line_and_reason(shop: Shop, staff: Caller) -> None:
    imported(staff, sheet(thing(0, kind="electronics")))
    bad = [thing(n, price="?") for n in range(1000, 1000 + imports.MAX_LISTED_REFUSALS)]
    result = imported(
        staff, sheet(thing(0), thing(1), thing(1), thing(2, description="one\ntwo"), thing(3, title=""), *bad)
    )
    assert counts(result) == (2, 0, 0, 3 + len(bad))
    assert result["refusals"][:3] == [
        {
            "line": 2,
            "sku": "T-0",
            "reason": "kind: The product is of kind electronics; the kind cannot be changed.",
        },
        {"line": 4, "sku": "T-1", "reason": "sku: Already used on line 3."},
        {"line": 7, "sku": "T-3", "reason": "title: String should have at least 1 character."},
    ]
    assert (len(result["refusals"]), result["refusals_complete"]) == (imports.MAX_LISTED_REFUSALS, False)
    all_of_them = staff.get(f"/v1/catalogue/imports/{result['import_id']}/refusals.csv")
    assert all_of_them.mimetype == "text/csv"
    lines = list(csv.DictReader(io.StringIO(all_of_them.text)))
    assert (len(lines), lines[0]["line"], lines[-1]["sku"]) == (3 + len(bad), "2", bad[-1]["sku"])


def test_a_full_warehouse_refuses_single_rows(shop: Shop, staff: Caller) -> None:
    default = staff.get("/v1/warehouses").json["data"][0]["id"]
    staff.patch(f"/v1/warehouses/{default}", json={"capacity": {"clothing": 10}})
    result = imported(staff, sheet(thing(6), thing(5), thing(4)))
    assert counts(result) == (2, 0, 0, 1)
    assert "has capacity for" in result["refusals"][0]["reason"]


def test_a_shopify_export_is_imported(shop: Shop, staff: Caller, client: Any) -> None:
    result = imported(staff, SHOPIFY)
    assert (result["format"], counts(result), result["skipped"]) == ("shopify", (3, 0, 0, 2), 1)
    assert [(refusal["line"], refusal["sku"]) for refusal in result["refusals"]] == [(6, "mystery"), (7, "HIDDEN")]
    not_taken = [{"column": "Tags", "rows": 1}, {"column": "Image Src", "rows": 3}]
    assert result["columns_not_taken"] == not_taken
    assert staff.get(f"/v1/catalogue/imports/{result['import_id']}").json["columns_not_taken"] == not_taken
    found = {product["sku"]: product for product in client.get("/v1/products").json["data"]}
    shirt, other, book = (found[sku] for sku in ("SHIRT-M", "SHIRT-L", "9780306406157"))
    assert (shirt["title"], shirt["kind"], shirt["category"]["name"]) == (
        "Linen shirt, M / Blue",
        "clothing",
        "Shirts",
    )
    assert shirt["description"] == "Cool & light.\nMade in Porto."
    assert shirt["attributes"] == {"size": "M", "colour": "Blue", "brand": "Aurelio", "weight_g": 200}
    assert (shirt["price"]["amount"], shirt["availability"]["available"]) == (4990, 7)
    assert (other["title"], other["description"]) == ("Linen shirt, L / Blue", shirt["description"])
    assert (other["price"]["amount"], other["availability"]["available"]) == (5100, 0)
    assert (book["kind"], book["title"], book["category"]["name"]) == ("book", "Old tales", "Print Books")
    assert book["attributes"] == {"isbn": "9780306406157", "publisher": "Small Press"}
    assert counts(imported(staff, SHOPIFY)) == (0, 0, 3, 2)
    assert counts(imported(staff, SHOPIFY, "?kind=electronics")) == (1, 0, 3, 1)


def test_a_product_may_span_two_chunks(shop: Shop, staff: Caller, client: Any) -> None:
    header, first = SHOPIFY.splitlines()[0], SHOPIFY.splitlines()[1]
    before = [f"hat-{n},Hat,,,,Hats,,,,,,,H-{n},,1,9.00,,,," for n in range(imports.reading.CHUNK_ROWS - 5)]
    many = [f"linen-shirt,,,,,,,,,Size {n},,Blue,S-{n},,1,9.00,,,," for n in range(10)]
    result = imported(staff, "\n".join([header, *before, first, *many]))
    assert counts(result) == (imports.reading.CHUNK_ROWS + 6, 0, 0, 0)
    (last,) = client.get("/v1/products?q=S-9").json["data"]
    assert (last["title"], last["kind"]) == ("Linen shirt, Size 9 / Blue", "clothing")
    assert last["group"]["options"] == {"Size": "Size 9", "Color": "Blue"}
    assert len(client.get(f"/v1/products/{last['id']}").json["group"]["siblings"]) == 10


def test_a_file_can_be_uploaded_as_a_form(shop: Shop, staff: Caller) -> None:
    form = {"file": (io.BytesIO(b"\xef\xbb\xbf" + sheet(thing(1, title="Émile")).encode()), "things.csv")}
    accepted = send(staff, form, content_type="multipart/form-data")
    task = staff.get(f"{accepted.json['links']['task']}?wait=30").json
    assert counts(task["result"]) == (1, 0, 0, 0)
    assert staff.get(task["links"]["import"]).json["file_name"] == "things.csv"


def test_an_export_can_be_imported_and_contains_no_formula(shop: Shop, staff: Caller) -> None:
    texts = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "'=x", "''-x", "'quoted'", "\uff1d1", "plain", "\n=1"]
    for number, text in enumerate(texts):
        body = {"sku": f"B{number}", "kind": "book", "title": text, "description": text, "category": f"{text}!",
                "price": {"amount": 1000 + number, "currency": "EUR"}, "author": f"{text}?",
                "attributes": {"published_on": "2020-02-29", "publisher": text.strip()}}  # fmt: skip
        assert staff.post("/v1/products", json=body).status_code == 201
    ordinary = {
        "sku": "-7",
        "kind": "clothing",
        "title": "Hat",
        "category": "Hats",
        "price": {"amount": 5, "currency": "EUR"},
    }
    assert staff.post("/v1/products", json=ordinary).status_code == 201
    exported = staff.get("/v1/catalogue/export")
    assert exported.mimetype == "text/csv"
    rows = list(csv.reader(io.StringIO(exported.text, newline="")))
    assert rows[0] == list(imports.NATIVE_COLUMNS)
    assert len(rows) == len(texts) + 2
    for row in rows[1:]:
        assert [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"))] == []
    before = staff.get("/v1/products?limit=100").json
    assert counts(imported(staff, exported.text)) == (0, 0, len(texts) + 1, 0)
    assert staff.get("/v1/products?limit=100").json == before
    for product in before["data"]:
        staff.delete(f"/v1/products/{product['id']}")
    assert counts(imported(staff, exported.text)) == (len(texts) + 1, 0, 0, 0)
    again = {product["sku"]: product for product in staff.get("/v1/products?limit=100").json["data"]}
    same = ("title", "description", "category", "author", "attributes", "price")
    assert [[again[p["sku"]][name] for name in same] for p in before["data"]] == [
        [product[name] for name in same] for product in before["data"]
    ]
    assert staff.get("/v1/catalogue/export").text == exported.text


WRONG = {
    "a zip or a workbook": (b"PK\x03\x04....", "xlsx"),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1", "xls"),
    "gzip": (b"\x1f\x8b\x08\x00", "uncompressed"),
    "UTF-16": ("sku,kind\n".encode("utf-16"), "UTF-16"),
    "binary": (b"\x89PNG\r\n\x1a\n\0\0\0", "binary"),
    "JSON": (b'[{"sku": 1}]', "JSON"),
    "a page": (b"<!doctype html>", "HTML"),
    "nothing": (b"", "empty"),
    "blanks": (b"\xef\xbb\xbf \r\n", "empty"),
    "only a header": (sheet().encode(), "no products"),
    "semicolons": (sheet(thing(1)).replace(",", ";").encode(), "semicolons"),
    "tabs": (sheet(thing(1)).replace(",", "\t").encode(), "tabs"),
    "Latin-1": (sheet(thing(9, title="Émile")).encode("latin-1"), "UTF-8 near line 2"),
    "other columns": (b"name,cost\nHat,5\n", "missing: sku, kind, title, category, price"),
    "a column twice": (b"sku,sku,kind,title,category,price\n", "twice: sku"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_file_that_is_no_catalogue_is_refused_with_a_hint(staff: Caller, what: str) -> None:
    content, hint = WRONG[what]
    refused = send(staff, content)
    assert (refused.status_code, refused.json["code"]) == (422, "not_a_catalogue")
    assert hint in refused.json["detail"]
    with transaction() as session:
        for table in (imports.Import, imports.Chunk, RunRecord):
            assert session.scalar(select(func.count()).select_from(table)) == 0


def test_an_upload_of_an_unsupported_type_is_refused(staff: Caller, customer: Caller, client: Any) -> None:
    text = sheet(thing(1))
    for content_type in ("application/json", "text/html", "application/pdf"):
        refused = send(staff, json.dumps(text), content_type=content_type)
        assert (refused.status_code, refused.json["code"]) == (415, "unsupported_media_type")
    assert "iso-8859-1" in send(staff, text, content_type="text/csv; charset=ISO-8859-1").json["detail"]
    assert "`file`" in send(staff, {"sheet": "x"}, content_type="multipart/form-data").json["detail"]
    assert send(customer, text).status_code == 403
    assert client.post("/v1/catalogue/imports", data=text, content_type="text/csv").status_code == 401
    assert staff.post("/v1/categories", data=text, content_type="text/csv").status_code == 415
    for path in ("/v1/catalogue/export", "/v1/catalogue/imports"):
        assert customer.get(path).status_code == 403


def test_an_oversized_file_is_refused(staff: Caller, monkeypatch: Any) -> None:
    from api.catalogue.imports import ImportsView

    monkeypatch.setattr(ImportsView.post, "takes_files", 1000)
    refused = send(staff, sheet(*map(thing, range(100))))
    assert (refused.status_code, refused.json["code"]) == (413, "body_too_large")


def test_a_file_that_takes_too_long_to_arrive_is_refused(staff: Caller, monkeypatch: Any) -> None:
    monkeypatch.setattr("api.catalogue.imports.settings", Settings(upload_seconds=1e-9))
    refused = send(staff, sheet(thing(1)))
    assert (refused.status_code, refused.json["code"]) == (408, "upload_too_slow")
    with transaction() as session:
        assert session.scalar(select(func.count()).select_from(imports.Piece)) == 0


def test_a_file_uploaded_twice_is_imported_once(staff: Caller) -> None:
    """No worker runs, so the first import stays in progress."""
    text = sheet(thing(1))
    first, second = send(staff, text).json, send(staff, text).json
    assert first == second
    key = {"Idempotency-Key": "k"}
    other = sheet(thing(2))
    once, again = send(staff, other, headers=key), send(staff, other, headers=key)
    assert (again.status_code, again.json, again.headers["Idempotent-Replayed"]) == (202, once.json, "true")
    assert send(staff, text, headers=key).json["code"] == "idempotency_key_reused"
    assert send(staff, other, "?kind=book").json["task_id"] != once.json["task_id"], "it asks for something else"
