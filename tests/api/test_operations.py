"""Operations: runs, signals, the audit and events."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from click.testing import CliRunner
from sqlalchemy import text

import durable
from cli.main import main
from durable import queries, transitions
from durable.ids import new_id
from durable.tables import StepRecord
from models import payments
from models.core import event_log
from models.core.database import transaction
from models.core.events import OrderCancelled, OrderCreated
from models.operations.at_gateway import AT_GATEWAY
from settings import Settings
from tasks.gateways.payments import PROVIDERS
from tasks.gateways.payments.provider import AuthorisationRequest
from tasks.gateways.payments.stripe import Stripe
from tests.runs import UNKNOWN, some_input, started, state, step
from tests.servers import Server
from tests.shopping import make_customer, make_product, place_order

DISCARD_URL = "http://127.0.0.1:9/"  # the discard port, for webhooks


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.json
    return [row["id"] for row in answer.json["data"]]


@pytest.fixture
def operator(sign_in: Callable[..., Any]) -> Any:
    return sign_in("operator", "admin")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server("sandbox.gateway", tmp_path_factory.mktemp("gateway"), "--webhook-url", DISCARD_URL)
    yield running
    running.stop()


@pytest.fixture
def sandbox(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setitem(PROVIDERS, "stripe", Stripe(Settings(gateway_port=server.ports["http"], gateway_timeout=2)))
    return server


def test_operations_require_permissions(customer: Any, staff: Any) -> None:
    run_id = started()
    for path in ("/v1/runs", "/v1/events", "/v1/audit"):
        assert customer.get(path).status_code == 403
    assert staff.get("/v1/runs").status_code == 200
    for action in ("retry", "cancel", "signals", "replay"):
        assert staff.post(f"/v1/runs/{run_id}/{action}", json={"name": "x"}).status_code == 403
    assert state(run_id).status == "running"


def test_runs_are_listed_newest_first_and_paged(operator: Any) -> None:
    made = [started() for _ in range(5)]
    assert ids(operator.get("/v1/runs")) == made[::-1]
    first = operator.get("/v1/runs?limit=3")
    assert ids(first) == made[:1:-1]
    assert ids(operator.get(f"/v1/runs?limit=3&cursor={first.json['next_cursor']}")) == made[1::-1]
    shown = first.json["data"][0]
    assert (shown["workflow"], shown["status"], shown["attempts"], shown["error"]) == ("checkout", "running", 0, None)


def test_runs_can_be_filtered(operator: Any) -> None:
    cleaning, waiting, failed = started("clean_up"), started(status="waiting"), started(status="failed")
    with transaction() as session:
        transitions.end(session, queries.get_run(session, failed), "failed")
        session.execute(text("UPDATE workflow.run SET created_at = now() - interval '1 hour' WHERE status = 'waiting'"))
    assert ids(operator.get("/v1/runs?workflow=clean_up")) == [cleaning]
    assert ids(operator.get("/v1/runs?status=failed")) == [failed]
    assert ids(operator.get("/v1/runs?status=waiting&workflow=checkout")) == [waiting]
    assert ids(operator.get("/v1/runs?older_than=1800")) == [waiting]
    assert ids(operator.get("/v1/runs?older_than=7200")) == []
    for wrong in ("status=odd", "older_than=-1", "older_than=soon", "flow=checkout"):
        assert operator.get(f"/v1/runs?{wrong}").status_code == 422


def test_a_run_is_cancelled_once(operator: Any) -> None:
    run_id = started()
    step(run_id, "inventory.reserve")
    answer = operator.post(f"/v1/runs/{run_id}/cancel")
    assert (answer.status_code, answer.headers["Location"]) == (202, f"/v1/tasks/{run_id}")
    run = state(run_id)
    links = {"task": f"/v1/tasks/{run_id}", "order": f"/v1/orders/{run.input['order_id']}"}
    assert answer.json == {"task_id": run_id, "status": "compensating", "links": links}
    assert run.status == "compensating"
    assert run.generation > 0
    assert run.error is not None
    assert run.error["code"] == "cancelled_by_operator"
    again = operator.post(f"/v1/runs/{run_id}/cancel")
    assert (again.status_code, again.json["code"]) == (409, "run_compensating")


def test_a_run_without_undos_is_cancelled_at_once(operator: Any) -> None:
    run_id = started("clean_up")
    assert operator.post(f"/v1/runs/{run_id}/cancel").status_code == 202
    assert state(run_id).status == "cancelled"


def test_a_run_past_its_pivot_cannot_be_cancelled(operator: Any) -> None:
    run_id = started()
    step(run_id, "orders.confirm")
    answer = operator.post(f"/v1/runs/{run_id}/cancel")
    assert (answer.status_code, answer.json["code"]) == (409, "past_pivot")
    assert "orders.confirm" in answer.json["detail"]
    assert (state(run_id).status, state(run_id).generation) == ("running", 0)


def test_a_failed_run_is_retried(operator: Any) -> None:
    run_id = started(attempts=9, deadline=datetime.now(UTC))
    with transaction() as session:
        transitions.end(session, queries.get_run(session, run_id), "failed")
    answer = operator.post(f"/v1/runs/{run_id}/retry")
    assert (answer.status_code, answer.json["status"]) == (202, "running")
    run = state(run_id)
    assert (run.finished_at, run.deadline, run.attempts, run.generation) == (None, None, 0, 1)


@pytest.mark.parametrize("action", ["retry", "cancel"])
def test_retry_and_cancel_refuse_an_ended_or_unknown_run(operator: Any, action: str) -> None:
    run_id = started()
    with transaction() as session:
        transitions.end(session, queries.get_run(session, run_id), "succeeded")
    over, unknown = (operator.post(f"/v1/runs/{which}/{action}") for which in (run_id, UNKNOWN))
    assert (over.status_code, over.json["code"]) == (409, "run_over")
    assert unknown.status_code == 404


def test_a_repeated_retry_is_applied_once(operator: Any) -> None:
    run_id = started()
    first, second = (operator.post(f"/v1/runs/{run_id}/retry", headers={"Idempotency-Key": "once"}) for _ in range(2))
    assert (second.status_code, second.json) == (first.status_code, first.json)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert state(run_id).generation == 1


def test_a_signal_is_stored_and_wakes_a_suspended_run(operator: Any) -> None:
    run_id = started(status="waiting", published_at=None)
    answer = operator.post(f"/v1/runs/{run_id}/signals", json={"name": "approved", "data": {"by": "ada"}})
    assert (answer.status_code, answer.json["status"]) == (202, "running")
    assert operator.post(f"/v1/runs/{run_id}/signals", json={"name": "approved"}).status_code == 202
    run = state(run_id)
    assert run.signals == {"approved": [{"by": "ada"}, {}]}
    assert (run.status, run.generation) == ("running", 1)


def test_a_declared_signal_without_its_data_is_refused(operator: Any) -> None:
    run_id = started("restock", status="waiting")
    answer = operator.post(f"/v1/runs/{run_id}/signals", json={"name": "delivery", "data": {}})
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_fields")
    assert answer.json["errors"] == {"data": ["The signal delivery needs actor."]}
    assert (state(run_id).signals, state(run_id).status) == ({}, "waiting")
    sent = operator.post(f"/v1/runs/{run_id}/signals", json={"name": "delivery", "data": {"actor": None}})
    assert (sent.status_code, state(run_id).signals) == (202, {"delivery": [{"actor": None}]})


@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, {"name": "No"}, {"name": "x" * 65}, {"name": "x", "data": []}, {"name": "x", "y": 1}]
)
def test_an_invalid_signal_is_refused(operator: Any, body: dict[str, Any]) -> None:
    run_id = started()
    assert operator.post(f"/v1/runs/{run_id}/signals", json=body).status_code == 422
    assert operator.post(f"/v1/runs/{UNKNOWN}/signals", json={"name": "x"}).status_code == 404
    assert state(run_id).signals == {}


def test_the_audit_reflects_the_current_state(operator: Any, sandbox: Server) -> None:
    answer = operator.get("/v1/audit")
    assert (answer.status_code, answer.json["ok"]) == (200, True)
    assert {"name": "no run is failed or stuck", "ok": True, "figures": {"failed": 0, "stuck": 0, "wrong": 0},
            "examples": [], "count": 0} in answer.json["data"]  # fmt: skip
    run_id = started(status="failed", finished_at=datetime.now(UTC))
    answer = operator.get("/v1/audit")
    assert answer.json["ok"] is False
    assert [(found["name"], found["examples"]) for found in answer.json["data"] if not found["ok"]] == [
        ("no run is failed or stuck", [run_id])
    ]


def hold(order_id: str, payment_id: str, amount: int) -> str:
    """Authorises a payment at the gateway; returns its reference."""
    asked = AuthorisationRequest(order_id, payment_id, amount, "EUR", "pm_card_visa", datetime.now(UTC))
    return PROVIDERS["stripe"].authorise(asked, new_id("key")).reference


def test_the_audit_compares_with_the_gateway(operator: Any, sandbox: Server) -> None:
    held = hold(new_id("ord"), new_id("pay"), 500)
    answer = operator.get("/v1/audit")
    broken = [(found["name"], found["examples"]) for found in answer.json["data"] if not found["ok"]]
    assert broken == [("the gateway holds no money without an order", [held])]
    PROVIDERS["stripe"].void(reference=held)
    assert operator.get("/v1/audit").json["ok"] is True


def test_lapsed_authorisations_do_not_fail_the_audit(operator: Any, sandbox: Server) -> None:
    lamp, ann = make_product("LAMP", 1), make_customer("ann")
    with transaction() as session:
        order = place_order(session, ann, {lamp: 1}, "pm_card_visa")
        session.info.clear()  # not to be published
        payment_id = payments.find_first_payment(session, order.id)
    reference = hold(order.id, payment_id, order.total)
    with transaction() as session:
        payments.record_authorisation(session, payment_id, reference)
    requests.post(f"{sandbox.url}/sandbox/payment_intents/{reference}/lapse", timeout=30).raise_for_status()
    answer = operator.get("/v1/audit").json
    lapsed = next(found for found in answer["data"] if found["name"] == "authorisations that have lapsed")
    assert (answer["ok"], lapsed["ok"], lapsed["examples"]) == (True, True, [order.id])
    assert lapsed["figures"]["lapsed"] == 1


def test_the_audit_checks_the_books_alone_while_the_gateway_is_away(
    operator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreachable = Settings(gateway_port=9, gateway_timeout=1)  # the discard port
    monkeypatch.setitem(PROVIDERS, "stripe", Stripe(unreachable))
    answer = operator.get("/v1/audit")
    assert (answer.status_code, answer.json["ok"]) == (200, False)  # not everything was checked
    assert all(found["ok"] for found in answer.json["data"])
    assert answer.json["not_checked"] == [invariant.name for invariant in AT_GATEWAY]
    assert not set(answer.json["not_checked"]) & {found["name"] for found in answer.json["data"]}
    assert answer.json["gateway_error"]
    run_id = started(status="failed", finished_at=datetime.now(UTC))
    found = operator.get("/v1/audit").json["data"]
    assert [(each["examples"], each["count"]) for each in found if not each["ok"]] == [([run_id], 1)]


def test_a_complete_audit_says_so(operator: Any, sandbox: Server) -> None:
    answer = operator.get("/v1/audit").json
    assert (answer["ok"], answer["not_checked"], answer["gateway_error"]) == (True, [], None)


def test_events_are_listed_newest_first(operator: Any) -> None:
    with transaction() as session:
        event_log.emit(session, OrderCreated(order_id="ord_1", user_id="usr_1"))
        event_log.emit(session, OrderCancelled(order_id="ord_2", user_id="usr_1"))
    data = operator.get("/v1/events").json["data"]
    assert [(event["name"], event["payload"]) for event in data] == [
        ("order.cancelled", {"order_id": "ord_2", "user_id": "usr_1"}),
        ("order.created", {"order_id": "ord_1", "user_id": "usr_1"}),
    ]
    assert [e["name"] for e in operator.get("/v1/events?name=order.created").json["data"]] == ["order.created"]
    assert operator.get("/v1/events?name=order.eaten").status_code == 422


def test_staff_see_the_real_error_of_a_step_and_customers_do_not(operator: Any, customer: Any) -> None:
    with transaction() as session:
        run_id = durable.start(session, "checkout", new_id("ord"), some_input("checkout"), owner=customer.user_id)
        session.info.clear()  # not to be published
        at = queries.get_run(session, run_id).created_at
        shown = {"code": "internal_error", "detail": "Something went wrong on our side."}
        real = {"trace": "KeyError: 'total'", "where": "tasks/orders.py:12 in confirm"}
        session.add(StepRecord(run_id=run_id, name="orders.confirm", status="intent", queue="orders", started_at=at,
                               error={**shown, **real}))  # fmt: skip
    assert customer.get(f"/v1/tasks/{run_id}").json["steps"][0]["error"] == shown
    assert operator.get(f"/v1/tasks/{run_id}").json["steps"][0]["error"] == {**shown, **real}
    printed = CliRunner().invoke(main, ["runs", "show", run_id]).output
    assert "KeyError: 'total' (tasks/orders.py:12 in confirm)" in " ".join(printed.split())
