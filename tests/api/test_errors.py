"""Every error is a problem document, never an HTML page or a stack trace."""

import json
import logging
import os
import subprocess
import sys
from typing import Any

import pytest
from flask import Blueprint
from sqlalchemy import text

from models.core.database import transaction
from models.core.errors import Conflict, GatewayDown, PaymentDeclined, TooManyRequests


def failing(name: str) -> str:
    match name:
        case "conflict":
            raise Conflict("No.", code="wrong_state", current="shipped")
        case "declined":
            raise PaymentDeclined("insufficient_funds", "The card was declined.")
        case "throttled":
            raise TooManyRequests("Slow down.", retry_after=17)
        case "gateway":
            raise GatewayDown("connection refused to 10.1.2.3")
        case "bug":
            raise ZeroDivisionError("the secret is 42")
        case "statement":
            with transaction() as session:
                session.execute(text("SELECT * FROM no_such_table"))
        case "cut":
            with transaction() as session:
                session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    return "it has not failed"


@pytest.fixture
def failures(database: None) -> Any:
    """The application with an endpoint for each kind of failure."""
    from api.app import create_app

    app = create_app()
    blueprint = Blueprint("failures", __name__)
    blueprint.get("/v1/fail/<name>")(failing)
    app.register_blueprint(blueprint)
    return app.test_client()


def assert_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    body: dict[str, Any] = answer.json
    assert (body["status"], body["code"], body["type"]) == (status, code, f"/docs/errors#{code}")
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == answer.headers["X-Request-Id"]
    return body


def test_a_refusal_has_code_detail_and_extra_fields(failures: Any) -> None:
    body = assert_problem(failures.get("/v1/fail/conflict"), 409, "wrong_state")
    assert (body["title"], body["detail"], body["current"]) == ("Conflict", "No.", "shipped")
    body = assert_problem(failures.get("/v1/fail/declined"), 402, "payment_declined")
    assert body["decline_code"] == "insufficient_funds"


def test_a_throttled_request_has_retry_after(failures: Any) -> None:
    answer = failures.get("/v1/fail/throttled")
    assert_problem(answer, 429, "too_many_requests")
    assert answer.headers["Retry-After"] == "17"


@pytest.mark.parametrize("name", ["bug", "statement"])
def test_a_bug_is_logged_and_not_exposed(failures: Any, name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = failures.get(f"/v1/fail/{name}", headers={"X-Request-Id": "bug-1"})
    body = assert_problem(answer, 500, "internal_error")
    assert "42" not in answer.text
    assert "no_such_table" not in answer.text
    assert set(body) == {"type", "title", "status", "detail", "code", "request_id"}
    assert "request bug-1" in caplog.text
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("name", ["gateway", "cut"])
def test_a_lost_connection_answers_503_with_retry_after(failures: Any, name: str) -> None:
    answer = failures.get(f"/v1/fail/{name}")
    body = assert_problem(answer, 503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert "10.1.2.3" not in body["detail"]


def test_an_unavailable_database_answers_503() -> None:
    program = (
        "from api.app import app; a = app.test_client().post('/v1/auth/login', json="
        "{'username': 'ada', 'password': 'correct horse'}); print(a.status_code, a.headers['Retry-After'], a.text)"
    )
    environment = os.environ | {"SHOP_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/shopflow"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    status, retry_after, body = done.stdout.split(maxsplit=2)
    assert (status, retry_after) == ("503", "1")
    assert json.loads(body)["code"] == "unavailable"


def test_unknown_paths_and_methods_are_problem_documents(client: Any) -> None:
    assert_problem(client.get("/v1/nothing"), 404, "not_found")
    assert_problem(client.get("/v1/tasks/run_1"), 404, "not_found")
    answer = client.put("/v1/auth/login", json={})
    assert_problem(answer, 405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"\xff\xfe\x00", b'{"a": NaN}', b"[" * 100_000, b'{"username": ' + b"1" * 5000 + b"}", b"\x80",
    ],
    ids=["cut off", "half UTF-16", "NaN", "too deep", "number too long", "no UTF-8"],
)  # fmt: skip
def test_malformed_json_is_refused(client: Any, body: bytes) -> None:
    answer = client.post("/v1/auth/login", data=body, content_type="application/json")
    assert_problem(answer, 400, "malformed_json")


def test_an_unsupported_media_type_is_refused(client: Any) -> None:
    answer = client.post("/v1/auth/login", data="username=ada", content_type="application/x-www-form-urlencoded")
    assert_problem(answer, 415, "unsupported_media_type")


def test_an_oversized_body_is_refused(client: Any) -> None:
    answer = client.post("/v1/auth/login", json={"username": "a" * 2**20})
    assert_problem(answer, 413, "body_too_large")
    answer = client.post("/v1/auth/login", json={"username": "a" * (2**20 - 100), "password": "x"})
    assert_problem(answer, 422, "invalid_fields")


def test_every_invalid_field_is_named(client: Any) -> None:
    answer = client.post(
        "/v1/auth/register",
        json={"username": "a", "email": "nobody", "password": "short", "first_name": "A", "admin": True,
              "address": {"line1": "", "country": "GB"}},
    )  # fmt: skip
    body = assert_problem(answer, 422, "invalid_fields")
    assert set(body["errors"]) == {
        "username", "email", "password", "last_name", "admin", "address.line1", "address.city",
    }  # fmt: skip
    assert all(isinstance(fault, str) for faults in body["errors"].values() for fault in faults)


@pytest.mark.parametrize("body", [[], "text", 1, None])
def test_json_other_than_an_object_is_refused(client: Any, body: Any) -> None:
    answer = client.post("/v1/auth/login", data=json.dumps(body), content_type="application/json")
    assert_problem(answer, 422, "invalid_fields")


@pytest.mark.parametrize("value", ["nul\0", "half a pair \ud800"])
def test_text_that_postgresql_cannot_store_is_refused(client: Any, value: str) -> None:
    answer = client.post("/v1/auth/login", json={"username": value, "password": "correct horse"})
    assert "username" in assert_problem(answer, 422, "invalid_fields")["errors"]


def test_query_parameters_are_validated(customer: Any) -> None:
    body = assert_problem(customer.get("/v1/me/addresses?limit=0&cursro=x"), 422, "invalid_fields")
    assert set(body["errors"]) == {"limit", "cursro"}
    body = assert_problem(customer.get("/v1/me/addresses?cursor=a%00b"), 422, "invalid_fields")
    assert set(body["errors"]) == {"cursor"}


def test_request_ids_are_accepted_and_returned(client: Any) -> None:
    assert client.get("/healthz", headers={"X-Request-Id": "mine-1.2_3"}).headers["X-Request-Id"] == "mine-1.2_3"
    for bad in ("with space", "x" * 129, 'quote"', ""):
        assert client.get("/healthz", headers={"X-Request-Id": bad}).headers["X-Request-Id"] not in ("", bad)
    made = {client.get("/healthz").headers["X-Request-Id"] for _ in range(3)}
    assert len(made) == 3


def test_a_request_id_does_not_outlive_its_request(client: Any) -> None:
    from models.core.database import request_id

    client.get("/healthz", headers={"X-Request-Id": "mine"})
    assert request_id.get() is None


def test_every_response_has_security_headers(client: Any) -> None:
    for path in ("/healthz", "/v1/nothing", "/v1/me"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
