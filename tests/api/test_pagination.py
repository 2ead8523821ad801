"""Keyset pagination: every row once, in order, also during changes."""

from typing import Any

import pytest
from itsdangerous import URLSafeSerializer
from sqlalchemy import ColumnElement, insert, select
from sqlalchemy.orm import InstrumentedAttribute

from durable.ids import new_id
from models.accounts import Address, User
from models.core.database import transaction
from models.core.errors import Invalid
from serving.pages import page
from settings import settings

CITIES = ["Bath", "Leeds", "York", "Leeds", "Bath", "Derby", "Leeds"]


@pytest.fixture
def addresses() -> list[tuple[str, str]]:
    """(city, id) of seven addresses in four cities."""
    user = {"username": "ada", "email": "a@b.c", "password_hash": "", "first_name": "", "last_name": "",
            **dict.fromkeys(("username_key", "username_skeleton", "email_key", "last_name_key"), "ada")}  # fmt: skip
    rows = [{"id": new_id("adr"), "line1": f"{n} Lane", "city": city, "country": "GB"} for n, city in enumerate(CITIES)]
    with transaction() as session:
        user_id = session.scalars(insert(User).values(id=new_id("usr"), **user).returning(User.id)).one()
        session.execute(insert(Address), [{**row, "user_id": user_id} for row in rows])
    return [(row["city"], row["id"]) for row in rows]


def walk(*keys: ColumnElement[Any] | InstrumentedAttribute[Any], limit: int = 2) -> list[tuple[str, str]]:
    """All rows, page by page."""
    seen: list[tuple[str, str]] = []
    cursor = None
    for _ in range(10):
        with transaction() as session:
            found = page(session, select(Address), *keys, limit=limit, cursor=cursor)
        assert len(found["data"]) <= limit
        seen += [(address.city, address.id) for address in found["data"]]
        assert (found["next_cursor"] is not None) is found["has_more"]
        cursor = found["next_cursor"]
        if cursor is None:
            break
    return seen


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_every_row_is_on_one_page(addresses: list[tuple[str, str]], limit: int) -> None:
    assert walk(Address.id, limit=limit) == addresses
    assert walk(Address.id.desc(), limit=limit) == addresses[::-1]
    assert walk(Address.city, Address.id, limit=limit) == sorted(addresses)
    assert walk(Address.city.desc(), Address.id.desc(), limit=limit) == sorted(addresses, reverse=True)
    mixed = sorted(addresses, key=lambda row: row[1])
    mixed.sort(key=lambda row: row[0], reverse=True)
    assert walk(Address.city.desc(), Address.id.asc(), limit=limit) == mixed


def test_a_cursor_may_contain_timestamps(addresses: list[tuple[str, str]]) -> None:
    assert walk(Address.created_at.desc(), Address.id.desc()) == addresses[::-1]


def test_rows_may_have_several_columns(addresses: list[tuple[str, str]]) -> None:
    with transaction() as session:
        found = page(session, select(Address.city, Address.line1), Address.id, limit=2, cursor=None)
    assert found["data"] == [("Bath", "0 Lane"), ("Leeds", "1 Lane")]
    assert found["has_more"] is True


def test_a_deleted_row_skips_no_other_row(addresses: list[tuple[str, str]]) -> None:
    with transaction() as session:
        first = page(session, select(Address), Address.id, limit=2, cursor=None)
        session.delete(first["data"][1])
    with transaction() as session:
        second = page(session, select(Address), Address.id, limit=2, cursor=first["next_cursor"])
    assert [(row.city, row.id) for row in second["data"]] == addresses[2:4]


def test_an_empty_list_has_no_next_page() -> None:
    with transaction() as session:
        found = page(session, select(Address), Address.id, limit=2, cursor=None)
    assert found == {"data": [], "has_more": False, "next_cursor": None}


def test_cursors_of_other_lists_are_refused(addresses: list[tuple[str, str]]) -> None:
    with transaction() as session:
        good = page(session, select(Address), Address.id, limit=2, cursor=None)["next_cursor"]
        assert good
        changed = good[:-2] + ("AA" if good[-2:] != "AA" else "BB")
        made_up = URLSafeSerializer("another secret" * 3, salt="cursor:x").dumps([1])
        for cursor in ("nonsense", "é", changed, made_up, settings.secret_key):
            with pytest.raises(Invalid) as refused:
                page(session, select(Address), Address.id, limit=2, cursor=cursor)
            assert list(refused.value.extra["errors"]) == ["cursor"]
        with pytest.raises(Invalid):
            page(session, select(Address), Address.id.desc(), limit=2, cursor=good)


def test_lists_accept_limit_and_cursor(customer: Any) -> None:
    for n in range(3):
        customer.post("/v1/me/addresses", json={"line1": f"{n} Lane", "city": "Leeds", "country": "GB"})
    first = customer.get("/v1/me/addresses?limit=3").json
    assert (len(first["data"]), first["has_more"]) == (3, True)
    second = customer.get(f"/v1/me/addresses?limit=3&cursor={first['next_cursor']}").json
    assert [row["line1"] for row in second["data"]] == ["2 Lane"]
    assert (second["has_more"], second["next_cursor"]) == (False, None)
    for limit in ("0", "101", "-1", "x", "1.5"):
        assert list(customer.get(f"/v1/me/addresses?limit={limit}").json["errors"]) == ["limit"]
    answer = customer.get("/v1/me/addresses?cursor=garbage")
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["cursor"])
