"""What all pages share: headers, forms, languages, static files and errors."""

import gzip
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from tests.api.test_app import endpoints
from tests.conftest import PASSWORD
from tests.shopping import product  # noqa: F401
from tests.web.conftest import Browser
from web import basket

PAGES = ("/", "/home", "/products", "/products?q=the", "/categories", "/basket")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_a_strict_policy_and_nothing_inline(browser: Browser, path: str) -> None:
    page = browser.get(path)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Cache-Control"] == "no-store"
    assert re.findall(r"\sstyle=|\son\w+=|<style|javascript:", page.text) == []
    assert re.findall(r"<script(?![^>]*(?:src=|ld\+json))", page.text) == []
    assert re.findall(r'(?:src|href|action)="(?:https?:)?//', page.text.replace('rel="canonical" href', "")) == []


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_landmarks_and_one_heading(browser: Browser, path: str) -> None:
    page = browser.get(path).text
    assert page.count("<h1") == 1
    for part in ('<html lang="en">', 'class="skip" href="#content"', "<header", '<main id="content"', "<footer"):
        assert part in page


def test_the_start_page_is_the_shop_for_browsers_and_json_for_programs(browser: Browser) -> None:
    assert "<h1>" in browser.get("/").text
    for accepted in ("*/*", "application/json"):
        assert json.loads(browser.get("/", headers={"Accept": accepted}).text)["links"]["docs"] == "/docs"


def test_pages_are_not_in_the_openapi_document(browser: Browser) -> None:
    paths = json.loads(browser.get("/openapi.json").text)["paths"]
    assert {path for path in paths if not path.startswith("/v1/")} == {
        "/", "/openapi.json", "/asyncapi.json", "/docs", "/docs/errors", "/docs/assets/{name}", "/docs/{tag}",
        "/docs/{tag}/openapi.json", "/healthz", "/readyz",
    }  # fmt: skip


def test_every_page_declares_its_access_rule(app: Any) -> None:
    from models.access import PERMISSIONS

    known = {"public", "signed in", "signed in or guest", "identified", *PERMISSIONS}
    rules = {f"{method} {path}": getattr(view, "rule", None) for method, path, view in endpoints(app)}
    assert {name: rule for name, rule in rules.items() if rule not in known} == {}


def forms(app: Any) -> list[tuple[str, Any]]:
    """The path and the view of every form."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("shop.") and "POST" in (rule.methods or ()):
            path = re.sub(r"<id\(\"(\w+)\"\):\w+>", lambda part: f"{part[1]}_{'0' * 32}", rule.rule)
            found.append((path, app.view_functions[rule.endpoint]))
    return found


def test_every_form_refuses_what_is_sent_without_a_token_or_from_elsewhere(
    app: Any, browser: Browser, signed_in: Callable[..., Browser]
) -> None:
    customer = signed_in("ada")
    assert forms(app)
    for path, view in forms(app):
        assert hasattr(view, "takes_form"), path
        for caller in (browser, customer):
            without = caller.post(path, data={"quantity": "1"})
            assert (without.status_code, "has expired" in without.text) == (403, True), path
            foreign = {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}
            for headers in foreign:
                assert "from another site" in caller.send(path, headers=headers).text, path


def test_a_token_of_another_browser_and_from_before_the_sign_in_is_refused(
    app: Any, browser: Browser, signed_in: Callable[..., Browser]
) -> None:
    token = re.search(r'name="csrf_token" value="(\w+)"', browser.get("/basket").text)
    assert token is not None
    other = app.test_client()
    other.get("/basket")
    assert other.post("/language", data={"csrf_token": token[1]}).status_code == 403
    session = signed_in("ada").get_cookie("session")
    assert session is not None
    assert browser.post("/language", data={"csrf_token": token[1]}).status_code == 303
    browser.set_cookie("session", session.value)
    assert browser.post("/language", data={"csrf_token": token[1]}).status_code == 403


def test_a_form_whose_session_has_ended_leads_to_the_sign_in_and_back(
    signed_in: Callable[..., Browser], browser: Browser
) -> None:
    ada = signed_in("ada")
    token = re.search(r'name="csrf_token" value="(\w+)"', ada.get("/account").text)
    assert token is not None
    ada.send("/sign-out", page="/account")
    sent = ada.post("/account", data={"csrf_token": token[1]}, headers={"Referer": "http://localhost/account"})
    assert (sent.status_code, sent.headers["Location"]) == (303, "/sign-in?next=/account")
    desk = ada.post("/desk/orders/many/ship", data={"csrf_token": token[1]})
    assert (desk.status_code, desk.headers["Location"]) == (303, "/sign-in?next=/")


def test_a_form_from_before_the_sign_in_leads_back_to_its_page(browser: Browser, sign_in: Callable[..., Any]) -> None:
    sign_in("ada")
    token = re.search(r'name="csrf_token" value="(\w+)"', browser.get("/basket").text)
    assert token is not None
    browser.send("/sign-in", {"username": "ada", "password": PASSWORD})  # in another tab
    for referrer, link in (("http://localhost/categories", 'href="/categories">Back to the page'),
                           ("https://evil.example/x", 'href="/">To the start page')):  # fmt: skip
        answer = browser.post("/language", data={"csrf_token": token[1]}, headers={"Referer": referrer})
        assert (answer.status_code, "<h1>Please send it again</h1>" in answer.text) == (403, True)
        assert link in answer.text
        assert "evil" not in answer.text


def test_over_tls_cookies_have_the_prefix_and_are_secure(app: Any) -> None:
    client = app.test_client()
    [cookie] = client.get("/basket", base_url="https://shop.example").headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-browser=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_a_forged_session_signs_nobody_in(browser: Browser) -> None:
    for value in ("x", "WyJ1c3JfMSIsInNlc18xIl0.x", "", "[]"):
        browser.set_cookie("session", value)
        assert "/sign-in" in browser.get("/").text


def test_the_language_is_that_of_the_browser_until_another_is_chosen(browser: Browser) -> None:
    german = {"Accept-Language": "de-AT,en;q=0.5"}
    assert '<html lang="de">' in browser.get("/", headers=german).text
    answer = browser.send("/language", {"language": "en", "next": "/categories"}, headers=german)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/categories")
    assert '<html lang="en">' in browser.get("/", headers=german).text
    assert '<html lang="en">' in browser.get("/", headers={"Accept-Language": "fr"}).text


def test_the_forms_of_the_start_page_can_be_sent(browser: Browser) -> None:
    assert browser.send("/language", {"language": "de", "next": "/"}, page="/").status_code == 303


def test_a_part_of_a_page_leads_the_page_to_the_sign_in(browser: Browser) -> None:
    path = f"/orders/ord_{'0' * 32}"
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://localhost{path}"}
    answer = browser.get(f"{path}/progress", headers=headers)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, f"/sign-in?next={path}")


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example", "/\tx", ""])
def test_no_form_leads_to_another_site(browser: Browser, path: str) -> None:
    assert browser.send("/language", {"language": "en", "next": path}).headers["Location"] == "/"


def test_static_files_are_kept_for_ever_and_compressed(browser: Browser) -> None:
    addresses = set(re.findall(r'"(/assets/[^"#]+)', browser.get("/").text))
    assert len(addresses) == 5
    for address in addresses:
        plain, packed = browser.get(address), browser.get(address, headers={"Accept-Encoding": "gzip"})
        assert plain.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert gzip.decompress(packed.data) == plain.data
        assert browser.get(re.sub(r"\.\w{16}\.", ".0000000000000000.", address)).status_code == 404


@pytest.mark.parametrize("path", ["/nothing", f"/products/prd_{'0' * 32}", "/products/x"])
def test_what_does_not_exist_is_a_page_in_the_design(browser: Browser, path: str) -> None:
    page = browser.get(path)
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "This page does not exist" in page.text
    assert page.headers["X-Request-Id"] in page.text
    assert "unsafe" not in page.headers["Content-Security-Policy"]


def test_programs_still_get_problem_documents(browser: Browser) -> None:
    for path in ("/nothing", "/v1/nothing"):
        answer = browser.get(path, headers={"Accept": "*/*"})
        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert browser.get("/v1/nothing").mimetype == "application/problem+json"


def test_a_broken_database_and_a_mistake_are_pages_too(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(error: Exception) -> Callable[..., Any]:
        def read(*_: object) -> None:
            raise error

        return read

    monkeypatch.setattr(basket, "count_units", fail(OperationalError("x", None, Exception("gone"))))
    page = browser.get("/basket")
    assert (page.status_code, page.headers["Retry-After"]) == (503, "1")
    assert "We are not available just now" in page.text
    monkeypatch.setattr(basket, "count_units", fail(ValueError("secret")))
    page = browser.get("/basket")
    assert (page.status_code, "secret" in page.text) == (500, False)
    assert "Something went wrong" in page.text


def test_a_wrong_method_and_too_much_are_pages(browser: Browser) -> None:
    page = browser.get("/language")
    assert (page.status_code, set(page.headers["Allow"].split(", "))) == (405, {"POST", "OPTIONS"})
    assert browser.send("/language", {"next": "x" * (1 << 21)}).status_code == 413
    assert browser.send("/language", {"next": "\0"}).status_code == 422
    assert PASSWORD not in page.text
