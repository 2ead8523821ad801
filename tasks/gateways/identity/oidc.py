"""Sign-in by OpenID Connect: authorization code with PKCE (RFC 7636), state and nonce.

The nonce and the code verifier are derived from the state and the shop's secret key, so that nothing is stored between
the two requests, and whoever sees the state knows neither.
"""

import hmac
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import jwt
from authlib.integrations.requests_client import OAuth2Session, OAuthError
from pybreaker import CircuitBreaker, CircuitBreakerError
from requests.exceptions import RequestException

from models.accounts import UserInfo
from models.core.encryption import derive_key
from models.core.errors import NotSignedIn, ProviderDown
from setting_groups.sign_in import OidcProvider
from tasks.gateways.identity.bounded import bound

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Only those with a public key: neither `none`, nor HS256, for which a public key would be the secret."""
CLOCK_SKEW = 60  # seconds
KEEP_FOR = 3600  # seconds for which the documents of a provider are kept
REREAD_AFTER = 10  # seconds; a key that is not known yet is looked for, but not by every forged token
AUTHENTICATION = {True: "client_secret_basic", False: "none"}

T = TypeVar("T")


class _Documents:
    """The configuration and the keys of a provider, as they were read last."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[float, dict[str, Any]]] = {}

    def get(self, client: OAuth2Session, url: str, max_age: float = KEEP_FOR) -> dict[str, Any]:
        """A JSON object. Raises RequestException and ValueError."""
        read_at, known = self._read.get(url, (0.0, {}))
        if known and time.monotonic() - read_at < max_age:
            return known
        response = client.get(url, withhold_token=True)  # type: ignore[call-arg]  # an option of Authlib's
        response.raise_for_status()
        found = response.json()
        if not isinstance(found, dict):
            raise ValueError(f"{url} is no JSON object")
        self._read[url] = (time.monotonic(), found)
        return found


documents = _Documents()


@cache
def breaker(name: str, call: str) -> CircuitBreaker:
    """Of a provider and a call (`start`, which seldom asks it, or `finish`): after three failures, it is left alone for
    ten seconds, so that it occupies no threads."""
    return CircuitBreaker(fail_max=3, reset_timeout=10, exclude=[NotSignedIn])


def make_url(provider: OidcProvider, state: str, return_url: str) -> str:
    """Where the provider asks its user. Raises ProviderDown."""

    def make() -> str:
        client = _client(provider, return_url)
        url, _ = client.create_authorization_url(
            _configuration(client, provider)["authorization_endpoint"], state=state, nonce=_derived("nonce", state),
            code_verifier=_derived("verifier", state),
        )  # fmt: skip
        return url

    return _call(provider, "start", make)


def exchange(provider: OidcProvider, code: str, state: str, return_url: str) -> UserInfo:
    """Who has signed in at the provider. Raises NotSignedIn `sign_in_refused`, and ProviderDown."""

    def ask() -> UserInfo:
        client = _client(provider, return_url)
        configuration = _configuration(client, provider)
        grant = {"grant_type": "authorization_code", "code": code, "code_verifier": _derived("verifier", state)}
        try:
            tokens = client.fetch_token(configuration["token_endpoint"], **grant)
        except OAuthError as error:
            raise refused_error(error.error) from error
        token = tokens.get("id_token")
        if not isinstance(token, str):
            raise refused_error("there is no ID token")
        return _user_info(provider, _verified(client, provider, configuration, token, _derived("nonce", state)))

    return _call(provider, "finish", ask)


def _call(provider: OidcProvider, name: str, work: Callable[[], T]) -> T:
    try:
        made: T = breaker(provider.name, name).call(work)
    except (RequestException, ValueError, KeyError, CircuitBreakerError) as error:
        raise ProviderDown(f"{provider.title} does not respond as it should: {str(error)[:200]}") from error
    return made


def _client(provider: OidcProvider, return_url: str) -> OAuth2Session:
    secret = provider.client_secret.get_secret_value()
    client = OAuth2Session(
        provider.client_id, secret or None, scope="openid email profile", redirect_uri=return_url,
        code_challenge_method="S256", token_endpoint_auth_method=AUTHENTICATION[bool(secret)],
    )  # fmt: skip
    bound(client)
    return client


def _configuration(client: OAuth2Session, provider: OidcProvider) -> dict[str, Any]:
    """OpenID Connect Discovery 1.0. Raises ValueError for the document of another issuer."""
    found = documents.get(client, f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration")
    if found.get("issuer") != provider.issuer:
        raise ValueError("the configuration is that of another issuer")
    return found


def _verified(
    client: OAuth2Session, provider: OidcProvider, configuration: dict[str, Any], token: str, nonce: str
) -> dict[str, Any]:
    """The claims of an ID token (OpenID Connect Core 1.0, section 3.1.3.7). Raises NotSignedIn."""
    try:
        key = _key(client, configuration["jwks_uri"], jwt.get_unverified_header(token))
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=ALGORITHMS, audience=provider.client_id, issuer=provider.issuer, leeway=CLOCK_SKEW,
            options={"require": ["iss", "sub", "aud", "exp", "iat", "nonce"]},
        )  # fmt: skip
    except jwt.PyJWTError as error:
        raise refused_error(str(error)) from error
    if not hmac.compare_digest(str(claims["nonce"]), nonce):
        raise refused_error("the nonce is that of another sign-in")
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != provider.client_id:
        raise refused_error("the ID token is for somebody else")
    return claims


def _key(client: OAuth2Session, url: str, header: dict[str, Any]) -> jwt.PyJWK:
    """The key that has signed. If it is not known, the keys are read again: providers replace them."""
    for max_age in (KEEP_FOR, REREAD_AFTER):
        keys = jwt.PyJWKSet.from_dict(documents.get(client, url, max_age)).keys
        found = [key for key in keys if key.key_id == header.get("kid")]
        if len(found) == 1:
            return found[0]
    raise jwt.InvalidKeyError("no key of the provider has signed the ID token")


def _user_info(provider: OidcProvider, claims: dict[str, Any]) -> UserInfo:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise refused_error("the subject is no text of up to 255 characters")
    return UserInfo(
        provider=provider.name, issuer=provider.issuer, subject=subject, email=_text(claims, "email", 254),
        email_verified=claims.get("email_verified") is True, first_name=_text(claims, "given_name", 100),
        last_name=_text(claims, "family_name", 100),
    )  # fmt: skip


def _text(claims: dict[str, Any], name: str, longest: int) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) and len(value) <= longest else ""


def _derived(purpose: str, state: str) -> str:
    made = hmac.digest(derive_key(f"oidc {purpose}"), state.encode(), "sha256")
    return urlsafe_b64encode(made).decode().rstrip("=")


def refused_error(reason: str) -> NotSignedIn:
    """The provider, or what it has answered, refuses the sign-in."""
    return NotSignedIn(f"The sign-in was refused: {reason[:200]}.", code="sign_in_refused")
