"""Following a task: as server-sent events, and with `Prefer: wait`."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

import durable
from durable import queries, transitions
from local.waiting import wait_until
from models.core.database import transaction
from tests.models.shelves import product as goods
from tests.serving import serving
from tests.shop import Shop


def events(answer: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Id and data of each event in a stream."""
    lines = (line if isinstance(line, str) else line.decode() for line in answer)
    for block in "".join(lines).split("\n\n"):
        found = dict(line.split(": ", 1) for line in block.splitlines())
        if "data" in found:
            yield found["id"], json.loads(found["data"])


def test_the_events_of_a_task_are_streamed_until_its_end(
    shop: Shop, customer: Any, sign_in: Callable[..., Any], product: Callable[..., str], order: Callable[..., Any]
) -> None:
    task = order(customer, {product("CUP", 9): 1}, wait=0).json["links"]["task"]
    answer = customer.get(f"{task}/events")
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
    streamed = list(events(answer.response))
    assert [number for number, _ in streamed] == ["go"] * (len(streamed) - 1) + ["end"]
    assert streamed[-1][1] == customer.get(task).json
    assert streamed[-1][1]["status"] == "succeeded"
    assert customer.get(f"{task}/events", headers={"Last-Event-ID": "end"}).status_code == 204
    assert sign_in("stranger").get(f"{task}/events").status_code == 404


def test_prefer_wait_returns_the_result_instead_of_202(shop: Shop, sign_in: Callable[..., Any]) -> None:
    staff = sign_in("boss", "warehouse", "finance", "admin")
    wait = {"Prefer": "wait=20"}
    report = staff.post("/v1/reports/levels", headers=wait)
    assert (report.status_code, report.headers["Preference-Applied"]) == (201, "wait=20")
    assert report.json == staff.get(report.headers["Location"]).json
    book = goods("BOOK", 1)
    lines = {"lines": [{"product_id": book, "quantity": 3}]}
    restock = staff.post("/v1/restocks", json=lines, headers={"Prefer": "wait=1"})
    assert restock.status_code == 202  # a delivery takes weeks
    order = restock.json["links"]["purchase_order"]
    received = staff.post(f"{order}/receive", json=lines, headers={**wait, "Idempotency-Key": "note 1"})
    assert (received.status_code, received.json["status"]) == (201, "received")
    assert received.headers["Location"] == order
    again = staff.post(f"{order}/receive", json=lines, headers={**wait, "Idempotency-Key": "note 1"})
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    cancelled = staff.post("/v1/restocks", json=lines).json["links"]["purchase_order"]
    gone = staff.post(f"{cancelled}/cancel", headers=wait)
    assert (gone.status_code, gone.json["status"]) == (201, "cancelled")


def test_prefer_wait_returns_the_task_to_an_operator(shop: Shop, sign_in: Callable[..., Any]) -> None:
    boss = sign_in("boss", "admin")
    with transaction() as session:
        run_id = durable.start(session, "clean_up", key="x", input={"slot": "x"})
        session.info.clear()  # not published
        transitions.end(session, queries.get_run(session, run_id), "failed")
    retried = boss.post(f"/v1/runs/{run_id}/retry", headers={"Prefer": "wait=20"})
    assert (retried.status_code, retried.json["status"]) == (200, "succeeded")
    assert retried.json == boss.get(retried.headers["Location"]).json


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """The API with four threads: enough for one stream and two waiting requests."""
    with serving(tmp_path, SHOP_API_THREADS="4") as url:
        yield url


def test_the_number_of_streams_is_limited(shop: Shop, url: str, staff: Any) -> None:
    lines = [{"product_id": goods("BOOK", 1), "quantity": 3}]
    waiting = staff.post("/v1/restocks", json={"lines": lines}).json
    address = f"{url}{waiting['links']['task']}/events"
    with requests.get(address, headers=staff.headers, stream=True, timeout=20) as stream:
        streamed = stream.iter_lines()
        assert next(streamed) == b"retry: 1000"
        refused = requests.get(address, headers=staff.headers, timeout=20)
        assert (refused.status_code, refused.json()["code"]) == (503, "too_many_streams")
        assert refused.headers["Retry-After"] == "5"
        assert requests.get(f"{url}/healthz", timeout=20).status_code == 200
        staff.post(f"{waiting['links']['purchase_order']}/cancel")
        assert b"id: end" in list(streamed)
    assert wait_until(lambda: requests.get(address, headers=staff.headers, timeout=20).status_code == 200, 20, 0.2)
