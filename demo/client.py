"""A client of the shop's REST API."""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.util import Retry, Timeout

TIMEOUT = Timeout(connect=5, read=60)  # seconds; the API responds after 30 s at most
MAX_WAIT = 25  # seconds that one request waits for the end of a task

RETRY = Retry(
    total=10, backoff_factor=0.2, backoff_max=5, status_forcelist=(429, 503), allowed_methods=None,
    raise_on_status=False,
)  # fmt: skip
"""For idempotent requests."""
RETRY_IF_NOT_SENT = RETRY.new(allowed_methods=frozenset({"GET"}))
"""For other POST requests: retried only if no connection was made."""


class Refused(Exception):
    """The response is a problem document (RFC 9457): HTTP status, code, detail and complete body."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status, self.problem = status, problem
        self.code = str(problem.get("code", ""))
        self.detail = str(problem.get("detail") or problem.get("title") or "no reason given")
        super().__init__(f"{status} {self.code}: {self.detail} {problem.get('errors') or ''}".rstrip())


class Unreachable(Exception):
    """The shop did not respond to any retry. A POST without a key may have been processed."""


class Unfinished(Exception):
    """The task did not end in time."""


class Client:
    """A client of the shop, signed in or not. Clients made with `new_client` share connections.

    A client is not thread-safe. Requests are retried while the shop responds 503 or cannot be reached; a POST without
    an Idempotency-Key is retried only if it never reached the shop. Requests raise Refused and Unreachable.
    """

    def __init__(self, address: str, pool: urllib3.PoolManager | None = None) -> None:
        self.address = address.rstrip("/")
        self.user: dict[str, Any] = {}
        self._pool = pool or urllib3.PoolManager(maxsize=32)
        self._credentials: tuple[str, str] | None = None
        self._token = ""

    def new_client(self) -> "Client":
        """Returns a new client of the same shop, not signed in."""
        return Client(self.address, self._pool)

    def register(self, person: Mapping[str, Any]) -> None:
        """Creates an account from the fields of `POST /v1/auth/register` and signs in.

        Raises Refused with 409 if the account exists. This call itself may have created it, if it was retried after
        the response was lost.
        """
        answer = self._request("POST", "/v1/auth/register", body=person, retries=RETRY)
        self._credentials = person["username"], person["password"]
        self._token, self.user = answer["access_token"], answer["user"]

    def sign_in(self, username: str, password: str) -> None:
        """Signs in. Requests sign in again automatically when the access token has expired."""
        login = {"username": username, "password": password}
        answer = self._request("POST", "/v1/auth/login", body=login, retries=RETRY, reauthenticate=False)
        self._credentials = username, password
        self._token, self.user = answer["access_token"], answer.get("user", {})

    def get(self, path: str, **query: Any) -> Any:
        """Returns the JSON at the path."""
        return self._request("GET", path, query=query)

    def get_page(self, path: str) -> str:
        """Returns the text at the path, such as an HTML page."""
        answer = self._send("GET", path, None, None, None, RETRY)
        if answer.status >= 400:
            raise Refused(answer.status, {"detail": answer.data.decode(errors="replace")[:200]})
        return answer.data.decode()

    def list(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Yields all items of a list, page by page."""
        while True:
            page = self.get(path, **{"limit": 100, **query})
            yield from page["data"]
            if not page["has_more"]:
                return
            query["cursor"] = page["next_cursor"]

    def post(self, path: str, body: Mapping[str, Any], key: str | None = None) -> Any:
        """Sends JSON, with an Idempotency-Key if `key` is given."""
        return self._request("POST", path, body=body, key=key, retries=RETRY if key else RETRY_IF_NOT_SENT)

    def post_file(self, path: str, content: bytes, **query: str) -> Any:
        """Sends a file as the body."""
        return self._request("POST", path, query=query, body=content, key=str(uuid4()), retries=RETRY)

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """Sends JSON."""
        return self._request("PUT", path, body=body)

    def post_to(self, url: str, body: Mapping[str, Any]) -> None:
        """Sends JSON to another server, such as the page to which a customer is redirected. Raises Refused."""
        try:
            answer = self._pool.request("POST", url, json=body, timeout=TIMEOUT, retries=RETRY_IF_NOT_SENT)
        except HTTPError as error:
            raise Unreachable(f"POST {url}: no response: {error}") from error
        if answer.status >= 400:
            raise Refused(answer.status, {"detail": answer.data.decode(errors="replace")[:200]})

    def delete(self, path: str) -> None:
        self._request("DELETE", path)

    def follow(self, task_id: str, patience: float = 120) -> dict[str, Any]:
        """Waits for the end of a task and returns it. Raises Unfinished after `patience` seconds."""
        end = time.monotonic() + patience
        while True:
            asked = time.monotonic()
            left = max(min(end - asked, MAX_WAIT), 0)
            task: dict[str, Any] = self.get(f"/v1/tasks/{task_id}", wait=round(left, 1))
            if task["finished_at"]:
                return task
            if time.monotonic() > end:
                raise Unfinished(f"Task {task_id} is still {task['status']} after {patience:.0f} s.")
            if time.monotonic() - asked < 0.2:  # the API has no free waiting slot
                time.sleep(0.2)

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        key: str | None = None,
        retries: Retry = RETRY,
        reauthenticate: bool = True,
    ) -> Any:
        answer = self._send(method, path, query, body, key, retries)
        if answer.status == 401 and self._credentials and reauthenticate:
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
        sent = {"body": body} if isinstance(body, bytes) else {"json": body}
        try:
            return self._pool.request(method, url, **sent, headers=headers, timeout=TIMEOUT, retries=retries)
        except HTTPError as error:
            raise Unreachable(f"{method} {url}: no response: {error}") from error


def seconds_of(timed: Mapping[str, Any], began: str = "created_at") -> float:
    """The duration of a completed task in seconds; with `began="started_at"`, that of a step."""
    return (datetime.fromisoformat(timed["finished_at"]) - datetime.fromisoformat(timed[began])).total_seconds()
