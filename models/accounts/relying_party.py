"""Whose passkeys the shop's are: the domain to which they belong, and the pages on which they can be used."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from models.core.errors import Conflict
from settings import settings


@dataclass(frozen=True)
class RelyingParty:
    """`id`: a domain. `origins`: scheme, host and port of the pages (WebAuthn Level 3, sections 4 and 13.4.9)."""

    id: str
    origins: list[str]


def relying_party() -> RelyingParty:
    """By the settings, or else by the URL of the shop's website; in development, localhost.

    Raises Conflict `passkeys_unavailable` if neither is set in production.
    """
    pages = settings.public_url or ("" if settings.env == "production" else f"http://localhost:{settings.api_port}")
    site = urlsplit(pages)
    domain = settings.webauthn_rp_id or site.hostname
    origins = settings.webauthn_origins.split() or ([f"{site.scheme}://{site.netloc}"] if pages else [])
    if not domain or not origins:
        raise Conflict("This shop accepts no passkeys: it has no website yet.", code="passkeys_unavailable")
    return RelyingParty(domain, origins)
