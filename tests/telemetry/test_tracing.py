"""Traces of real processes, as a collector receives them."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import select

from durable import context, traces
from durable.tables import RunRecord, ScheduleRecord
from local.waiting import wait_until
from models.core.database import transaction
from tasks.gateways import traced
from telemetry import tracing
from tests.ports import reserved_port
from tests.processes import ROOT
from tests.servers import Receiver
from tests.serving import serving
from tests.shop import Shop
from tests.telemetry.checking_out import check_out, place

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE, PARENT = CALLER.split("-")[1:3]
Span = dict[str, Any]


@dataclass(frozen=True)
class Traced:
    """A shop that sends traces. `file`: the collector's."""

    shop: Shop
    api: str
    file: Path

    def all_spans(self) -> list[Span]:
        """Those that have arrived."""
        return [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []

    def spans(self, trace: str) -> list[Span]:
        """Those of a trace that have arrived, the oldest first."""
        return sorted((span for span in self.all_spans() if span["trace"] == trace), key=lambda span: span["began"])

    def wait_for(self, trace: str, *names: str) -> dict[str, Span]:
        """Name → span, once these have arrived."""
        wait_until(lambda: set(names) <= {span["name"] for span in self.spans(trace)}, 20)
        found = {span["name"]: span for span in self.spans(trace)}
        assert set(names) <= found.keys(), found
        return found


@pytest.fixture(scope="module")
def traced_shop(seeds: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    """API, gateway, mailbox, collector, one worker for all queues and one dispatcher."""
    var: Path = tmp_path_factory.mktemp("traced")
    with ExitStack() as exits:
        port = exits.enter_context(reserved_port())
        shop = Shop(var, exits, api_port=port)
        file = var / "spans.jsonl"
        collector = shop.start("collector", shop.environment, "tests.telemetry.collector:main", str(file))
        collector.wait_for("collecting on")
        shop.processes.remove(collector)  # it is not killed with the workers
        [url] = re.findall(r"http://\S+", collector.log.read_text())
        shop.environment |= {"SHOP_OTLP_URL": url, "SHOP_LOG_FORMAT": "json"}
        api = exits.enter_context(serving(var, **{**shop.environment, "SHOP_API_PORT": str(port)}))
        shop.dispatcher()
        shop.worker()
        yield Traced(shop, api, file)


def test_one_checkout_is_one_tree(traced_shop: Traced, customer: Any) -> None:
    task = check_out(traced_shop.api, customer, traceparent=CALLER)
    assert task["status"] == "succeeded"
    steps = ("inventory.reserve", "payments.authorise", "orders.confirm", "notifications.order_confirmed",
             "orders.complete")  # fmt: skip
    calls = ("call payments", "call notifications")
    found = traced_shop.wait_for(TRACE, "POST /v1/checkout", "run checkout", *steps, *calls)
    request, run = found["POST /v1/checkout"], found["run checkout"]
    assert (request["parent"], request["kind"]) == (PARENT, "SERVER")
    assert run["parent"] == request["span"]
    assert run["attributes"]["shop.run"] == task["id"]
    assert {found[step]["parent"] for step in steps} == {run["span"]}
    assert found["call payments"]["parent"] == found["payments.authorise"]["span"]
    assert found["call notifications"]["parent"] == found["notifications.order_confirmed"]["span"]
    assert {found[call]["kind"] for call in calls} == {"CLIENT"}
    assert not any(span["failed"] or span["links"] for span in traced_shop.spans(TRACE))
    began, ended = run["began"], run["ended"]
    assert all(began - 1e8 <= found[step]["began"] <= found[step]["ended"] <= ended + 1e8 for step in steps)
    line = next(line for line in (traced_shop.shop.var / "api.log").read_text().splitlines() if TRACE in line)
    assert json.loads(line)["trace_id"] == TRACE


def test_a_step_that_is_taken_over_is_linked_with_the_attempt_of_the_dead_worker(
    traced_shop: Traced, customer: Any
) -> None:
    shop, trace = traced_shop.shop, "5" * 32
    shop.armed.write_text("after-call@payments.authorise")
    task = check_out(traced_shop.api, customer, traceparent=f"00-{trace}-{PARENT}-01")
    assert task["status"] == "succeeded"
    assert shop.struck()
    traced_shop.wait_for(trace, "run checkout", "payments.authorise")
    lost, done = [span for span in traced_shop.spans(trace) if span["name"] == "payments.authorise"]
    assert (lost["attributes"]["shop.outcome"], done["attributes"]["shop.outcome"]) == ("lost", "done")
    assert lost["failed"]
    assert done["links"] == [[trace, lost["span"]]]


def test_a_step_that_was_suspended_is_linked_with_its_suspension_and_with_what_has_woken_it(
    traced_shop: Traced, customer: Any
) -> None:
    trace = "6" * 32
    payment = {"method": "pm_card_threeDSecure2Required", "return_url": "https://shop.example/return"}
    accepted = place(traced_shop.api, customer, payment, traceparent=f"00-{trace}-{PARENT}-01", Prefer="wait=20").json()
    assert accepted["status"] == "waiting", accepted
    traced_shop.wait_for(trace, "payments.await_customer")
    decided = requests.post(accepted["next_action"]["url"], json={"result": "succeeded"}, timeout=30)
    assert decided.status_code == 200
    traced_shop.wait_for(trace, "run checkout")
    waits = [span for span in traced_shop.spans(trace) if span["name"] == "payments.await_customer"]
    *suspended, done = waits  # on a slow machine the step asks the gateway once more before the customer decides
    assert {span["attributes"]["shop.outcome"] for span in suspended} == {"suspended"}
    assert done["attributes"]["shop.outcome"] == "done"
    suspension, waker = done["links"]
    assert suspension == [trace, suspended[-1]["span"]]
    assert waker[0] != trace
    webhook = traced_shop.wait_for(waker[0], "POST /v1/webhooks/payments")["POST /v1/webhooks/payments"]
    assert waker[1] in {span["span"] for span in traced_shop.spans(waker[0])}
    assert webhook["parent"] == ""
    confirmed = next(span for span in traced_shop.spans(trace) if span["name"] == "orders.confirm")
    assert confirmed["links"] == []


def test_what_beat_starts_has_a_trace_with_its_slot(traced_shop: Traced) -> None:
    from workflows import app

    for _ in range(2):  # the second message finds the run of the slot, and has no span
        app.send_task("schedule.start", ("cart_expiry",), queue="reports")

    def roots() -> list[Span]:
        return [span for span in traced_shop.all_spans() if span["name"] == "slot cart_expiry"]

    assert wait_until(roots, 20)
    [root] = roots()
    assert (root["parent"], root["links"], root["attributes"]["shop.missed"]) == ("", [], "false")
    found = traced_shop.wait_for(root["trace"], "run cart_expiry")
    assert found["run cart_expiry"]["parent"] == root["span"]
    steps = [span for span in found.values() if "shop.attempt" in span["attributes"]]
    assert steps
    assert {span["parent"] for span in steps} == {found["run cart_expiry"]["span"]}
    with transaction() as session:
        run = session.scalars(select(RunRecord).where(RunRecord.workflow == "cart_expiry")).one()
        assert run.key == root["attributes"]["shop.slot"]
    assert len(roots()) == 1


def test_a_missed_slot_that_a_dispatcher_starts_has_a_trace(traced_shop: Traced) -> None:
    with transaction() as session:
        session.merge(ScheduleRecord(workflow="back_in_stock_check", slot="2020-01-01T00"))
    traced_shop.shop.dispatcher()  # dispatchers look for missed slots when they begin

    def roots() -> list[Span]:
        return [span for span in traced_shop.all_spans() if span["name"] == "slot back_in_stock_check"]

    assert wait_until(roots, 20)
    [found] = roots()
    assert found["attributes"]["shop.missed"] == "true"
    traced_shop.wait_for(found["trace"], "run back_in_stock_check")


def test_a_trace_that_the_caller_does_not_sample_is_not_sent(traced_shop: Traced) -> None:
    for trace, flags in (("8" * 32, "00"), ("9" * 32, "01")):
        answer = requests.get(
            f"{traced_shop.api}/v1/products", headers={"traceparent": f"00-{trace}-{PARENT}-{flags}"}, timeout=30
        )
        assert answer.status_code == 200
    traced_shop.wait_for("9" * 32, "GET /v1/products")
    assert traced_shop.spans("8" * 32) == []


@pytest.mark.parametrize(
    "given", [None, "", "00-zz", CALLER.upper(), CALLER + "-more", f"00-{'0' * 32}-{PARENT}-01", f"ff{CALLER[2:]}"]
)
def test_a_context_that_is_not_valid_is_not_continued(given: str | None) -> None:
    begun, parent = tracing.begin(given)
    assert parent is None
    assert traces.PATTERN.fullmatch(begun)
    assert TRACE not in begun


def test_a_context_that_is_valid_is_continued() -> None:
    begun, parent = tracing.begin(CALLER)
    assert parent == CALLER
    assert begun.split("-")[1] == TRACE
    assert begun.split("-")[2] != PARENT


def test_calls_take_the_trace_to_the_service() -> None:
    receiver, session = Receiver(), requests.Session()
    traced.add_to(session)
    try:
        context.trace.set(CALLER)
        session.post(receiver.url, data=b"{}", timeout=30)
        context.trace.set(None)
        session.post(receiver.url, data=b"{}", timeout=30)
    finally:
        context.trace.set(None)
        receiver.close()
    assert [headers.get("traceparent") for headers in receiver.headers] == [CALLER, None]


def test_without_a_collector_the_exporter_is_not_imported() -> None:
    code = "import sys, api.app, workflows; from telemetry import tracing; tracing.export('a', None, None, 0.0); " \
        "print([name for name in sys.modules if name.startswith('opentelemetry.exporter')])"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
