"""Idempotency keys: one effect, and the same response on every retry."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Blueprint
from flask.views import MethodView
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from api.http.auth import signed_in
from api.http.idempotency import idempotent
from local.waiting import wait_until
from models import accounts
from models.core import idempotency
from models.core.database import engine, transaction
from models.core.errors import Conflict

ADDRESSES = "/v1/me/addresses"
NEW = {"line1": "1 Lane", "city": "Leeds", "country": "GB"}


def key(value: str) -> dict[str, str]:
    return {"Idempotency-Key": value}


def count(table: Any) -> int:
    with transaction() as session:
        return session.scalars(select(func.count()).select_from(table)).one()


class Strict(MethodView):
    """An endpoint that requires a key, answers 202 and optionally refuses."""

    refusing = False

    @signed_in
    @idempotent(required=True)
    def post(self, session: Session) -> Any:
        session.execute(
            text("INSERT INTO workflow.queue_progress (queue, published_at) VALUES (:q, now())"), {"q": "q"}
        )
        if Strict.refusing:
            raise Conflict("Not now.")
        return {"task_id": "run_1"}, 202, {"Location": "/v1/tasks/run_1", "Retry-After": "1"}


@pytest.fixture
def strict(customer: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], Any]:
    """Posts to an endpoint that requires a key."""
    from api.app import create_app

    app = create_app()
    blueprint = Blueprint("strict", __name__)
    blueprint.add_url_rule("/v1/strict", view_func=Strict.as_view("strict"))
    app.register_blueprint(blueprint)
    monkeypatch.setattr(Strict, "refusing", False)
    client = app.test_client()

    def post(value: str | None) -> Any:
        return client.post("/v1/strict", headers={**customer.headers, **(key(value) if value is not None else {})})

    return post


def test_the_first_response_is_replayed(customer: Any) -> None:
    first = customer.post(ADDRESSES, json=NEW, headers=key("a"))
    again = customer.post(ADDRESSES, json=NEW, headers=key("a"))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json == again.json
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(customer.get(ADDRESSES).json["data"]) == 2  # the address of the registration and this one


def test_requests_without_a_key_are_independent(customer: Any) -> None:
    ids = {customer.post(ADDRESSES, json=NEW).json["id"] for _ in range(2)}
    assert len(ids) == 2
    assert count(idempotency.IdempotencyKey) == 0


def test_headers_and_status_are_replayed(strict: Callable[[str | None], Any]) -> None:
    first, again = strict("a"), strict("a")
    for answer in (first, again):
        assert (answer.status_code, answer.json) == (202, {"task_id": "run_1"})
        assert (answer.headers["Location"], answer.headers["Retry-After"]) == ("/v1/tasks/run_1", "1")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.headers["X-Request-Id"] != again.headers["X-Request-Id"]


def test_reuse_of_a_key_with_another_body_or_path_is_refused(customer: Any) -> None:
    customer.post(ADDRESSES, json=NEW, headers=key("a"))
    for path, body in ((ADDRESSES, {**NEW, "city": "York"}), (ADDRESSES + "?x=1", NEW)):
        answer = customer.post(path, json=body, headers=key("a"))
        assert (answer.status_code, answer.json["code"]) == (422, "idempotency_key_reused")


def test_keys_are_scoped_to_their_user(customer: Any, sign_in: Callable[..., Any]) -> None:
    mine = customer.post(ADDRESSES, json=NEW, headers=key("a")).json
    theirs = sign_in("other").post(ADDRESSES, json=NEW, headers=key("a")).json
    assert mine["id"] != theirs["id"]


def test_a_missing_or_too_long_key_is_refused(strict: Callable[[str | None], Any]) -> None:
    for value in (None, ""):
        answer = strict(value)
        assert (answer.status_code, answer.json["code"]) == (400, "idempotency_key_required")
    assert strict("k" * 255).status_code == 202
    answer = strict("k" * 256)
    assert (answer.status_code, answer.json["code"]) == (400, "idempotency_key_too_long")


def test_a_refused_request_stores_no_key(strict: Callable[[str | None], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Strict, "refusing", True)
    assert strict("a").status_code == 409
    assert count(idempotency.IdempotencyKey) == 0
    monkeypatch.setattr(Strict, "refusing", False)
    answer = strict("a")
    assert (answer.status_code, "Idempotent-Replayed" in answer.headers) == (202, False)


def test_an_unauthenticated_request_stores_no_key(client: Any) -> None:
    assert client.post(ADDRESSES, json=NEW, headers=key("a")).status_code == 401
    assert count(idempotency.IdempotencyKey) == 0


def test_concurrent_requests_with_one_key_run_once(app: Any, customer: Any) -> None:
    together = Barrier(6)

    def post(_: int) -> Any:
        together.wait(60)
        return app.test_client().post(ADDRESSES, json=NEW, headers={**customer.headers, **key("a")})

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(post, range(6)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 5
    assert count(accounts.Address) == 2


@pytest.mark.parametrize("committed", [True, False])
def test_a_concurrent_request_waits_for_the_first(app: Any, customer: Any, committed: bool) -> None:
    """A second request waits for the first; it then gets the stored response, or runs itself."""

    def post() -> Any:
        return app.test_client().post(ADDRESSES, json=NEW, headers={**customer.headers, **key("a")})

    first = post().json
    with transaction() as session:
        fingerprint = session.scalars(select(idempotency.IdempotencyKey.fingerprint)).one()
        session.execute(text("DELETE FROM workflow.idempotency_key"))
    with ThreadPoolExecutor(1) as threads:
        with Session(engine()) as holder:
            assert idempotency.claim(holder, customer.user_id, "a", fingerprint) is None
            waiting = threads.submit(post)
            assert wait_until(is_blocked, 60)
            assert not waiting.done()
            if committed:
                idempotency.save(holder, customer.user_id, "a", idempotency.StoredResponse(201, first, {}))
                holder.commit()
            else:
                holder.rollback()
        answer = waiting.result(10)
    assert answer.status_code == 201
    assert (answer.json["id"] == first["id"]) is committed
    assert ("Idempotent-Replayed" in answer.headers) is committed


def is_blocked() -> bool:
    with transaction() as session:
        return bool(session.scalars(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).one())


def test_an_empty_key_is_refused(customer: Any) -> None:
    address = {"line1": "12 St James's Square", "city": "London", "country": "GB"}
    refused = customer.post("/v1/me/addresses", json=address, headers={"Idempotency-Key": ""})
    assert (refused.status_code, refused.json["code"]) == (400, "idempotency_key_required")
