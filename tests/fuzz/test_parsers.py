"""Whatever comes from outside, each parser takes it or refuses it: no other exception, no 5xx.

Bodies of JSON are in tests/api/test_bounds.py, signed webhooks in tests/api/test_signed_webhooks.py.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from models.imports import NotACatalogue
from models.imports.csv_file import NATIVE_COLUMNS, Row, check_head
from models.imports.csv_rows import ImportTooLarge, Refusal, Rows
from models.imports.native_csv import parse_row
from models.imports.shopify_csv import parse_row as parse_shopify_row
from models.imports.shopify_csv import sku_of
from models.notifications.template_language import FILTERS, MAX_OUTPUT, TAGS, Template, TemplateError
from tests.fuzz.conftest import check, fuzzed

CSV_PARTS = st.sampled_from([",", '"', "\n", "\r\n", "\r", ";", "\0", "\ufeff", "sku", "'", "=1", *NATIVE_COLUMNS])
CSV_BYTES = st.one_of(
    st.binary(max_size=500),
    st.lists(CSV_PARTS | st.text(max_size=20), max_size=60).map(lambda parts: "".join(parts).encode(errors="replace")),
    st.lists(st.text(max_size=9)).map(lambda cells: f"{','.join(NATIVE_COLUMNS)}\n{','.join(cells)}".encode()),
)
NUMBERS = st.sampled_from(["1e999990", "-0", "NaN", "9" * 5000, "1.2.3", "٣", "1_0", "0x1", "1e-99", "12.50"])


@given(CSV_BYTES, st.lists(st.integers(1, 100), max_size=9))
@fuzzed
def test_any_bytes_as_csv(content: bytes, cuts: list[int]) -> None:
    pieces, rest = [], content
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    lines = []
    with suppress(NotACatalogue, ImportTooLarge):
        check_head(content, is_all=True)
        lines += [row.line if isinstance(row, Refusal) else row[0] for row in Rows([*pieces, rest])]
    assert lines == sorted(lines)


@given(st.lists(st.text(max_size=60) | NUMBERS, min_size=len(NATIVE_COLUMNS), max_size=len(NATIVE_COLUMNS)))
@fuzzed
def test_any_cells_as_a_product(cells: list[str]) -> None:
    found = parse_row(list(NATIVE_COLUMNS), 2, cells)
    assert isinstance(found, Row) or 0 < len(found.reason) <= 2000


SHOPIFY_COLUMNS = (
    "Handle", "Title", "Body (HTML)", "Vendor", "Product Category", "Type", "Published", "Status", "Gift Card",
    "Option1 Name", "Option1 Value", "Variant SKU", "Variant Grams", "Variant Inventory Qty", "Variant Price",
    "Variant Barcode",
)  # fmt: skip
HTML = st.lists(st.sampled_from(["<p>", "</p>", "<script", "<!--", "-->", "&#x110000;", "&amp", "<![CDATA[", "x", ">"]))


@given(st.fixed_dictionaries({name: st.text(max_size=30) | NUMBERS | HTML.map("".join) for name in SHOPIFY_COLUMNS}))
@fuzzed
def test_any_cells_as_a_variant(row: dict[str, str]) -> None:
    found = parse_shopify_row(row, 2, "clothing")
    assert isinstance(sku_of(row), str)
    assert isinstance(found, Row) or 0 < len(found.reason) <= 2000


LIQUID = st.lists(
    st.sampled_from([
        "{{", "}}", "{%", "%}", "{%-", "-%}", " | ", ": ", "(1..99999999999)", "(0..x)", "for x in ", "contains",
        "name", "items", "items[0]", "items.first", "'a'", '"', "1e999990", "9" * 5000, "-1", "1.5", " == ", " and ",
        "nil", "true", "endif", "endfor", "endunless", "endcase", "when ", "=", "money: 'EUR'", "number", "date",
        *(f" {name} " for name in (*TAGS, *FILTERS)),
    ]) | st.text(max_size=5),
    max_size=40,
).map("".join)  # fmt: skip
VALUES = {"name": "Ada", "items": [1, "two", {"three": 3.5}]}


WITHIN = ["…", "{{ … }}", "{% if … %}x{% endif %}", "{{ name | … }}", "{% for x in … %}{{ x }}{% endfor %}"]


@given(LIQUID, st.sampled_from(WITHIN))
@fuzzed
def test_any_template(source: str, within: str) -> None:
    printed: list[object] = []
    with suppress(TemplateError):
        text, values = Template(within.replace("…", source), "en").render(VALUES)
        printed += [text, *values]
    assert sum(len(str(value)) for value in printed) <= 2 * MAX_OUTPUT


ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=80)
LATIN = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=80)


def encoded(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


TOKENS = st.one_of(
    ASCII,
    st.lists(ASCII.map(encoded), min_size=3, max_size=3).map(".".join),
    st.tuples(st.sampled_from(['{"alg":"HS256"}', '{"alg":"none"}', "[" * 2000, '{"alg":[]}', "1", '{"alg":1e999}']),
              st.sampled_from(["{}", '{"exp":1e999}', "[]", "[" * 2000])).map(
        lambda parts: f"{encoded(parts[0])}.{encoded(parts[1])}.x"),
)  # fmt: skip
HEADERS: dict[str, st.SearchStrategy[str]] = {
    "Authorization": st.builds("{} {}".format, st.sampled_from(["Bearer", "bearer", "Basic", "Digest", ""]), TOKENS),
    "X-Api-Key": LATIN,
    "X-Cart-Token": LATIN,
    "X-Request-Id": LATIN,
    "Idempotency-Key": LATIN | st.just("é" * 255) | st.just("x" * 256),
    "Prefer": st.builds("wait={}".format, LATIN) | LATIN | st.just("respond-async, wait=0") | st.just("wait=٣"),
    "If-Match": st.builds('"{}"'.format, LATIN) | LATIN | st.just('W/"' + '",W/"' * 500),
    "If-None-Match": st.builds('"{}"'.format, LATIN) | LATIN,
    "If-Modified-Since": LATIN | st.just("Thu, 99 Foo 99999 99:99:99 GMT"),
    "Range": st.builds("bytes={}".format, LATIN),
    "Accept": LATIN,
    "Accept-Language": st.builds("{};q={}".format, LATIN, NUMBERS) | LATIN,
    "Content-Type": st.builds("application/json; charset={}".format, LATIN) | LATIN,
    "X-Forwarded-For": LATIN | st.just("::ffff:1.2.3.4, 999.1.1.1, [::1]:80, %eth0"),
    "Last-Event-ID": LATIN | st.just("9" * 18),
    "Cookie": LATIN,
    "Origin": LATIN,
    "Host": LATIN,
}  # fmt: skip


@given(st.dictionaries(st.sampled_from(sorted(HEADERS)), st.none(), min_size=1, max_size=3), st.data())
@fuzzed
def test_any_headers(visitor: FlaskClient, sign_in: Callable[..., Any], chosen: Any, data: st.DataObject) -> None:
    headers = {name: data.draw(HEADERS[name], label=name) for name in chosen}
    body = json.dumps({"username": "ada", "password": "correct horse battery"})
    check(visitor.get("/v1/products", headers=headers))
    check(visitor.get("/v1/me", headers=headers))
    check(visitor.post("/v1/auth/login", data=body, headers={"Content-Type": "application/json", **headers}))


def test_an_if_match_that_is_malformed_matches_nothing(visitor: FlaskClient, admin: dict[str, str], thing: str) -> None:
    for tag in ('""', '"', ',"', "W/", '"a" "b"', "x,,y"):
        answer = visitor.patch(f"/v1/products/{thing}", json={"title": "Other"}, headers={**admin, "If-Match": tag})
        assert answer.status_code == 412, tag


@given(st.dictionaries(st.sampled_from(sorted(HEADERS.keys() - {"Authorization"})), st.none(), max_size=3), st.data())
@fuzzed
def test_any_headers_of_an_administrator(
    visitor: FlaskClient, admin: dict[str, str], thing: str, chosen: Any, data: st.DataObject
) -> None:
    headers = {**admin, "Content-Type": "application/json", **{name: data.draw(HEADERS[name]) for name in chosen}}
    check(visitor.get(f"/v1/products/{thing}", headers=headers))
    check(visitor.patch(f"/v1/products/{thing}", data='{"title": "Other"}', headers=headers))
    check(visitor.post("/v1/categories", data='{"name": "Tea"}', headers=headers))


CURSORS = st.one_of(
    st.text(max_size=40), ASCII.map(encoded), st.builds("{}.{}".format, ASCII.map(encoded), ASCII.map(encoded)),
    st.just(".eJ" + "A" * 900), st.just("." + encoded("[" * 700)),
)  # fmt: skip


@given(st.sampled_from(["/v1/products", "/v1/orders", "/v1/users", "/v1/stock", "/v1/events"]), CURSORS)
@fuzzed
def test_any_cursor(visitor: FlaskClient, admin: dict[str, str], path: str, cursor: str) -> None:
    answer = visitor.get(path, query_string={"cursor": cursor}, headers=admin)
    check(answer)
    assert answer.status_code == (422 if cursor else 200)


QUERIES = st.dictionaries(
    st.sampled_from(["q", "limit", "price_min", "price_max", "from", "to", "older_than", "after", "wait", "sort",
                     "kind", "category", "status", "sku", "role", "warehouse_id", "in_stock"]) | st.text(max_size=9),
    st.text(max_size=40) | NUMBERS | st.sampled_from(["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "\0"]),
    max_size=3,
)  # fmt: skip


@given(st.sampled_from(["/v1/products", "/v1/orders", "/v1/users", "/v1/events", "/v1/stock"]), QUERIES)
@fuzzed
def test_any_query(visitor: FlaskClient, admin: dict[str, str], path: str, query: dict[str, str]) -> None:
    check(visitor.get(path, query_string=query, headers=admin))
