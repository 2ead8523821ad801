"""Lists of products, search, and the number of statements of reads, over the REST API."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from api.catalogue.schemas import Product
from api.http.pagination import page_of
from models.catalogue import listing, search
from models.core.database import transaction
from tests.api.test_catalogue import EMMA, LAMP, create, stock
from tests.conftest import Caller


@contextmanager
def statements() -> Iterator[list[str]]:
    """The SQL statements of this thread within the block, on any connection."""
    ran: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if threading.current_thread() is threading.main_thread():  # another thread watches the queues
            ran.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield ran
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def titles(client: Any, **query: Any) -> list[str]:
    response = client.get("/v1/products", query_string=query)
    assert response.status_code == 200, response.json
    return [product["title"] for product in response.json["data"]]


def everything(client: Any, **query: Any) -> list[str]:
    """The ids of all pages of a list."""
    found: list[str] = []
    cursor: dict[str, str] | None = {}
    while cursor is not None:
        answer = client.get("/v1/products", query_string=query | cursor).json
        found += [product["id"] for product in answer["data"]]
        assert answer["has_more"] == (answer["next_cursor"] is not None)
        cursor = {"cursor": answer["next_cursor"]} if answer["has_more"] else None
    return found


def test_product_responses_match_their_schema(staff: Caller, client: Any) -> None:
    made = create(staff, **EMMA | {"title": 'Quotes " \\ and \n lines, Émile ☕', "description": "</script>"})
    stock(staff, made, 2)
    create(staff, **LAMP)
    listed = client.get("/v1/products").json
    assert page_of(Product)().validate(listed) == {}
    shown = client.get(f"/v1/products/{made['id']}")
    assert Product().validate(shown.json) == {}
    assert shown.json == listed["data"][1] == made | {"availability": {"available": 2, "in_stock": True}}
    assert shown.mimetype == "application/json"


def test_search_ranks_title_author_category_and_description_in_this_order(staff: Caller, client: Any) -> None:
    words = {
        "Described": {"description": "All about whales and ships."},
        "Filed": {"category": "Whales"},
        "Written": {"author": "Wanda Whale"},
        "The whale": {},
        "Whale": {},
        "Nothing of it": {},
    }
    for number, (title, fields) in enumerate(words.items()):
        create(staff, **EMMA | {"sku": f"B{number}", "title": title} | fields)
    assert titles(client, q="whale") == ["Whale", "The whale", "Written", "Filed", "Described"]
    assert titles(client, q="whale", sort="title") == ["Described", "Filed", "The whale", "Whale", "Written"]


@pytest.mark.parametrize(
    "q",
    [
        "bronte",
        "BRONTË",
        "Emily Bro",
        "bronte wuther",
        "height",
        "wutherings",
        "height wutherings",
        "wuthering-heights!",
        "sku/7",
        "SKU",
    ],
)
def test_search_matches_prefixes_without_case_accents_or_punctuation(staff: Caller, client: Any, q: str) -> None:
    create(staff, **EMMA)
    create(staff, **EMMA | {"sku": "SKU/7-a", "title": "Wuthering Heights", "author": "Emily Brontë"})
    assert titles(client, q=q) == ["Wuthering Heights"]


@pytest.mark.parametrize(
    "q", ["uthering", "bronte austen", "bron wuthering", "%", "!!", "the & | ! ( :*", "x" * 200, "'"]
)
def test_search_without_a_match_is_empty(staff: Caller, client: Any, q: str) -> None:
    create(staff, **EMMA | {"title": "Wuthering Heights", "author": "Emily Brontë"})
    create(staff, **EMMA | {"sku": "OTHER"})
    assert titles(client, q=q) == []


def test_search_finds_a_product_by_id_or_sku(staff: Caller, client: Any) -> None:
    made = create(staff, **EMMA | {"sku": "A-1", "title": "One"})
    create(staff, **EMMA | {"sku": "A-12", "title": "Twelve"})
    create(staff, **EMMA | {"sku": "B", "title": "A-1, an essay"})
    assert titles(client, q=made["id"]) == ["One"]
    assert titles(client, q=made["id"], kind="clothing") == []
    assert titles(client, q="prd_" + 32 * "0") == []
    assert titles(client, q="a-1") == ["One", "A-1, an essay", "Twelve"]


def test_search_reflects_renames_at_once(staff: Caller, client: Any) -> None:
    made = create(staff, **EMMA)
    before = client.get(f"/v1/products/{made['id']}").headers["ETag"]
    staff.patch(f"/v1/authors/{made['author']['id']}", json={"name": "Mary Shelley"})
    assert (titles(client, q="austen"), titles(client, q="shelley")) == ([], ["Emma"])
    assert client.get(f"/v1/products/{made['id']}", headers={"If-None-Match": before}).status_code == 200
    staff.patch(f"/v1/categories/{made['category']['id']}", json={"name": "Horror"})
    assert (titles(client, q="classics"), titles(client, q="horror shelley")) == ([], ["Emma"])
    staff.patch(f"/v1/products/{made['id']}", json={"title": "Frankenstein", "author": "Percy", "category": "Tales"})
    assert (titles(client, q="emma"), titles(client, q="frankenstein percy tales")) == ([], ["Frankenstein"])
    staff.delete(f"/v1/products/{made['id']}")
    assert titles(client, q="frankenstein") == []


def test_products_are_filtered_and_sorted(staff: Caller, client: Any) -> None:
    for number, (title, amount) in enumerate((("Cc", 300), ("Aa", 100), ("Bb", 100))):
        create(staff, **EMMA | {"sku": f"B{number}", "title": title, "price": {"amount": amount, "currency": "EUR"}})
    lamp = create(staff, **LAMP)
    stock(staff, lamp, 1)
    assert titles(client) == titles(client, sort="-created_at") == ["Reading lamp", "Bb", "Aa", "Cc"]
    assert titles(client, sort="created_at") == ["Cc", "Aa", "Bb", "Reading lamp"]
    assert titles(client, sort="title", kind="book") == ["Aa", "Bb", "Cc"]
    assert titles(client, sort="-price") == ["Reading lamp", "Cc", "Bb", "Aa"]
    assert titles(client, in_stock="true") == titles(client, q="lamp") == ["Reading lamp"]
    assert titles(client, category="lighting") == titles(client, category=lamp["category"]["id"]) == ["Reading lamp"]
    assert titles(client, in_stock="false", author="jane austen", sort="price") == ["Aa", "Bb", "Cc"]
    assert titles(client, price_min=101, price_max=300) == titles(client, price_min=300, kind="book") == ["Cc"]
    assert titles(client, author="nobody") == titles(client, category="Cl%") == titles(client, q="lamp", kind="book")
    for wrong in ("sort=colour", "size=M", "sort=relevance", "price_min=-1", "price_max=x", "limit=0", "cursor=x"):
        assert client.get(f"/v1/products?{wrong}").status_code == 422, wrong


@pytest.mark.parametrize("sort", search.SORTS)
def test_every_sort_order_is_paged_without_gaps(staff: Caller, client: Any, sort: str, monkeypatch: Any) -> None:
    """Many products are equal, and a search has more matches than are ranked."""
    monkeypatch.setattr(listing, "MAX_RANKED", 5)
    listing.listing.cache_clear()
    made = [
        create(staff, **EMMA | {"sku": f"B{n}", "title": f"Emma {n % 3}", "description": "Read it." * (n % 2)})["id"]
        for n in range(13)
    ]
    for query in ({}, {"q": "emma"}, {"q": "read", "kind": "book"}):
        if sort == "relevance" and not query:
            continue
        wanted = made[1::2] if query.get("q") == "read" else made
        for limit in (1, 4, 5, 6, 13, 20):
            found = everything(client, sort=sort, limit=limit, **query)
            assert sorted(found) == sorted(wanted), (query, limit)
    listing.listing.cache_clear()
    cursor = client.get(f"/v1/products?q=emma&limit=2&sort={sort}").json["next_cursor"]
    other = "title" if sort != "title" else "price"
    assert client.get(f"/v1/products?q=emma&sort={other}&cursor={cursor}").status_code == 422


@pytest.mark.parametrize("common", [0, 1000])
def test_a_search_shows_each_match_once_while_products_are_edited(
    staff: Caller, client: Any, monkeypatch: Any, common: int
) -> None:
    """An edited product has another place in its table, and a table that was analysed is read by another plan."""
    monkeypatch.setattr(listing, "MAX_RANKED", 2)
    monkeypatch.setattr(search, "COMMON_RANKED", dict.fromkeys(search.COMMON_RANKED, common))
    listing.listing.cache_clear()
    made = [create(staff, **EMMA | {"sku": f"B{n}", "title": "Emma"}) for n in range(8)]
    found: list[str] = []
    cursor = ""
    while len(found) < len(made):
        page = client.get(f"/v1/products?q=emma&kind=book&limit=1{cursor}").json
        found += [product["id"] for product in page["data"]]
        cursor = f"&cursor={page['next_cursor']}"
        for product in made[::3]:
            staff.patch(f"/v1/products/{product['id']}", json={"description": f"Edition {len(found)}."})
        with transaction() as session:
            session.execute(text("ANALYZE catalogue.product"))
    listing.listing.cache_clear()
    assert (sorted(found), page["has_more"]) == (sorted(product["id"] for product in made), False)


def test_matches_are_estimated_also_where_postgresql_plans_several_processes(staff: Caller) -> None:
    for n in range(12):
        create(staff, **EMMA | {"sku": f"B{n}"})
    with transaction() as session:
        session.execute(text("ANALYZE catalogue.product"))
        for cheap in ("parallel_setup_cost", "parallel_tuple_cost", "min_parallel_table_scan_size"):
            session.execute(text(f"SET LOCAL {cheap} = 0"))
        words = {"words": "'emma':*", "whole": "'emma'"}
        explained = session.connection().exec_driver_sql(search._ESTIMATES, words).scalar_one()
    assert "Gather" in str(explained)
    products, matches = search._read_estimates(explained)
    assert (products, list(matches)) == (12, list(listing.MATCHES))


def test_the_number_of_statements_does_not_depend_on_the_number_of_products(
    staff: Caller, client: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(search, "ESTIMATES_LAST", 1e9)  # seconds: they do not end meanwhile
    products = [create(staff, **EMMA | {"sku": f"B{n}", "author": f"A{n}", "category": "Cc"}) for n in range(12)]
    search._words.cache_clear()
    search._estimates.cache_clear()
    with statements() as ran:
        assert client.get("/v1/products?q=emma").json["data"]
    assert len(ran) == 3, ran
    for query in ("", "q=emma", "q=emma&in_stock=false&category=Cc&author=A3&kind=book&price_max=9999"):
        with statements() as ran:
            assert client.get(f"/v1/products?{query}").json["data"]
        assert len(ran) <= 2, ran
    with statements() as ran:
        assert client.get(f"/v1/products/{products[0]['id']}").status_code == 200
    assert len(ran) == 1, ran


def test_an_unchanged_list_answers_304(staff: Caller, client: Any) -> None:
    made = create(staff, **EMMA)
    first = client.get("/v1/products?q=emma")
    again = {"If-None-Match": first.headers["ETag"]}
    assert (client.get("/v1/products?q=emma", headers=again).status_code, first.headers["Cache-Control"]) == (
        304, "no-cache",
    )  # fmt: skip
    stock(staff, made, 1)
    assert client.get("/v1/products?q=emma", headers=again).status_code == 200


def test_reads_reconnect_after_a_terminated_connection(staff: Caller, client: Any) -> None:
    from sqlalchemy import text

    from models.core.database import transaction

    create(staff, **EMMA)
    assert titles(client) == ["Emma"]
    with transaction() as session:
        mine = "pid <> pg_backend_pid() AND application_name = 'shopflow reading'"
        session.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}"))  # noqa: S608
    assert titles(client) == ["Emma"]
