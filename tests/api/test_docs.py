"""The documentation pages: self-contained, with an explanation of every error code."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from api.docs.error_codes import codes
from tests.conftest import PASSWORD
from tests.serving import serving


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/orders", "/docs/errors"])
def test_pages_load_only_local_assets(client: Any, path: str) -> None:
    page = client.get(path, headers={"Accept": "text/html"})
    assert (page.status_code, page.mimetype) == (200, "text/html")
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self'; " in policy
    assert "connect-src 'self'; " in policy
    assert ("'unsafe-inline'" in policy) == (path == "/docs/orders")  # Swagger UI's styles
    assert "<script>" not in page.text
    assert "style=" not in page.text
    needed = re.findall(r'<(?:script|link)[^>]* (?:src|href)="([^"]+)"', page.text)
    assert len(needed) >= 2
    for address in needed:
        assert address.startswith("/docs/assets/")
        asset = client.get(address)
        assert asset.status_code == 200
        assert "swagger-ui" in address or b"http" not in asset.data


@pytest.mark.parametrize("name", ["../pages.py", "swagger-ui.js.map", "", "nothing"])
def test_only_listed_assets_are_served(client: Any, name: str) -> None:
    assert client.get(f"/docs/assets/{name}").status_code == 404


def test_the_type_of_a_problem_links_to_its_explanation(client: Any) -> None:
    page = client.get("/docs/errors")
    assert page.mimetype == "text/html"
    anchors = set(re.findall(r'id="(\w+)"', page.text))
    assert anchors == set(codes())
    path, _, code = client.get("/v1/me").json["type"].partition("#")
    assert client.get(path).status_code == 200
    assert code in anchors
    assert all(code.text and code.status >= 400 for code in codes().values())


def test_an_unchanged_document_answers_304(client: Any) -> None:
    first = client.get("/openapi.json")
    again = client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


PUBLIC = [
    "/docs", "/docs/errors", "/docs/orders/openapi.json", "/openapi.json", "/asyncapi.json",
    "/docs/assets/swagger-ui-bundle.js",
]  # fmt: skip


@pytest.mark.parametrize("path", PUBLIC)
def test_public_documents_are_compressed(client: Any, path: str) -> None:
    plain, packed = client.get(path), client.get(path, headers={"Accept-Encoding": "br, gzip;q=0.8"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) * 1.5 < len(plain.data)
    assert "Accept-Encoding" in plain.vary
    assert "Accept-Encoding" in packed.vary
    assert packed.headers["ETag"] != plain.headers["ETag"]
    again = client.get(path, headers={"Accept-Encoding": "gzip", "If-None-Match": packed.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    refused = client.get(path, headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert "Content-Encoding" not in refused.headers


def test_answers_with_secrets_are_not_compressed(client: Any, customer: Any) -> None:
    """Their length would tell of the secrets (BREACH)."""
    body = {"username": customer.username, "password": PASSWORD}
    answer = client.post("/v1/auth/login", json=body, headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    assert "Content-Encoding" not in answer.headers
    assert "Content-Encoding" not in customer.get("/v1/me", headers={"Accept-Encoding": "gzip"}).headers


@pytest.fixture
def url(seeds: Any, tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path, SHOP_API_THREADS="4") as url:
        yield url


def test_errors_of_gunicorn_are_problem_documents(url: str) -> None:
    long = requests.get(f"{url}/v1/products?q={'a' * 9000}", timeout=10)
    assert (long.status_code, long.json()["code"]) == (414, "uri_too_long")
    assert long.headers["Content-Type"] == "application/problem+json"
    much = requests.get(f"{url}/v1/products", headers={"X-Much": "a" * 9000}, timeout=10)
    assert (much.status_code, much.json()["code"]) == (431, "headers_too_large")


def test_the_root_leads_people_and_programs_on(client: Any) -> None:
    shown = client.get("/")
    assert (shown.status_code, shown.json["name"]) == (200, "shopflow")
    for path in shown.json["links"].values():
        assert client.get(path).status_code != 404, path
    page = client.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.content_type.startswith("text/html")
    assert '<a href="/docs">' in page.text
    assert "Accept" in page.headers["Vary"]
