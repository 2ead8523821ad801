"""The audit as a workflow: its result names what is wrong, and a silent gateway leaves out only its own part."""

from typing import Any

import pytest
from sqlalchemy import text

import durable
from durable import queries
from durable.ids import new_id
from local.waiting import wait_until
from models.core.database import transaction
from models.operations.at_gateway import AT_GATEWAY
from tests.shop import Shop
from tests.shopping import make_product


@pytest.fixture(autouse=True)
def _database(database: None) -> None:
    """Requests the fixture."""


def audited() -> dict[str, Any]:
    """The result of an audit that a worker has made."""
    with transaction() as session:
        run_id = durable.start(session, "audit", new_id("aud"), {})

    def result() -> dict[str, Any] | None:
        with transaction() as session:
            return queries.get_run(session, run_id).result

    assert wait_until(result, 60)
    return result() or {}


def test_an_audit_of_a_new_shop_holds(shop: Shop) -> None:
    make_product("P", 3)
    found = audited()
    assert (found["ok"], found["unchecked"], found["silent"]) == (True, [], None)
    assert len(found["findings"]) == 69


def test_an_audit_names_what_is_broken(shop: Shop) -> None:
    make_product("P", 3)
    with transaction() as session:
        session.execute(text("UPDATE inventory.stock SET on_hand = on_hand + 1"))
    found = audited()
    assert not found["ok"]
    assert [finding["name"] for finding in found["findings"] if not finding["ok"]]


def test_a_silent_gateway_leaves_out_its_own_part(shop: Shop) -> None:
    shop.gateway.kill()
    try:
        found = audited()
    finally:
        shop.gateway.start()
    assert found["unchecked"] == [invariant.name for invariant in AT_GATEWAY]
    assert found["silent"]
