"""Rows that kill their worker: they alone are refused, or an operator decides."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from cli.main import main
from durable.tables import RunRecord
from local.waiting import wait_until
from models import imports
from models.core.database import transaction
from tests.conftest import Caller
from tests.shop import Shop
from tests.workflows.test_catalogue_import import send, sheet, thing


@pytest.fixture(scope="module")
def shop(seeds: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Workers with a bug, and a dispatcher."""
    with ExitStack() as exits:
        shop = Shop(tmp_path_factory.mktemp("shop"), exits)
        shop.worker(app="tests.workflows.poisoned")
        shop.dispatcher()
        yield shop


def ended(staff: Caller, accepted: dict[str, Any]) -> dict[str, Any]:
    assert wait_until(lambda: staff.get(accepted["links"]["task"]).json["finished_at"], 60)
    made: dict[str, Any] = staff.get(accepted["links"]["import"]).json
    return made


def test_only_the_rows_at_which_workers_fail_are_refused(shop: Shop, staff: Caller) -> None:
    rows = [thing(number) for number in range(imports.reading.CHUNK_ROWS + 5)]
    rows[7]["sku"], rows[-2]["sku"] = "POISON", "BUG"
    rows[9]["price"] = "?"
    made = ended(staff, send(staff, sheet(*rows)).json)
    assert (made["status"], made["rows"], made["created"], made["refused"]) == ("imported", 1005, 1002, 3)
    reason = "The row could not be imported: a worker failed twice at it."
    assert [(row["line"], row["sku"], row["reason"] == reason) for row in made["refusals"]] == [
        (9, "POISON", True), (11, "T-9", False), (1005, "BUG", True),
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["drop", "cancel"])
def test_a_chunk_of_such_rows_stops_until_an_operator_decides(shop: Shop, staff: Caller, how: str) -> None:
    good = [thing(number) for number in range(imports.reading.CHUNK_ROWS)]
    accepted = send(staff, sheet(*good, *(thing(0, sku=f"POISON-{number}") for number in range(20)))).json
    assert wait_until(lambda: is_stuck(accepted["task_id"]), 60)
    wanted = ("drop", accepted["task_id"], "catalogue.take[2]") if how == "drop" else ("cancel", accepted["task_id"])
    if how == "drop":
        for other in ("catalogue.take[1]", "catalogue.take[9]", "catalogue.finish"):
            refused = CliRunner().invoke(main, ["runs", "drop", accepted["task_id"], other])
            assert (refused.exit_code, "can be dropped now" in refused.output) == (1, True)
    printed = CliRunner().invoke(main, ["runs", *wanted])
    assert printed.exit_code == 0, printed.output
    made = ended(staff, accepted)
    status, refused_rows, dropped = ("imported", 20, 0) if how == "drop" else ("cancelled", 0, 20)
    counts = tuple(made[name] for name in ("status", "created", "refused", "dropped"))
    assert counts == (status, 1000, refused_rows, dropped)
    if how == "drop":
        assert {row["reason"] for row in made["refusals"]} == {"An operator dropped this part of the file."}
        assert made["refusals"][0]["sku"] == "POISON-0"


def is_stuck(run_id: str) -> bool:
    with transaction() as session:
        return session.scalars(select(RunRecord.stuck_at).filter_by(id=run_id)).one() is not None
