"""Event streams end when their reader loses access."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any

import pytest

import durable
from api.http import event_stream
from durable.ids import new_id
from models.core.database import transaction
from tests.conftest import PASSWORD
from tests.runs import some_input

FEED, TASK = "/v1/events/stream", "/v1/tasks/{run_id}/events"


def change_password_elsewhere(boss: Any) -> Any:
    login = {"username": boss.username, "password": PASSWORD}
    there = boss.client.post("/v1/auth/login", json=login).json
    body = {"current_password": PASSWORD, "new_password": "another horse battery"}
    headers = {"Authorization": f"Bearer {there['access_token']}"}
    return boss.client.post("/v1/auth/password", json=body, headers=headers)


LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "logout": lambda boss, admin: boss.post("/v1/auth/logout"),
    "the session is ended": lambda boss, admin: boss.delete(f"/v1/me/sessions/{boss.session_id}"),
    "the password is changed elsewhere": lambda boss, admin: change_password_elsewhere(boss),
    "the role is withdrawn": lambda boss, admin: admin.delete(f"/v1/users/{boss.user_id}/roles/staff"),
}


@pytest.fixture(autouse=True)
def _short_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT", 0.3)
    monkeypatch.setattr(event_stream, "POLL_INTERVAL", 0.1)


@pytest.fixture
def admin(sign_in: Callable[..., Any]) -> Any:
    return sign_in("admin", "admin")


def started(owner: str | None = None) -> str:
    """A run that nobody performs."""
    with transaction() as session:
        run_id = durable.start(session, "checkout", new_id("ord"), some_input("checkout"), owner=owner)
        session.info.clear()  # not to be published
    return run_id


@contextmanager
def opened(client: Any, path: str, headers: dict[str, str]) -> Iterator[Iterator[str]]:
    """The texts of a stream, of which two have been read: it goes on."""
    answer = client.get(path.format(run_id=started()), headers=headers)
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
    with closing(answer):
        texts = map(bytes.decode, iter(answer.response))
        assert next(texts) == "retry: 1000\n\n"
        assert next(texts)
        yield texts


def test_these_are_all_streams(client: Any) -> None:
    paths = client.get("/openapi.json").json["paths"]
    streams = {path for path, found in paths.items() if "text/event-stream" in json.dumps(found)}
    assert {path.replace("{task_id}", "{run_id}") for path in streams} == {FEED, TASK}


@pytest.mark.parametrize("path", [FEED, TASK])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_stream_ends_when_its_reader_loses_access(
    client: Any, sign_in: Callable[..., Any], admin: Any, path: str, loss: str
) -> None:
    boss = sign_in("boss", "staff")
    with opened(client, path, boss.headers) as stream:
        answer = LOSSES[loss](boss, admin)
        assert answer.status_code in (200, 204), answer.json
        assert "id: end" not in "".join(stream)  # which is a timeout if the stream goes on


@pytest.mark.parametrize("path", [FEED, TASK])
def test_a_stream_ends_when_its_key_is_revoked(client: Any, admin: Any, path: str) -> None:
    key = admin.post("/v1/api-keys", json={"name": "till", "permissions": ["runs:read"]}).json
    with opened(client, path, {"X-Api-Key": key["key"]}) as stream:
        assert admin.delete(f"/v1/api-keys/{key['id']}").status_code in (200, 204)
        assert "id: end" not in "".join(stream)


def test_a_stream_goes_on_as_long_as_its_reader_has_access(client: Any, sign_in: Callable[..., Any]) -> None:
    boss = sign_in("boss", "staff")
    with opened(client, FEED, boss.headers) as stream:
        assert len(list(islice(stream, 5))) == 5  # five heartbeats, with a check before each
