"""Replays of a run from a step."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from durable import queries, transitions
from models.core.database import transaction
from tests.runs import UNKNOWN, started, state, step


@pytest.fixture
def operator(sign_in: Callable[..., Any]) -> Any:
    return sign_in("operator", "admin")


def test_a_run_is_replayed_from_a_step(operator: Any) -> None:
    run_id = started("inventory_report")
    for name in ("reports.slice_report", "reports.part[0]", "reports.write", "reports.mail_subscribers"):
        step(run_id, name)
    with transaction() as session:
        begun = """UPDATE workflow.step SET output = '{"slices": [{}]}' WHERE name = 'reports.slice_report'"""
        session.execute(text(begun))
        transitions.end(session, queries.get_run(session, run_id), "succeeded")
    answer = operator.post(f"/v1/runs/{run_id}/replay", json={"step": "reports.write"})
    assert (answer.status_code, answer.json["status"]) == (202, "running")
    assert answer.headers["Location"] == f"/v1/tasks/{run_id}"
    run = state(run_id)
    assert (run.finished_at, run.replays, run.generation) == (None, 1, 1)
    left = operator.get(f"/v1/tasks/{run_id}").json["steps"]
    assert {one["name"]: one["status"] for one in left if one["status"] != "done"} == {
        "reports.write": "intent", "reports.mail_subscribers": "intent",
    }  # fmt: skip


def test_a_replay_says_which_step_must_not_be_repeated(operator: Any) -> None:
    run_id = started()
    for name in ("inventory.reserve", "payments.authorise", "payments.await_customer", "orders.confirm"):
        step(run_id, name)
    answer = operator.post(f"/v1/runs/{run_id}/replay", json={"step": "payments.await_customer"})
    assert (answer.status_code, answer.json["code"]) == (409, "not_replayable")
    assert answer.json["detail"].startswith("payments.await_customer must not be performed again")
    assert operator.post(f"/v1/runs/{run_id}/replay", json={}).status_code == 422
    assert operator.post(f"/v1/runs/{UNKNOWN}/replay", json={"step": "orders.confirm"}).status_code == 404
    assert (state(run_id).replays, state(run_id).generation) == (0, 0)
