"""Whatever a request's path, query string or form holds, it is answered or refused: no 5xx."""

from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug import Request
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app

from models.notifications.template_language import MAX_OUTPUT
from tests.fuzz.conftest import check, fuzzed


def sent(visitor: FlaskClient, environ: Any) -> TestResponse:
    """The answer to an environment as it is; the client would parse and encode it again."""
    body, status, headers = run_wsgi_app(visitor.application, environ, buffered=True)
    return TestResponse(body, status, headers, Request(environ))


ROOTS = (
    "products", "orders", "users", "events", "stock", "categories", "warehouses", "transfers", "stock-counts",
    "reports", "tasks", "webhooks/endpoints", "notification-templates/welcome", "catalogue/imports", "me", "cart",
)  # fmt: skip
BYTES = st.binary(max_size=40) | st.text(max_size=20).map(lambda text: text.encode(errors="surrogatepass"))
ODD = st.sampled_from([
    b"\0", b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"..", b"../..", b"//", b"%", b"%00", b"%25", b";", b"\r\nX: y",
    b"prd_" + b"0" * 32, b"prd_" + "٣".encode() * 32, b"prd_" + b"0" * 31 + b"\n", b".csv", b"x" * 5000,
])  # fmt: skip


METHODS = st.sampled_from(["GET", "DELETE", "PATCH", "OPTIONS"])


@given(st.sampled_from(ROOTS), st.lists(BYTES | ODD, max_size=3), METHODS)
@fuzzed
def test_any_path(visitor: FlaskClient, admin: dict[str, str], root: str, parts: list[bytes], method: str) -> None:
    environ = EnvironBuilder(method=method, headers=Headers(admin)).get_environ()
    environ["PATH_INFO"] = f"/v1/{root}" + "".join("/" + part.decode("latin-1") for part in parts)  # as WSGI has it
    check(sent(visitor, environ))


RAW = st.lists(
    st.sampled_from(["%", "%0", "%00", "%ff", "%ed%a0%80", "%u0041", "+", "&", "=", ";", "[]", "q", "limit", "cursor",
                     "kind", "sort", "price_min", "from", "1e999", "-1", "9" * 5000, "NaN"])
    | BYTES.map(quote),
    max_size=12,
).map("".join)  # fmt: skip


@given(st.sampled_from(ROOTS), RAW)
@fuzzed
def test_any_query_string(visitor: FlaskClient, admin: dict[str, str], root: str, query: str) -> None:
    environ = EnvironBuilder(f"/v1/{root}", headers=Headers(admin)).get_environ()
    environ["QUERY_STRING"] = query
    check(sent(visitor, environ))


LINE = b"\r\n"
FIELD = b"Content-Disposition: form-data; name="
FORM_HEADERS = st.lists(
    st.sampled_from([
        FIELD + b'"file"; filename="a.csv"', FIELD + b'"file"', FIELD + b'"x"', FIELD + b'"file"; filename="\xff"',
        FIELD + b"file; filename*=UTF-8''%00", b"Content-Disposition:", b"Content-Type: text/csv",
        b"Content-Type: text/csv; charset=utf-7", b"Content-Transfer-Encoding: base64", b": x", b"X" * 20_000,
    ]) | BYTES,
    max_size=3,
).map(LINE.join)  # fmt: skip
CATALOGUE = b"sku,kind,title,category,price,attributes\nA,book,A,C,1,\n"
CONTENT = st.sampled_from([b"", CATALOGUE, b"--b", b"\r\n--b--"]) | BYTES
PARTS = st.lists(st.tuples(FORM_HEADERS, CONTENT), max_size=4)


def form(parts: list[tuple[bytes, bytes]], end: bytes) -> bytes:
    return b"".join(b"--b\r\n" + headers + LINE * 2 + content + LINE for headers, content in parts) + end


# Werkzeug leaves the part of a form without an end to be closed with its last reference.
@pytest.mark.filterwarnings("ignore:Exception ignored in.*SpooledTemporaryFile:pytest.PytestUnraisableExceptionWarning")
@given(PARTS | st.integers(1, 1200).map(lambda times: [(FIELD + b'"x"', b"")] * times),
       st.sampled_from([b"--b--\r\n", b"--b", b"", b"--c--"]),
       st.sampled_from(["b", "", "c", '"b', "b" * 300, "é"]))  # fmt: skip
@fuzzed
def test_any_form(
    visitor: FlaskClient, admin: dict[str, str], parts: list[tuple[bytes, bytes]], end: bytes, boundary: str
) -> None:
    kind = f"multipart/form-data; boundary={boundary}"
    headers = {**admin, "Idempotency-Key": "k", "Prefer": "wait=0"}
    check(visitor.post("/v1/catalogue/imports", data=form(parts, end), content_type=kind, headers=headers))


SOURCE = st.lists(
    st.sampled_from([
        "{{ first_name }}", "{{", "}}", "{%", "%}", "{% if first_name %}", "{% endif %}", "{% else %}",
        "{% for x in first_name %}", "{% for x in (1..99999999) %}", "{% endfor %}", "{{ first_name | ", "upcase }}",
        "<script>", "](javascript:x)", "[x](", "**", "`", "\n\n", "> " * 200, "[" * 900, "*" * 900, "&#0;", "x" * 3000,
    ]) | st.text(max_size=10),
    max_size=20,
).map("".join)  # fmt: skip
TEMPLATES = st.tuples(st.sampled_from(["welcome", "order_confirmed"]), st.sampled_from(["email", "sms", "push"]))


@given(TEMPLATES, st.dictionaries(st.sampled_from(["subject", "text"]), SOURCE, min_size=1))
@fuzzed
def test_any_source_of_a_template(
    visitor: FlaskClient, admin: dict[str, str], template: tuple[str, str], source: dict[str, str]
) -> None:
    url = "/v1/notification-templates/{}/{}/en".format(*template)
    shown = visitor.post(f"{url}/preview", json=source, headers=admin)
    check(shown)
    assert len(shown.data) <= 50 * MAX_OUTPUT
    saved = visitor.patch(url, json=source, headers=admin)
    check(saved)
    assert (saved.status_code < 400) == (shown.status_code < 400), "what is shown can be saved"
