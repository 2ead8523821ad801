"""Searches with slips, and suggestions."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from local.waiting import wait_until
from models import catalogue
from models.catalogue import spelling
from models.core.database import transaction
from tests.shopping import make_product
from tests.web.conftest import Browser
from tests.web.reading import titles

BOOKS = (
    ("Harry Potter and the Philosopher's Stone", "J. K. Rowling"), ("Pride and Prejudice", "Jane Austen"),
    ("The Hobbit", "J. R. R. Tolkien"), ("Emma", "Jane Austen"), ("Austin, a City", "Jane Smith"),
    ("Les Misérables", "Victor Hugo"), ("1984", "George Orwell"),
)  # fmt: skip


@pytest.fixture(autouse=True)
def books(database: None) -> Iterator[None]:
    with transaction() as session:
        for number, (title, author) in enumerate(BOOKS):
            book = {
                "sku": f"B{number}", "kind": "book", "title": title, "description": "On good paper.",
                "price_amount": 1000 + number, "currency": "EUR", "category": "Novels", "attributes": {"pages": 320},
            }  # fmt: skip
            catalogue.create_book(session, book, {"name": author})
    spelling.forget()
    yield
    with spelling._kept.reading:  # a thread that still reads them would bring them back
        spelling.forget()


def said(page: Any) -> list[str]:
    """What is searched instead of what was asked."""
    return re.findall(r"showing results for “([^”]*)”", page.text)


@pytest.mark.parametrize(
    ("asked", "searched", "title"),
    [
        ("harry poter", "harry potter", BOOKS[0][0].replace("'", "&#39;")),
        ("pirde prejudice", "pride prejudice", "Pride and Prejudice"),
        ("Tolkein", "tolkien", "The Hobbit"),
        ("hobit tolkein", "hobbit tolkien", "The Hobbit"),
        ("Les Miserabels", "les miserables", "Les Misérables"),
        ("PREJUDISE!", "prejudice", "Pride and Prejudice"),
        ("emma austin", "emma austen", "Emma"),  # both words are known, but not of one book
        ("hary pott", "harry pott", BOOKS[0][0].replace("'", "&#39;")),  # the last word is being typed
    ],
)
def test_a_search_with_slips_finds_what_was_meant(browser: Browser, asked: str, searched: str, title: str) -> None:
    page = browser.get("/products", query_string={"q": asked})
    assert (said(page), titles(page)) == ([searched], [title])
    part = browser.get("/search/suggestions", query_string={"q": asked}).text
    assert f"Did you mean “{searched}”?" in part
    assert title in part


def test_a_search_can_be_exact(browser: Browser) -> None:
    page = browser.get("/products?q=Tolkein&sort=price")
    link = re.search(r'href="([^"]+)">Search exactly for “Tolkein”', page.text)
    assert link is not None
    exact = browser.get(link[1].replace("&amp;", "&"))
    assert (said(exact), titles(exact)) == ([], [])
    assert "No product matches." in exact.text
    assert 'name="q" value="Tolkein"' in exact.text


@pytest.mark.parametrize("asked", ["austin", "hobb", "emma", "jane austen", "1984"])
def test_a_search_with_hits_is_as_it_was_asked(browser: Browser, asked: str) -> None:
    page = browser.get("/products", query_string={"q": asked})
    assert said(page) == []
    assert titles(page)
    assert "Did you mean" not in browser.get("/search/suggestions", query_string={"q": asked}).text


@pytest.mark.parametrize(
    "asked", ["1983", "xyzzy", "qq", "poter xyzzy", "!", "a b c d e f g h poter", "' OR 1=1 --", "prd_" + "0" * 32]
)
def test_what_nothing_resembles_finds_nothing(browser: Browser, asked: str) -> None:
    page = browser.get("/products", query_string={"q": asked})
    assert (page.status_code, said(page), titles(page)) == (200, [], [])


def test_filters_hold_for_another_spelling_too(browser: Browser) -> None:
    cheap = browser.get("/products?q=Tolkein&price_max=10.05")
    assert titles(cheap) == ["The Hobbit"]
    assert titles(browser.get("/products?q=Tolkein&price_max=10.01")) == []
    filtered = browser.get("/products?q=jane+austen&price_max=1")  # no slip: the price is the reason
    assert (said(filtered), titles(filtered)) == ([], [])


def test_comparing_words_takes_a_part_of_the_time_of_a_process(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spelling, "COMPARING_SHARE", 1e-9)  # nothing accrues
    monkeypatch.setattr(spelling, "_budget", spelling._Budget(left=1e-6, at=time.monotonic()))
    assert said(browser.get("/products?q=harry+poter")) == ["harry potter"]
    spent = browser.get("/products?q=harry+poter")
    assert (spent.status_code, said(spent), titles(spent)) == (200, [], [])
    assert titles(browser.get("/products?q=tolkien")) == ["The Hobbit"]
    monkeypatch.setattr(spelling, "COMPARING_SHARE", 1e9)
    assert said(browser.get("/products?q=harry+poter")) == ["harry potter"]


def test_the_pages_of_another_spelling_follow_each_other(browser: Browser) -> None:
    for number in range(30):
        make_product(f"Lamp {number}", 1)
    spelling.forget()
    page = browser.get("/products?q=Lampp+the")
    assert len(titles(page)) == 24
    following = re.search(r'rel="next" href="([^"]+)"', page.text)
    assert following is not None
    last = browser.get(following[1].replace("&amp;", "&"))
    assert len(titles(last)) == 6


def test_the_words_of_new_products_are_known_soon(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spelling, "SHARE", 1e-9)  # not before a long time
    assert titles(browser.get("/products?q=Walrusss")) == []
    make_product("Walrus", 1)
    assert titles(browser.get("/products?q=Walrusss")) == []
    monkeypatch.setattr(spelling, "SHARE", 1e9)
    assert wait_until(lambda: titles(browser.get("/products?q=Walrusss")) == ["The Walrus"], 20, 0.05)
