"""The sandbox provider's HTTP side: discovery, the page of the sign-in, tokens and keys."""

import asyncio
import hmac
import json
import secrets
from base64 import b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape
from typing import Any
from urllib.parse import urlencode

from tornado.web import RequestHandler

from sandbox.doors import GuardedApplication
from sandbox.faults import Fault, Faults, FaultsHandler
from sandbox.oidc.keys import WRONG, Keys
from sandbox.page_frame import page_frame

HABITS = (*WRONG, "clock", "expired", "no_expiry", "unknown_key", "alg_none", "hs256", "forged", "no_token")
"""What can be wrong with the next ID token."""
KINDS = (*HABITS, "slow", "500", "huge", "redirect", "not_json")


class Habit(Fault):
    """The next answer of `path` is as `kind` says; `seconds`: how slow, or how wrong the clock is."""

    path: str = "/token"
    seconds: float = 0

    def matches(self, path: str) -> bool:
        """Whether it applies to requests of this path."""
        return path == self.path and self.kind in KINDS


@dataclass
class Provider:
    """What the handlers share. All of it is lost when the process ends."""

    issuer: str
    client: tuple[str, str]
    keys: Keys = field(default_factory=Keys)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    faults: Faults[Habit] = field(default_factory=lambda: Faults(Habit))


class Call(RequestHandler):
    """A request, after what the faults make of it."""

    provider: Provider
    habit: Habit | None = None

    def initialize(self, provider: Provider) -> None:
        self.provider = provider

    async def prepare(self) -> None:
        self.habit = self.provider.faults.next(self.request.path)
        match self.habit and self.habit.kind:
            case "slow":
                await asyncio.sleep(self.habit.seconds if self.habit else 0)
            case "500":
                self.reply({"error": "server_error"}, 500)
            case "huge":
                self.reply({"padding": "x" * 1_000_000})
            case "not_json":
                self.finish("<html>Down for maintenance</html>")
            case "redirect":
                self.redirect("http://127.0.0.1:9/")

    def reply(self, body: dict[str, Any], status: int = 200) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(body))


class Discovery(Call):
    """OpenID Connect Discovery 1.0."""

    def get(self) -> None:
        at = self.provider.issuer
        self.reply({
            "issuer": at, "authorization_endpoint": f"{at}/authorize", "token_endpoint": f"{at}/token",
            "jwks_uri": f"{at}/jwks", "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"], "code_challenge_methods_supported": ["S256"],
        })  # fmt: skip


class KeySet(Call):
    def get(self) -> None:
        self.reply(self.provider.keys.published())


class Authorize(Call):
    """The page on which a user signs in, or not. It is answered by a form, or in tests by a POST with `user`, JSON."""

    def get(self) -> None:
        address = escape(self.request.uri or "", quote=True)
        form = f"""<h1>Sign in</h1><form method="post" action="{address}">
            <p><label>Subject<br><input name="sub" value="ada"></label></p>
            <p><label>E-mail address<br><input name="email" value="ada@example.org"></label></p>
            <p><label><input type="checkbox" name="verified" checked> verified</label></p>
            <p class="buttons"><button class="main">Sign in</button>
            <button name="error" value="access_denied">Refuse</button></p></form>"""
        self.finish(page_frame("Sandbox ID", "Sandbox ID", form))

    def post(self) -> None:
        asked = {name: self.get_query_argument(name, "") for name in (
            "client_id", "redirect_uri", "state", "nonce", "scope", "response_type", "code_challenge",
            "code_challenge_method",
        )}  # fmt: skip
        if asked["client_id"] != self.provider.client[0] or not asked["redirect_uri"]:
            self.set_status(400)
            self.finish("Unknown client")
            return
        error = self.get_body_argument("error", "") or _fault_of(asked)
        if error:  # as a redirect, like real providers
            self._return_to(asked, {"error": error})
            return
        email, code = self.get_body_argument("email", ""), secrets.token_urlsafe(24)
        user = {"sub": self.get_body_argument("sub"), "email": email, "email_verified": bool(
            self.get_body_argument("verified", ""))}  # fmt: skip
        names = {name: self.get_body_argument(name, "") for name in ("given_name", "family_name")}
        self.provider.codes[code] = {**asked, "user": json.dumps({**user, **names})}
        self._return_to(asked, {"code": code})

    def _return_to(self, asked: dict[str, str], given: dict[str, str]) -> None:
        self.redirect(f"{asked['redirect_uri']}?{urlencode({**given, 'state': asked['state']})}")


def _fault_of(asked: dict[str, str]) -> str:
    if asked["response_type"] != "code" or "openid" not in asked["scope"].split():
        return "unsupported_response_type"
    has_pkce = asked["code_challenge_method"] == "S256" and len(asked["code_challenge"]) == 43
    return "" if has_pkce and asked["nonce"] and asked["state"] else "invalid_request"


class Token(Call):
    """The token endpoint (RFC 6749, section 4.1.3). A code works once, with its client, page and verifier."""

    def post(self) -> None:
        if self._client() != self.provider.client:
            self.reply({"error": "invalid_client"}, 401)
            return
        known = self.provider.codes.pop(self.get_body_argument("code", ""), None)
        if known is None or not self._fits(known):
            self.reply({"error": "invalid_grant"}, 400)
            return
        claims = {"iss": self.provider.issuer, "aud": known["client_id"], "nonce": known["nonce"]}
        kind, seconds = (self.habit.kind, self.habit.seconds) if self.habit else (None, 0.0)
        token = self.provider.keys.sign({**claims, **json.loads(known["user"])}, kind, seconds)
        answer = {"access_token": secrets.token_urlsafe(24), "token_type": "Bearer", "expires_in": 300}
        self.reply(answer if kind == "no_token" else {**answer, "id_token": token})

    def _client(self) -> tuple[str, str] | None:
        kind, _, value = self.request.headers.get("Authorization", "").partition(" ")
        try:
            name, _, secret = b64decode(value).decode().partition(":")
        except (Base64Error, UnicodeDecodeError):
            return None
        return (name, secret) if kind == "Basic" else None

    def _fits(self, known: dict[str, str]) -> bool:
        verifier = self.get_body_argument("code_verifier", "")
        made = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
        same_page = self.get_body_argument("redirect_uri", "") == known["redirect_uri"]
        return same_page and hmac.compare_digest(made, known["code_challenge"])


class Rotate(Call):
    def post(self) -> None:
        self.provider.keys.rotate()
        self.set_status(204)


def application(issuer: str, client: tuple[str, str]) -> GuardedApplication:
    """The provider with one client: its id and secret."""
    provider = Provider(issuer, client)
    mine = {"provider": provider}
    return GuardedApplication([
        ("/.well-known/openid-configuration", Discovery, mine), ("/jwks", KeySet, mine),
        ("/authorize", Authorize, mine), ("/token", Token, mine), ("/sandbox/rotate", Rotate, mine),
        ("/sandbox/faults", FaultsHandler, {"faults": provider.faults}),
    ])  # fmt: skip
