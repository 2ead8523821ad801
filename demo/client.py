"""The shop's REST API as a customer or a member of staff uses it."""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.util import Retry, Timeout

TIMEOUT = Timeout(connect=5, read=60)  # seconds; the API holds an answer for 30 at most
LONGEST_WAIT = 25  # seconds that one request waits for the end of a task

REPEATED = Retry(
    total=10, backoff_factor=0.2, backoff_max=5, status_forcelist=(429, 503), allowed_methods=None,
    raise_on_status=False,
)  # fmt: skip
"""For requests that do no harm when they arrive twice."""
UNHEARD = REPEATED.new(allowed_methods=frozenset({"GET"}))
"""For a POST that does: sent again only where no connection was made."""


class Refused(Exception):
    """The shop's answer was a problem (RFC 9457): its HTTP status, code, sentence and whole body."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status, self.problem = status, problem
        self.code = str(problem.get("code", ""))
        self.detail = str(problem.get("detail") or problem.get("title") or "no reason given")
        super().__init__(f"{status} {self.code}: {self.detail} {problem.get('errors') or ''}".rstrip())


class Unreachable(Exception):
    """The shop did not answer, however often it was asked. For a POST without a key: perhaps it has heard."""


class Unfinished(Exception):
    """A task that did not end in time."""


class Client:
    """One visitor of the shop, signed in or not. Clients made with `another` share their connections.

    A client is for one thread at a time. Every request is repeated while the shop says 503 or can't be
    reached, but for a POST without an Idempotency-Key, which is repeated only if it never arrived. Requests
    raise Refused and Unreachable.
    """

    def __init__(self, address: str, pool: urllib3.PoolManager | None = None) -> None:
        self.address = address.rstrip("/")
        self.user: dict[str, Any] = {}
        self._pool = pool or urllib3.PoolManager(maxsize=32)
        self._credentials: tuple[str, str] | None = None
        self._token = ""

    def another(self) -> "Client":
        """A further visitor of the same shop, not signed in."""
        return Client(self.address, self._pool)

    def register(self, person: Mapping[str, Any]) -> None:
        """Opens an account from the fields of `POST /v1/auth/register`, and is signed in to it from then on.

        Refused with 409 if there is one of that name, perhaps made by this very call, repeated after the shop's
        answer was lost.
        """
        answer = self._request("POST", "/v1/auth/register", body=person, retries=REPEATED)
        self._credentials = person["username"], person["password"]
        self._token, self.user = answer["access_token"], answer["user"]

    def sign_in(self, username: str, password: str) -> None:
        """Signs in; when the access token has run out, a request does so again without a word."""
        login = {"username": username, "password": password}
        answer = self._request("POST", "/v1/auth/login", body=login, retries=REPEATED, again=False)
        self._credentials = username, password
        self._token, self.user = answer["access_token"], answer.get("user", {})

    def get(self, path: str, **query: Any) -> Any:
        """The JSON at the path."""
        return self._request("GET", path, query=query)

    def list(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """All items of a list, page by page."""
        while True:
            page = self.get(path, **{"limit": 100, **query})
            yield from page["data"]
            if not page["has_more"]:
                return
            query["cursor"] = page["next_cursor"]

    def post(self, path: str, body: Mapping[str, Any], key: str | None = None) -> Any:
        """Sends JSON, under an Idempotency-Key if there is one."""
        return self._request("POST", path, body=body, key=key, retries=REPEATED if key else UNHEARD)

    def delete(self, path: str) -> None:
        self._request("DELETE", path)

    def follow(self, task_id: str, patience: float = 120) -> dict[str, Any]:
        """The task once it has ended. Raises Unfinished after `patience` seconds."""
        end = time.monotonic() + patience
        while True:
            asked = time.monotonic()
            left = max(min(end - asked, LONGEST_WAIT), 0)
            task: dict[str, Any] = self.get(f"/v1/tasks/{task_id}", wait=round(left, 1))
            if task["finished_at"]:
                return task
            if time.monotonic() > end:
                raise Unfinished(f"Task {task_id} is still {task['status']} after {patience:.0f} s.")
            if time.monotonic() - asked < 0.2:  # too many wait already
                time.sleep(0.2)

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        key: str | None = None,
        retries: Retry = REPEATED,
        again: bool = True,
    ) -> Any:
        answer = self._send(method, path, query, body, key, retries)
        if answer.status == 401 and self._credentials and again:
            self.sign_in(*self._credentials)
            answer = self._send(method, path, query, body, key, retries)
        content = answer.json() if "json" in answer.headers.get("Content-Type", "") else None
        if answer.status >= 400:
            raise Refused(answer.status, content if isinstance(content, dict) else {})
        return content

    def _send(
        self, method: str, path: str, query: Mapping[str, Any] | None, body: Any, key: str | None, retries: Retry
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if key is not None:
            headers["Idempotency-Key"] = key
        url = self.address + path + (f"?{urlencode(query)}" if query else "")
        try:
            return self._pool.request(method, url, json=body, headers=headers, timeout=TIMEOUT, retries=retries)
        except HTTPError as error:
            raise Unreachable(f"{method} {url} got no answer: {error}") from error


def seconds_of(timed: Mapping[str, Any], began: str = "created_at") -> float:
    """How long something took: an ended task, or with `began="started_at"` one of its steps."""
    return (datetime.fromisoformat(timed["finished_at"]) - datetime.fromisoformat(timed[began])).total_seconds()
