"""The part of Authlib that tasks/gateways/identity/oidc.py uses."""

from typing import Any

import requests

class OAuthError(Exception):
    error: str

class OAuth2Session(requests.Session):
    def __init__(
        self,
        client_id: str,
        client_secret: str | None = ...,
        *,
        scope: str = ...,
        redirect_uri: str = ...,
        code_challenge_method: str = ...,
        token_endpoint_auth_method: str = ...,
    ) -> None: ...
    def create_authorization_url(
        self, url: str, state: str | None = ..., code_verifier: str | None = ..., **extra: str
    ) -> tuple[str, str]: ...
    def fetch_token(self, url: str, *, grant_type: str, code: str, code_verifier: str) -> dict[str, Any]: ...
