"""The shop's pages of products, categories and the basket."""

import json
import re
from collections.abc import Callable
from datetime import date

import pytest

from models import catalogue, inventory
from models.core.database import transaction
from tests.publishing import add_picture
from tests.shopping import make_product, product  # noqa: F401
from tests.web.conftest import Browser
from tests.web.reading import titles

HOSTILE = """<script>alert(1)</script> "'&</title> {{ 7*7 }}"""


def test_a_hostile_title_is_text_everywhere(browser: Browser) -> None:
    with transaction() as session:
        made = catalogue.create_product(
            session,
            {"sku": "EVIL", "kind": "clothing", "title": HOSTILE, "description": f"{HOSTILE}</script>",
             "price_amount": 100, "currency": "EUR", "category": HOSTILE, "attributes": {}},
        )  # fmt: skip
    for path in ("/", "/products", f"/products/{made.id}", "/categories", "/products?q=alert",
                 "/search/suggestions?q=alert", f"/products?q={HOSTILE}", "/products?author=<b>x</b>"):  # fmt: skip
        page = browser.get(path)
        assert page.status_code == 200, path
        assert "<script>alert" not in page.text, path
        assert "<b>x" not in page.text
        assert "49" not in titles(page)
        assert page.text.count("</script>") == page.text.count("<script"), path


def test_the_page_of_a_product_describes_it_for_machines(browser: Browser) -> None:
    product_id = make_product("EMMA", 3, 1999)
    page = browser.get(f"/products/{product_id}")
    assert "<h1>The EMMA</h1>" in page.text
    assert "€19.99" in page.text
    assert "Only 3 left" in page.text
    described = re.search(r'<script type="application/ld\+json">(.*?)</script>', page.text)
    assert described is not None
    offer = json.loads(described[1])["offers"]
    assert offer["url"] == f"http://localhost/products/{product_id}"
    assert (offer["price"], offer["priceCurrency"]) == ("19.99", "EUR")
    assert offer["availability"] == "https://schema.org/InStock"
    assert f'<link rel="canonical" href="http://localhost/products/{product_id}">' in page.text
    assert '<meta property="og:title" content="The EMMA">' in page.text
    german = browser.get(f"/products/{product_id}", headers={"Accept-Language": "de"}).text
    assert "19,99\N{NO-BREAK SPACE}€" in german


def test_the_basket_shows_the_first_picture_or_a_cover_of_each_line(browser: Browser) -> None:
    shown, plain = make_product("EMMA", 3), make_product("DUNE", 3)
    first, second = add_picture(shown, "The front"), add_picture(shown, "The back")
    for product_id in (shown, plain):
        browser.send(f"/basket/{product_id}", {"quantity": "1"})
    page = browser.get("/basket").text
    assert page.count('<div class="cover-picture thumb">') == 1
    assert first in page
    assert second not in page
    assert re.findall(r'class="cover cover-plain cover-\d thumb" aria-hidden="true">(.)</div>', page) == ["T"]


def test_a_product_shows_its_pictures_and_a_list_the_first(browser: Browser) -> None:
    product_id = make_product("EMMA", 3)
    first, second = add_picture(product_id, 'The cover, "as new"'), add_picture(product_id, "The <back>")
    page = browser.get(f"/products/{product_id}").text
    assert f'srcset="/v1/pictures/{first}/60.avif 60w"' in page
    assert f'<img src="/v1/pictures/{first}/60.jpg"' in page
    assert 'width="60" height="40" alt="The cover, &#34;as new&#34;"' in page
    assert 'alt="The &lt;back&gt;"' in page
    assert f'<meta property="og:image" content="http://localhost/v1/pictures/{first}/60.jpg">' in page
    assert browser.get(f"/v1/pictures/{first}/60.avif").mimetype == "image/avif"
    listed = browser.get("/products").text
    assert first in listed
    assert second not in listed
    assert "cover-title" not in listed


def test_a_sold_out_product_says_so(browser: Browser) -> None:
    page = browser.get(f"/products/{make_product('GONE', 0)}").text
    assert "Sold out" in page
    assert "https://schema.org/OutOfStock" in page
    assert "Add to basket" not in page


def test_a_product_that_is_sold_beyond_stock_can_be_ordered(browser: Browser) -> None:
    product_id = make_product("GONE", 0)
    with transaction() as session:
        inventory.set_terms(session, product_id, 3, date(2030, 5, 4))
    page = browser.get(f"/products/{product_id}").text
    assert "Can be ordered: we expect it on 4 May 2030" in page
    assert "Sold out" not in page
    assert "https://schema.org/BackOrder" in page
    assert "Add to basket" in page


def test_variants_of_a_group_lead_to_each_other(browser: Browser) -> None:
    small, large = make_product("S", 1), make_product("L", 0)
    with transaction() as session:
        fields = {"title": "A shirt", "options": [{"name": "Size", "values": ["S", "L"]}]}
        catalogue.create_group(session, fields, [(small, {"Size": "S"}), (large, {"Size": "L"})])
    page = browser.get(f"/products/{small}").text
    assert f'href="/products/{large}"' in page
    assert "(sold out)" in page
    assert titles(browser.get("/products")) == ["A shirt"]


def test_the_list_is_filtered_sorted_and_paged_by_its_address(browser: Browser) -> None:
    for number in range(30):
        make_product(f"P{number:02}", number % 2, 100 * (number + 1))
    assert len(titles(browser.get("/products"))) == 24
    assert titles(browser.get("/products?sort=price"))[0] == "The P00"
    assert titles(browser.get("/products?sort=price&price_min=29,00&price_max=29.50")) == ["The P28"]
    assert len(titles(browser.get("/products?in_stock=true"))) == 15
    assert titles(browser.get("/products?q=p07")) == ["The P07"]
    seen, path = [], "/products?sort=title&category=Things"
    while path:
        page = browser.get(path)
        seen += titles(page)
        following = re.search(r'rel="next" href="([^"]+)"', page.text)
        path = following[1].replace("&amp;", "&") if following else ""
    assert seen == [f"The P{number:02}" for number in range(30)]


@pytest.mark.parametrize(
    "query",
    [
        "price_min=abc",
        "price_max=-1",
        "price_min=1e99",
        "price_min=1e999999",
        "price_max=sNaN",
        "category=nothing",
        "author=x",
        "q=nothing",
        "in_stock=7",
    ],
)
def test_a_filter_that_matches_nothing_shows_an_empty_list(browser: Browser, query: str) -> None:
    make_product("P", 1)
    page = browser.get(f"/products?{query}")
    assert (page.status_code, titles(page)) == (200, [])
    assert "No product matches." in page.text


def test_parameters_that_are_not_filters_change_nothing(browser: Browser) -> None:
    make_product("P", 1)
    assert titles(browser.get("/products?utm_source=x&sort=nonsense&price_min=&category=")) == ["The P"]
    assert browser.get("/products?cursor=nonsense").status_code == 422


def test_suggestions_are_a_part_of_a_page(browser: Browser) -> None:
    product_id = make_product("P", 1)
    part = browser.get("/search/suggestions?q=th").text
    assert f'href="/products/{product_id}"' in part
    assert "<html" not in part
    assert re.findall(r">\s*[^<>\s]", browser.get("/search/suggestions?q=t").text) == []
    assert "Nothing found" in browser.get("/search/suggestions?q=zzz").text


def test_categories_are_a_tree(browser: Browser) -> None:
    with transaction() as session:
        books = catalogue.create_category(session, "Books")
        novels = catalogue.create_category(session, "Novels", books.id)
    assert "<ul>" in browser.get("/categories").text.partition("Books")[2].partition("Novels")[0]
    page = browser.get(f"/products?category={novels.id}").text
    assert f'<a href="/products?category={books.id}">Books</a>' in page
    assert '<span aria-current="page">Novels</span>' in page
    [place] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page)
    items = json.loads(place)["itemListElement"]
    home, above, here = "http://localhost/", f"http://localhost/products?category={books.id}", canonical_of(page)
    assert [(one["position"], one["name"], one["item"]) for one in items] == [
        (1, "Home", home), (2, "Books", above), (3, "Novels", here),
    ]  # fmt: skip


def canonical_of(page: str) -> str:
    [address] = re.findall(r'<link rel="canonical" href="([^"]+)">', page)
    return str(address)


def is_indexed(page: str) -> bool:
    return 'name="robots"' not in page


def test_search_engines_know_each_list_by_one_address(browser: Browser) -> None:
    make_product("EMMA", 1)
    with transaction() as session:
        [category] = session.scalars(catalogue.select_categories()).all()
    of_category = f"http://localhost/products?category={category.id}"
    for query, address in {
        "": "http://localhost/products", "?sort=price&in_stock=true": "http://localhost/products",
        f"?category={category.id}": of_category, f"?category={category.name}&sort=-price&price_min=1": of_category,
        f"?utm_source=x&category={category.id}": of_category, "?category=": "http://localhost/products",
    }.items():  # fmt: skip
        page = browser.get(f"/products{query}").text
        assert (canonical_of(page), is_indexed(page)) == (address, True), query
        assert f'<meta property="og:url" content="{address}">' in page
    for query in ("?q=emma", "?category=nothing", "?author=Nobody", "?price_min=x"):
        assert not is_indexed(browser.get(f"/products{query}").text), query
    for path in ("/", "/home"):
        assert canonical_of(browser.get(path).text) == "http://localhost/"


def test_a_link_to_a_page_is_shown_in_its_language(browser: Browser) -> None:
    for language, locale in (("en", "en_GB"), ("de", "de_DE")):
        page = browser.get("/", headers={"Accept-Language": language}).text
        assert f'<meta property="og:locale" content="{locale}">' in page


def test_a_guest_fills_changes_and_empties_the_basket(browser: Browser) -> None:
    product_id = make_product("P", 3)
    added = browser.send(f"/basket/{product_id}", {"quantity": "2"})
    assert (added.status_code, added.headers["Location"]) == (303, f"/basket?added={product_id}")
    page = browser.get(added.headers["Location"]).text
    assert "“The P” is in your basket." in page
    assert "€39.98" in page
    assert '<span class="count">2<' in browser.get("/products").text
    change = f"/basket/{product_id}/quantity"
    assert browser.send(change, {"quantity": "3"}).status_code == 303
    refused = browser.send(change, {"quantity": "4"})
    assert refused.status_code == 422
    assert "There are not as many units left as you wanted. Only 3 are left." in refused.text
    assert browser.send(f"/basket/{product_id}", {"quantity": "1"}).status_code == 422
    for quantity in ("x", "-1", "1.5", "99999999999999999999"):
        refused = browser.send(change, {"quantity": quantity})
        assert (refused.status_code, "The quantity must be a whole number" in refused.text) == (422, True)
    assert browser.send(change, {"quantity": "3", "remove": "yes"}).status_code == 303
    assert browser.send(change, {"quantity": "3", "remove": "yes"}).status_code == 303  # in another tab
    assert "Your basket is empty." in browser.get("/basket").text


def test_the_basket_says_what_has_changed(browser: Browser) -> None:
    product_id = make_product("P", 3)
    browser.send(f"/basket/{product_id}")
    browser.get("/basket")
    with transaction() as session:
        catalogue.update_product(session, catalogue.get_product(session, product_id, lock=True), {"price_amount": 2100})
    assert "“The P” now costs €21.00 instead of €19.99." in browser.get("/basket").text
    with transaction() as session:
        catalogue.delete_product(session, catalogue.get_product(session, product_id, lock=True))
    page = browser.get("/basket").text
    assert "“The P” is no longer sold." in page
    assert "/checkout" not in page


def test_a_basket_that_has_expired_is_replaced(browser: Browser) -> None:
    browser.set_cookie("basket", "unknown")
    assert "Your basket is empty." in browser.get("/basket").text
    assert browser.send(f"/basket/{make_product('P', 1)}").status_code == 303


def test_a_customer_has_the_basket_everywhere(signed_in: Callable[..., Browser]) -> None:
    ada = signed_in("ada")
    assert ada.send(f"/basket/{make_product('P', 1)}").status_code == 303
    assert "Set-Cookie" not in ada.get("/basket").headers
    assert "The P" in ada.get("/basket").text
    assert ada.send(f"/basket/prd_{'0' * 32}").status_code == 404
