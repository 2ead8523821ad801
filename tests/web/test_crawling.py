"""Every page that a link leads to, and every form on it: nothing is dead, and no nonsense breaks anything."""

import itertools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.web.conftest import Browser
from tests.web.crawling import FilledForm, Reader, Site, placed
from tests.web.desk.filling import catalogue_pages, desk_pages, settings_pages, stock_pages
from tests.web.ops.making import declined, stuck
from web.pages import is_safe_path

pytestmark = pytest.mark.timeout(600)

NONSENSE = (
    "", " ", "-1", "0", "1e309", "NaN", "²", "\uff19", "9" * 30, "9223372036854775808", "0000-00-00", "2026-02-30",
    "9999-12-31", "<script>alert(1)</script>", "'; DROP TABLE users; --", "{{ 7*7 }}", "%s%n", "../../etc/passwd",
    "\u202e\u0301", "[]", "{}", "prd_" + "0" * 32, "x" * 5000, "\N{PILE OF POO}", "a,b;c\td\r\ne",
)  # fmt: skip
PER_FIELD = 7
LARGEST = 600_000  # bytes of a page
KEPT = ("csrf_token", "once", "key")
"""Without these fields, a form is refused before its values are read."""


@pytest.fixture(params=[desk_pages, catalogue_pages, stock_pages, settings_pages], ids=lambda fill: fill.__name__)
def site(app: Any, signed_in: Callable[..., Browser], request: pytest.FixtureRequest) -> tuple[Site, Browser]:
    """What an administrator reaches in a shop with something on these pages, and runs that are stuck and declined."""
    request.param()
    stuck()
    declined()
    browser = signed_in("root", "admin")
    return Site(app).crawl(browser), browser


def test_no_link_is_dead_and_ids_are_unique(site: tuple[Site, Browser]) -> None:
    found, _ = site
    assert len(found.pages) > 60
    made_up = "/ops/runs/run_"  # runs of reconciliations, and orders and customers of runs
    dead = {page: why for page, why in found.dead.items() if not page.startswith(made_up) and made_up not in why[0]}
    assert dead == {}
    wrong = {address: page.wrong_ids() for address, page in found.pages.items() if page.wrong_ids()}
    assert wrong == {}


def test_addresses_and_forms_with_nonsense_are_answered(
    site: tuple[Site, Browser], signed_in: Callable[..., Browser]
) -> None:
    found, browser = site
    asked = {(urlsplit(address).path, name) for address, form in found.forms("get") for name in form.fields}
    paths = {found.shape_of(urlsplit(address).path)[0]: urlsplit(address).path for address in found.pages}.values()
    asked |= {(path, "cursor") for path in paths}
    values = itertools.cycle(NONSENSE)
    for path, name in sorted(asked):
        for value in itertools.islice(values, PER_FIELD):  # others for the next field
            check(browser.get(f"{path}?{urlencode({name: value})}"), path, name, value)
        check(browser.get(f"{path}?{name}=%ed%a0%80%00"), path, name, "bytes")
    forms = list(found.forms("post"))
    assert len(forms) > 20
    for number, (page, form) in enumerate(forms):
        somebody = signed_in(f"root-{number}", "admin")  # some forms end the session or close the account
        for value in itertools.islice(values, PER_FIELD):
            answer = send(somebody, page, form, value)
            if answer is None:  # an earlier value was taken, and the form has gone
                break
            check(answer, form.action, "all fields", value)


def send(browser: Browser, page: str, form: FilledForm, value: str) -> Any:
    """Sends a form as it is on the page now, with one value in all of its fields."""
    shown = browser.get(page)
    if shown.status_code != 200:
        return None
    now = [each for each in placed(Reader(shown.text), page) if each.action == form.action]
    same = next((each for each in now if each.fields.keys() == form.fields.keys()), None)
    if same is None:
        return None
    sent = {name: given if name in KEPT else value for name, given in same.fields.items()}
    return browser.post(form.action, data=sent)


def check(answer: Any, *about: str) -> None:
    """An answer is a page of a bounded size, or leads to one; a refusal says what is wrong."""
    assert answer.status_code < 500, (*about, answer.text[:500])
    assert len(answer.data) < LARGEST, about
    if answer.status_code in (301, 302, 303, 308):
        assert is_safe_path(answer.headers["Location"]), about
    elif answer.status_code >= 400:
        assert "<h1" in answer.text, about
    assert "<script>alert(1)" not in answer.text, about
