"""Calls of PayPal's REST API: tokens, request ids, and its errors in the shop's words.

PayPal's own SDK (paypal-server-sdk 2.2) is not used: its addresses are a fixed enumeration, so that it can't be pointed
at the sandbox, it has no types, and it can't verify webhooks.
"""

import json
import threading
import time
from hashlib import sha256
from typing import Any

import requests

from models.core.errors import GatewayDown
from settings import Settings
from tasks.gateways import traced

CONNECT_TIMEOUT = 2.0
SPARE = 60.0  # seconds before its end at which a token is not used any more
LONGEST_REQUEST_ID = 108
LATER = (408, 409, 429)
"""The same call may be repeated: it took too long, its twin is under way, or there were too many."""


USED_BEFORE = "PAYPAL_REQUEST_ID_PREVIOUSLY_USED"
"""The same request id was used for something else."""
OUR_MISTAKES = (USED_BEFORE, "DUPLICATE_REQUEST_ID")


class PayPalError(Exception):
    """PayPal does not take our credentials or our request: a bug or a setting. `issue` is its word for the reason."""

    def __init__(self, issue: str, text: str) -> None:
        super().__init__(text)
        self.issue = issue


class Refused(Exception):
    """PayPal won't do it (422), or has no such thing (404). `issue` is its word for the reason."""

    def __init__(self, status: int, issue: str, description: str) -> None:
        super().__init__(description)
        self.status, self.issue, self.description = status, issue, description


def request_id(*parts: str) -> str:
    """A PayPal-Request-Id, the same for the same parts. PayPal takes 108 characters."""
    whole = ":".join(parts)
    return whole if len(whole) <= LONGEST_REQUEST_ID else sha256(whole.encode()).hexdigest()


class Client:
    """PayPal, as `settings` name its address and credentials. One token serves all calls until it expires."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session = requests.Session()
        # A proxy that is set up for the outside world must not stand between us and our own sandbox.
        self._session.trust_env = bool(settings.paypal_base)
        traced.add_to(self._session)
        self._token, self._usable_until = "", 0.0
        self._renewing = threading.Lock()

    def get(self, path: str) -> dict[str, Any]:
        """Raises Refused, GatewayDown and PayPalError, as all of these."""
        return self._call("GET", path, None, {})[1]

    def post(self, path: str, body: Any, request_id: str | None = None) -> tuple[dict[str, Any], bool]:
        """What PayPal has made, and whether it was made just now; False: PayPal has repeated an earlier answer."""
        headers = {"Prefer": "return=representation"} | ({"PayPal-Request-Id": request_id} if request_id else {})
        status, answer = self._call("POST", path, json.dumps(body).encode(), headers)
        return answer, status == 201

    def post_raw(self, path: str, body: bytes) -> dict[str, Any]:
        """Posts JSON that must arrive byte for byte."""
        return self._call("POST", path, body, {})[1]

    def patch(self, path: str, changes: list[dict[str, str]]) -> None:
        self._call("PATCH", path, json.dumps(changes).encode(), {})

    def _call(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        for _ in range(2):
            token = self._valid_token()
            response = self._send(method, path, body, {**headers, "Authorization": f"Bearer {token}"})
            if response.status_code != 401:
                break
            self._drop(token)  # it was revoked, or has expired sooner than PayPal said
        return response.status_code, _read(response)

    def _valid_token(self) -> str:
        with self._renewing:
            if time.monotonic() >= self._usable_until:
                asked_at = time.monotonic()
                client = (self._settings.paypal_client_id, self._settings.paypal_client_secret)
                answer = _read(self._send("POST", "/v1/oauth2/token", b"grant_type=client_credentials", {}, client))
                self._token = str(answer["access_token"])
                self._usable_until = asked_at + float(answer["expires_in"]) - SPARE
            return self._token

    def _drop(self, token: str) -> None:
        with self._renewing:
            if self._token == token:
                self._usable_until = 0.0

    def _send(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], auth: tuple[str, str] | None = None
    ) -> requests.Response:
        kind = "application/x-www-form-urlencoded" if auth else "application/json"
        try:
            response = self._session.request(
                method, self._settings.paypal_url + path, data=body, auth=auth,
                headers={"Content-Type": kind, **headers}, timeout=(CONNECT_TIMEOUT, self._settings.gateway_timeout),
            )  # fmt: skip
        except requests.RequestException as error:
            raise GatewayDown(f"PayPal does not answer: {error}") from error
        if response.status_code >= 500 or response.status_code in LATER:
            raise GatewayDown(f"PayPal can't answer now ({response.status_code}).")
        return response


def _read(response: requests.Response) -> dict[str, Any]:
    """The answer's JSON. Raises Refused for 404 and 422, PayPalError for other refusals."""
    try:
        body: dict[str, Any] = response.json() if response.content else {}
    except ValueError as error:
        raise GatewayDown("PayPal's answer is not JSON.") from error
    if response.ok:
        return body
    detail = (body.get("details") or [{}])[0]
    issue = detail.get("issue") or body.get("name") or body.get("error") or str(response.status_code)
    description = detail.get("description") or body.get("message") or body.get("error_description") or issue
    if response.status_code in (404, 422) and issue not in OUR_MISTAKES:
        raise Refused(response.status_code, issue, description)
    debug = body.get("debug_id", "none")
    text = f"PayPal refuses the request ({response.status_code} {issue}, debug id {debug}): {description}"
    raise PayPalError(issue, text)
