"""What operators do to runs: the preview changes nothing, the form takes effect once, and is in the audit log."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select, text

from durable.tables import RunRecord
from local.waiting import wait_until
from models.core.database import transaction
from tests.runs import TRACE, started, state, step
from tests.web.conftest import Browser
from tests.web.ops.acting import acted, form_of
from tests.web.ops.making import declined, stuck


@pytest.fixture
def operator(signed_in: Callable[..., Browser]) -> Browser:
    return signed_in("operator", "admin")


def test_a_stuck_run_is_resumed_once_however_often_the_form_is_sent(operator: Browser) -> None:
    run_id = stuck()
    path = f"/ops/runs/{run_id}/retry"
    page = operator.get(path)
    assert "<code>payments.authorise</code>" in page.text
    assert state(run_id).attempts == 5, "the preview has changed nothing"
    form = form_of(page)
    for _ in range(2):
        answer = operator.post(path, data=form)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/ops/runs/{run_id}?done=retry")
    run = state(run_id)
    assert (run.attempts, run.stuck_at, run.generation) == (0, None, 1)
    assert acted() == [(run_id, "runs:write")]
    assert "The run has been resumed." in operator.get(f"/ops/runs/{run_id}?done=retry").text


def test_the_preview_of_a_cancellation_names_what_would_be_undone(operator: Browser) -> None:
    run_id = stuck()
    page = operator.get(f"/ops/runs/{run_id}/cancel")
    for name in ("undo:inventory.reserve", "orders.cancel", "undo:payments.authorise", "notifications.order_cancelled"):
        assert f"<code>{name}</code>" in page.text
    assert state(run_id).status == "running"
    assert operator.post(f"/ops/runs/{run_id}/cancel", data=form_of(page)).status_code == 303
    assert state(run_id).status == "compensating"


def test_what_is_refused_is_said_before_and_after(operator: Browser) -> None:
    run_id = declined()
    page = operator.get(f"/ops/runs/{run_id}/retry")
    assert "This run has ended (cancelled) and cannot be retried." in page.text
    assert '<button class="button button-main"' not in page.text
    past = started()
    for name in ("inventory.reserve", "payments.authorise", "payments.await_customer", "orders.confirm"):
        step(past, name)
    assert "has passed its pivot" in operator.get(f"/ops/runs/{past}/cancel").text
    answer = operator.post(f"/ops/runs/{past}/cancel", data=form_of(page))
    assert (answer.status_code, "has passed its pivot" in answer.text) == (409, True)
    assert state(past).status == "running"


def test_a_form_needs_its_tokens(operator: Browser) -> None:
    run_id = stuck()
    path = f"/ops/runs/{run_id}/retry"
    form = form_of(operator.get(path))
    assert operator.post(path, data={"once": form["once"]}).status_code == 403
    assert operator.post(path, data={"csrf_token": form["csrf_token"]}).status_code in (400, 422)
    assert operator.post(path, data=form, headers={"Origin": "https://evil.example"}).status_code == 403
    assert operator.post("/ops/audit", data={"once": form["once"]}).status_code == 403
    assert operator.post("/ops/runs/retry", data={"run": run_id}).status_code == 403
    assert state(run_id).attempts == 5


def test_a_token_that_was_used_for_another_run_is_refused(operator: Browser) -> None:
    one, other = stuck(), stuck()
    form = form_of(operator.get(f"/ops/runs/{one}/retry"))
    operator.post(f"/ops/runs/{one}/retry", data=form)
    assert operator.post(f"/ops/runs/{other}/retry", data=form).status_code == 422
    assert state(other).attempts == 5


def test_a_signal_is_sent_as_the_form_says(operator: Browser) -> None:
    run_id = started(status="waiting")
    path = f"/ops/runs/{run_id}/signal"
    page = operator.get(path)
    assert "The run is woken" in page.text
    for wrong in ({"name": "Not A Name"}, {"name": "ok", "data": "[1]"}, {"name": "ok", "data": "{"}, {"name": ""}):
        answer = operator.post(path, data={**form_of(page), **wrong})
        assert (answer.status_code, "aria-invalid" in answer.text) == (422, True), wrong
    assert state(run_id).status == "waiting"
    assert operator.post(path, data={**form_of(page), "name": "go", "data": '{"a": 1}'}).status_code == 303
    run = state(run_id)
    assert (run.status, run.signals) == ("running", {"go": [{"a": 1}]})


def test_an_item_that_kills_its_workers_is_dropped(operator: Browser) -> None:
    run_id = started("catalogue_import")
    page = operator.get(f"/ops/runs/{run_id}/drop")
    assert "No step of this run can be dropped now." in page.text
    answer = operator.post(f"/ops/runs/{run_id}/drop", data={**form_of(page), "step": "catalogue.take[0]"})
    assert answer.status_code == 409
    step(run_id, "catalogue.read", output={"chunks": [0, 1]})
    step(run_id, "catalogue.take[0]", "intent", error=TRACE, attempts=4)
    page = operator.get(f"/ops/runs/{run_id}/drop")
    assert "<option>catalogue.take[0]</option>" in page.text
    for name in ("catalogue.take[7]", "catalogue.finish", ""):
        answer = operator.post(f"/ops/runs/{run_id}/drop", data={**form_of(page), "step": name})
        assert (answer.status_code, "can be dropped now" in answer.text) == (409, True), name
    answer = operator.post(f"/ops/runs/{run_id}/drop", data={**form_of(page), "step": "catalogue.take[0]"})
    assert answer.status_code == 303
    assert state(run_id).signals == {"drop": [{"step": "catalogue.take[0]"}]}


def test_many_runs_are_changed_and_each_refusal_is_named(operator: Browser) -> None:
    good, other = stuck(), stuck()
    past = stuck()
    for name in ("payments.await_customer", "orders.confirm"):
        step(past, name)
    page = operator.get("/ops/runs/cancel?stuck=true")
    assert "Cancel 3 runs" in page.text
    assert state(good).status == "running"
    form = {**form_of(page), "run": [good, other, past]}
    for _ in range(2):
        answer = operator.post("/ops/runs/cancel", data=form)
        assert answer.status_code == 200, answer.text
        assert "2 runs are being cancelled." in answer.text
        assert "has passed its pivot" in answer.text
    assert [state(one).status for one in (good, other, past)] == ["compensating", "compensating", "running"]
    assert {(good, "runs:write"), (other, "runs:write")} <= set(acted())
    assert (past, "runs:write") not in acted()


def test_ticked_runs_alone_are_resumed(operator: Browser) -> None:
    one, other = stuck(), stuck()
    page = operator.get(f"/ops/runs/retry?stuck=true&run={one}")
    assert "Retry 1 run<" in page.text
    operator.post("/ops/runs/retry", data={**form_of(page), "run": one})
    assert (state(one).attempts, state(other).attempts) == (0, 5)
    assert operator.get("/ops/runs/retry").status_code == 422, "without filters, nothing is chosen"
    assert operator.get("/ops/runs/retry?run=nonsense&run=%00").status_code == 422


def test_two_operators_at_once_start_one_audit(operator: Browser, signed_in: Callable[..., Browser]) -> None:
    other = signed_in("other", "admin")
    mine, theirs = form_of(operator.get("/ops/audit")), form_of(other.get("/ops/audit"))
    with ThreadPoolExecutor() as threads, transaction() as session:
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("audit", 0))))
        sent = [threads.submit(who.post, "/ops/audit", data=form) for who, form in ((operator, mine), (other, theirs))]
        waits = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
                     "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")  # fmt: skip
        assert wait_until(lambda: session.scalar(waits) == 2, 20)
        session.commit()
        assert [answer.result(20).status_code for answer in sent] == [303, 303]
    with transaction() as session:
        assert session.scalar(select(func.count()).where(RunRecord.workflow == "audit")) == 1


def test_the_audit_is_started_once_and_its_result_shown(operator: Browser) -> None:
    form = form_of(operator.get("/ops/audit"))
    for _ in range(2):
        assert operator.post("/ops/audit", data=form).headers["Location"] == "/ops/audit"
    again = form_of(operator.get("/ops/audit"))
    assert operator.post("/ops/audit", data=again).status_code == 303
    with transaction() as session:
        [run] = session.scalars(select(RunRecord).where(RunRecord.workflow == "audit")).all()
        wrong = {"name": "orders have lines", "ok": False, "figures": {"orders": 3, "wrong": 1}, "count": 7,
                 "examples": ["ord_" + "a" * 32]}  # fmt: skip
        run.status, run.finished_at = "succeeded", datetime.now(UTC)
        run.result = {"ok": False, "checked_at": "2026-11-30T12:00:00+00:00", "findings": [wrong], "unchecked": ["x"],
                      "silent": "no answer", "audit_log": "4:abc"}  # fmt: skip
    page = operator.get("/ops/audit").text
    for said in ("orders have lines", "ord_" + "a" * 32, "and 6 more", "not checked", "no answer", "4:abc"):
        assert said in page
    assert "orders have lines" in operator.get("/ops/").text
