"""Log lines: what they belong to, as text and as JSON, and the access log."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from durable import context
from settings import settings
from telemetry import logs
from tests.telemetry.checking_out import check_out
from tests.telemetry.conftest import Telling


def lines(file: Path) -> list[dict[str, Any]]:
    """The lines of a log; fails for one that is not JSON."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_the_clients_request_id_is_in_the_lines_of_the_api_and_of_the_workers(telling: Telling, customer: Any) -> None:
    task = check_out(telling.api, customer, method="pm_card_chargeDeclined", **{"X-Request-Id": "from-the-client.1"})
    assert task["status"] == "cancelled"
    asked = [line for line in lines(telling.logs / "api.log") if line.get("request_id") == "from-the-client.1"]
    assert [(line["method"], line["route"], line["status"], line["caller"]) for line in asked] == [
        ("POST", "/v1/checkout", 202, customer.user_id)
    ]
    assert asked[0]["duration_ms"] > 0
    of_run = [line for line in lines(telling.logs / "worker-all.log") if line.get("run_id") == task["id"]]
    refused = [line for line in of_run if "refused" in line["message"]]
    assert [(line["step"], line["request_id"]) for line in refused] == [("payments.authorise", "from-the-client.1")]
    assert any(line["logger"] == "celery.app.trace" for line in of_run), "Celery's own lines name the run, too"


def test_the_access_log_has_routes_and_no_values(telling: Telling) -> None:
    nobody = requests.get(f"{telling.api}/v1/products?q=ada@example.org", headers={"X-Request-Id": "q"}, timeout=30)
    assert nobody.status_code == 200
    assert requests.get(f"{telling.api}/nowhere/ada@example.org", timeout=30).status_code == 404
    assert requests.request("FETCH", f"{telling.api}/v1/me", timeout=30).status_code == 405
    seen = [line for line in lines(telling.logs / "api.log") if line["logger"] == "shopflow.access"][-3:]
    assert [(line["method"], line["route"], line["status"], "caller" in line) for line in seen] == [
        ("GET", "/v1/products", 200, False), ("GET", "-", 404, False), ("-", "-", 405, False),
    ]  # fmt: skip
    assert seen[0]["request_id"] == "q"


def test_every_line_of_every_process_is_json(telling: Telling) -> None:
    for name in ("api", "worker-all", "dispatcher"):
        written = lines(telling.logs / f"{name}.log")
        assert written, name
        assert all({"time", "level", "logger", "message", "process"} <= line.keys() for line in written)
        assert all(line.keys() <= set(logs.FIELDS) for line in written)


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Logs one record in a format; returns the line."""

    def write(log_format: str, message: str, *values: object, **extra: object) -> str:
        monkeypatch.setattr("telemetry.logs.settings", settings.model_copy(update={"log_format": log_format}))
        record = logging.makeLogRecord({"name": "shop", "levelname": "INFO", "msg": message, "args": values, **extra})
        handler = logs.dress(logging.NullHandler())
        assert handler.filter(record)
        return handler.format(record)

    return write


def test_text_has_the_context_behind_the_message(logged: Callable[..., str]) -> None:
    assert logged("text", "ready").endswith("shop: ready")
    with context.working_on("run_1", "orders.place", "asked"):
        assert logged("text", "done %d", 3).endswith("shop: done 3 [request_id=asked run_id=run_1 step=orders.place]")
    assert logged("text", "ready").endswith("shop: ready")


def test_json_leaves_out_what_a_library_attaches(logged: Callable[..., str]) -> None:
    line = json.loads(logged("json", "sent", data={"id": "run_1:0:a.b[c]", "args": "private"}, to="ada"))
    assert (line["message"], line["run_id"], line["step"]) == ("sent", "run_1", "a.b[c]")
    assert "private" not in str(line)
    assert "ada" not in str(line)


def test_json_keeps_a_traceback_in_its_line(logged: Callable[..., str]) -> None:
    try:
        raise ValueError("broken")
    except ValueError as error:
        line = logged("json", "failed", exc_info=(ValueError, error, error.__traceback__))
    assert "\n" not in line
    assert "ValueError: broken" in json.loads(line)["exception"]
