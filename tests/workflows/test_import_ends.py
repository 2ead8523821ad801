"""Imports that are refused while their file is read, and imports that are cancelled."""

from functools import partial
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select, text

from cli.main import main
from local.waiting import wait_until
from models import catalogue, imports
from models.catalogue import Product
from models.core.database import transaction
from tests.conftest import Caller
from tests.faults.checks import status_of
from tests.shop import Shop
from tests.workflows.test_catalogue_import import send, sheet, thing

KEPT = (imports.Piece, imports.SeenSku, imports.Chunk, imports.Repeat)


def rows_of(table: Any) -> int:
    with transaction() as session:
        return session.scalars(select(func.count()).select_from(table)).one()


def test_a_fault_at_the_end_of_a_file_refuses_all_of_it(shop: Shop, staff: Caller) -> None:
    content = sheet(*map(thing, range(3000))).encode() + thing_in_latin_1()
    assert send(staff, content).status_code == 202, "only the beginning is checked at once"
    refused = send(staff, content, headers={"Prefer": "wait=30"})
    assert (refused.status_code, refused.json["code"], refused.json["line"]) == (422, "not_a_catalogue", 3002)
    shown = [staff.get(made["links"]["self"]).json for made in staff.get("/v1/catalogue/imports").json["data"]]
    for made in shown:
        assert (made["status"], made["created"], made["rows"]) == ("refused", 0, made["dropped"])
        assert made["error"]["code"] == "not_a_catalogue"
        assert made["finished_at"]
    assert [rows_of(table) for table in (Product, *KEPT)] == [0, 0, 0, 0, 0]


def thing_in_latin_1() -> bytes:
    return "T-9,clothing,\u00c9mile,Things,5.50,1,\r\n".encode("latin-1")


@pytest.mark.parametrize("how", ["api", "command"])
def test_a_cancelled_import_keeps_what_was_imported_and_drops_the_rest(shop: Shop, staff: Caller, how: str) -> None:
    with transaction() as session:
        place_id = catalogue.create_category(session, "Locked", None).id
    rows = [thing(number) for number in range(imports.reading.CHUNK_ROWS)]
    locked = [thing(5000, category="Locked"), thing(5001, category="Locked")]
    with transaction() as session:
        session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        session.get_one(catalogue.Category, place_id, with_for_update=True)
        accepted = send(staff, sheet(*rows, *locked)).json
        first_is_done = partial(status_of, accepted["task_id"], "catalogue.take[1]")
        assert wait_until(lambda: first_is_done() == "done", 30, 0.05)
        path = f"/v1/catalogue/imports/{staff.get('/v1/catalogue/imports').json['data'][0]['id']}"
        if how == "api":
            cancelled = staff.post(f"{path}/cancel")
            assert (cancelled.status_code, cancelled.json["status"]) == (202, "compensating")
            assert staff.post(f"{path}/cancel").status_code == 202, "a second cancellation has no effect"
        else:
            printed = CliRunner().invoke(main, ["runs", "cancel", accepted["task_id"]])
            assert printed.exit_code == 0, printed.output
    task = staff.get(f"{accepted['links']['task']}?wait=30").json
    assert (task["status"], task["error"]["code"]) == ("cancelled", "cancelled_by_operator")
    made = staff.get(path).json
    counts = {name: made[name] for name in ("status", "rows", "created", "dropped", "refused")}
    assert counts == {"status": "cancelled", "rows": 1002, "created": 1000, "dropped": 2, "refused": 0}
    assert task["result"]["dropped"] == 2
    assert [rows_of(table) for table in (Product, *KEPT)] == [1000, 0, 0, 0, 0]
    refused = staff.post(f"{path}/cancel")
    assert (refused.status_code, refused.json["code"], refused.json["possible"]) == (409, "wrong_state", [])


def test_a_request_can_wait_for_the_end_of_a_cancelled_import(shop: Shop, staff: Caller) -> None:
    """The import has ended before, or ends by it."""
    send(staff, sheet(*map(thing, range(2500))))
    (made,) = staff.get("/v1/catalogue/imports").json["data"]
    answer = staff.post(f"{made['links']['self']}/cancel", headers={"Prefer": "wait=30"})
    shown = staff.get(made["links"]["self"]).json
    assert (answer.status_code, shown["status"]) in ((200, "cancelled"), (409, "imported"))
    assert shown["created"] + shown["dropped"] == shown["rows"]


def test_only_staff_can_cancel_an_import(staff: Caller, customer: Caller) -> None:
    """No worker runs, so it is in progress."""
    send(staff, sheet(thing(1)))
    (made,) = staff.get("/v1/catalogue/imports").json["data"]
    assert customer.post(f"{made['links']['self']}/cancel").status_code == 403
    assert staff.post(f"/v1/catalogue/imports/imp_{'0' * 32}/cancel").status_code == 404


def test_a_file_is_read_on_where_the_killed_worker_was(shop: Shop, staff: Caller) -> None:
    """Nine megabytes are three slices; the worker is killed at each of them, before or after its commit."""
    kills = ("before-commit", "before-commit", "after-commit", "before-commit")
    shop.armed.write_text("\n".join(f"{point}@catalogue.read" for point in kills))
    rows = [thing(number, title="?" * 301, description="x" * 15_000) for number in range(600)]
    accepted = send(staff, sheet(thing(1000), *rows, thing(1001), thing(1000))).json
    assert wait_until(lambda: staff.get(accepted["links"]["task"]).json["finished_at"], 60)
    made = staff.get(accepted["links"]["import"]).json
    assert (made["status"], made["rows"], made["created"], made["refused"]) == ("imported", 603, 2, 601)
    assert made["bytes_read"] == made["size"] > 9_000_000
    lines = staff.get(made["links"]["refusals"]).text.splitlines()
    assert lines[-1] == "604,T-1000,sku: Already used on line 2."
    assert not shop.armed.exists()
