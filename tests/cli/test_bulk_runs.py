"""`shop runs list`, `retry` and `cancel` with options that choose runs."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner, Result

import durable
from cli.main import main
from durable import queries
from durable.ids import new_id
from models.core.database import transaction
from tests.runs import some_input
from tests.shopping import make_customer, make_product, place_order


@pytest.fixture(autouse=True)
def _database(database: None) -> None:
    """Requests the fixture."""


def runs(*arguments: str, input: str | None = None) -> Result:
    return CliRunner().invoke(main, ["runs", *arguments], input=input)


def started(workflow: str = "checkout", owner: str | None = None, **values: Any) -> str:
    """An unpublished run."""
    with transaction() as session:
        run_id = durable.start(session, workflow, new_id("ord"), some_input(workflow), owner=owner)
        session.info.clear()  # not to be published
        for name, value in values.items():
            setattr(queries.get_run(session, run_id), name, value)
    return run_id


def listed(*options: str) -> list[str]:
    result = runs("list", "--json", *options)
    assert result.exit_code == 0, result.output
    return [run["id"] for run in json.loads(result.output)]


def stuck(**values: Any) -> str:
    return started(stuck_at=datetime.now(UTC), stuck_reason="the step fails", **values)


def status(run_id: str) -> str:
    with transaction() as session:
        return queries.get_run(session, run_id).status


def test_runs_are_found_by_user_request_and_whether_they_are_stuck(staff: Any) -> None:
    ada = make_customer("ada")
    hers, asked, bad = started(owner=ada), started(request_id="req-1"), stuck()
    assert listed("--user", "ada@example.org") == listed("--user", ada) == [hers]
    assert listed("--request", "req-1") == [asked]
    assert listed("--stuck") == [bad]
    for query, one in (({"user_id": ada}, hers), ({"request_id": "req-1"}, asked), ({"stuck": "true"}, bad)):
        answer = staff.get("/v1/runs", query_string=query)
        assert [run["id"] for run in answer.json["data"]] == [one], answer.json
    assert bad not in [run["id"] for run in staff.get("/v1/runs?stuck=false").json["data"]]


def test_runs_are_found_by_the_id_or_number_of_their_order(staff: Any) -> None:
    started()
    with transaction() as session:
        placed = place_order(session, make_customer("ada"), {make_product("TEA", 1): 1})
        session.info.clear()
    assert listed("--order", placed.id) == [placed.run_id]
    answer = staff.get(f"/v1/runs?order_id={placed.id}")
    assert [run["id"] for run in answer.json["data"]] == [placed.run_id]
    unknown = runs("list", "--order", "4711")
    assert (unknown.exit_code, "There is no order '4711'." in unknown.output) == (2, True)


def test_a_bulk_retry_asks_first_and_says_what_it_did_per_run() -> None:
    first, second, other = stuck(), stuck(), started()
    declined = runs("retry", "--stuck", input="n\n")
    assert (declined.exit_code, "Resume 2 runs? [y/N]: n" in declined.output) == (1, True)
    assert listed("--stuck") == [second, first]
    done = runs("retry", "--stuck", "--workflow", "checkout", "--yes")
    assert (done.exit_code, done.output.splitlines()) == (
        0,
        [f"{first} is resumed (running).", f"{second} is resumed (running).", "2 changed, 0 refused."],
    )
    assert listed("--stuck") == []
    assert other in listed()


def test_what_a_bulk_cancel_is_refused_does_not_stop_the_others() -> None:
    over = started(status="succeeded", finished_at=datetime.now(UTC))
    live = started()
    done = runs("cancel", "--workflow", "checkout", "-y")
    assert done.exit_code == 1
    assert done.output.splitlines()[0].startswith(f"{over} is not changed: ")
    assert done.output.splitlines()[1:] == [f"{live} is being cancelled.", "1 changed, 1 refused."]
    assert (status(over), status(live)) == ("succeeded", "compensating")


def test_a_command_without_a_choice_changes_nothing() -> None:
    run_id = stuck()
    assert runs("retry", "-y").exit_code == runs("retry", run_id, "--stuck").exit_code == 2
    assert runs("cancel", "--status", "failed", "-y").output == "No runs found.\n"
    assert listed("--stuck") == [run_id]
