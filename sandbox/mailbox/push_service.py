"""A push service (RFC 8030) and the browsers that use it.

`POST /push-service/subscriptions` is a browser that subscribes; the response is its `PushSubscription` as JSON. The
shop sends to its endpoint. The browser decrypts what has arrived (RFC 8291) and shows it on the mailbox page.
"""

import json
import re
import time
from typing import Any

import http_ece
import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from sandbox.mailbox.page import Page
from sandbox.mailbox.subscriptions import decoded

MAX_BODY = 4096  # bytes; RFC 8030, section 7.2
MAX_LIFETIME = 24 * 3600  # seconds; RFC 8292, section 2
RETRY_AFTER = 1  # seconds
ROOT = "/push-service"
AUTHORIZATION = r"vapid\s+t=([^,\s]+),\s*k=([A-Za-z0-9_-]+)"


class NewSubscription(Page):
    def post(self) -> None:
        """Subscribes. The body may name the `applicationServerKey`, as a browser's page does."""
        body = json.loads(self.request.body or b"{}")
        token, keys = self.state.subscriptions.add(body.get("applicationServerKey"))
        endpoint = f"{self.request.protocol}://{self.request.host}{ROOT}/{token}"
        self.reply(201, {"endpoint": endpoint, "expirationTime": None, "keys": keys})


class Subscription(Page):
    def post(self, token: str) -> None:
        """Accepts a notification: 201. Refuses like the services of browsers: 404 and 410 for a subscription that does
        not exist or has ended, 400, 401, 403 and 413; 429 as long as there are faults of the kind `push_busy`."""
        if self.state.faults.next(kinds=("push_busy",)):
            self.set_header("Retry-After", str(RETRY_AFTER))
            self.reply(429, {"error": "too many requests"})
            return
        known = self.state.subscriptions.find(token)
        refused = self._refusal(known)
        if refused is not None or known is None:
            status, reason = refused or (404, "")
            self.reply(status, {"error": reason})
            return
        title, text = _shown(known, self.request.body)
        topic = self.request.headers.get("Topic")
        payload = {
            "kind": "push", "to": f"browser {token[:8]}", "title": title, "message": text,
            "message_id": topic and f"push {token} {topic}",
        }  # fmt: skip
        message = self.state.store.add_push(payload)
        self.set_header("Location", f"/messages/{message.id}")
        self.reply(201, {})

    def delete(self, token: str) -> None:
        """The browser unsubscribes."""
        if self.state.subscriptions.find(token) is None:
            self.reply(404, {"error": "no such subscription"})
            return
        self.state.subscriptions.end(token)
        self.set_status(204)

    def _refusal(self, known: dict[str, Any] | None) -> tuple[int, str] | None:
        """The status and the reason for which the request is refused; None if it is accepted."""
        headers = self.request.headers
        if known is None:
            return 404, "no such subscription"
        if not known:
            return 410, "the subscription has ended"
        if len(self.request.body) > MAX_BODY:
            return 413, "the message is too large"
        if not headers.get("TTL", "").isdigit():
            return 400, "TTL is missing"
        if headers.get("Content-Encoding") != "aes128gcm":
            return 400, "Content-Encoding must be aes128gcm"
        if not re.fullmatch("[A-Za-z0-9_-]{1,32}", headers.get("Topic", "none")):
            return 400, "Topic must have at most 32 characters of base64url"
        return self._unauthorised(known)

    def _unauthorised(self, known: dict[str, Any]) -> tuple[int, str] | None:
        given = re.fullmatch(
            r"vapid\s+t=([^,\s]+),\s*k=([A-Za-z0-9_-]+)", self.request.headers.get("Authorization", "")
        )
        if given is None:
            return 401, "Authorization must be `vapid t=…, k=…`"
        token, key = given.groups()
        try:
            public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(key))
            origin = f"{self.request.protocol}://{self.request.host}"
            claims = jwt.decode(
                token, public, algorithms=["ES256"], audience=origin, options={"require": ["exp", "aud", "sub"]}
            )
        except (jwt.InvalidTokenError, ValueError) as error:
            return 403, f"the token is invalid: {error}"
        if claims["exp"] > time.time() + MAX_LIFETIME:
            return 403, "the token is valid for more than 24 hours"
        if known["server_key"] is not None and known["server_key"] != key:
            return 403, "the subscription belongs to another key"
        return None


def _shown(known: dict[str, Any], body: bytes) -> tuple[str, str]:
    """The title and the text that a browser shows."""
    private = ec.derive_private_key(int(known["private"], 16), ec.SECP256R1())
    try:
        plain = http_ece.decrypt(
            body, private_key=private, auth_secret=decoded(known["auth"]), version="aes128gcm"
        )  # fmt: skip
        found = json.loads(plain)
        return str(found["title"]), str(found["body"])
    except (http_ece.ECEException, ValueError, KeyError, TypeError) as error:
        return "(the browser cannot read this notification)", f"{type(error).__name__}: {error}"
