"""Sign-in by OpenID Connect: the providers, and what happens when one returns its user."""

import secrets
from dataclasses import dataclass

from sqlalchemy.orm import Session

from models import accounts, carts
from models.accounts import Credentials, OpenedSession, UserInfo
from models.core.database import transaction
from models.core.errors import NotFound, NotSignedIn
from setting_groups.sign_in import OidcProvider
from settings import settings
from tasks.gateways.identity import oidc


@dataclass(frozen=True)
class Arrival:
    """Somebody who has signed in at a provider. `owner`: whose identity it is; None: it makes an account, with a
    password that nobody knows."""

    told: UserInfo
    owner: Credentials | None
    no_password: str = ""


def list_providers() -> tuple[OidcProvider, ...]:
    """The providers with which users can sign in."""
    return settings.oidc_providers


def return_pages() -> list[str]:
    """The pages to which providers may return, the default first."""
    return settings.oidc_pages


def get_provider(name: str) -> OidcProvider:
    """A provider of the settings. Raises NotFound."""
    found = next((one for one in settings.oidc_providers if one.name == name), None)
    if found is None or not settings.oidc_pages:
        raise NotFound("No such provider.")
    return found


def start(provider: OidcProvider, return_url: str) -> tuple[str, str]:
    """Where to send the user, and the state with which the provider returns them. Raises ProviderDown."""
    state = accounts.make_state(provider.name, return_url)
    return oidc.make_url(provider, state, return_url), state


def identify(provider: OidcProvider, code: str, state: str) -> UserInfo:
    """Who has come back from the provider. Raises NotSignedIn `invalid_challenge`, `sign_in_refused`, and
    ProviderDown."""
    return oidc.exchange(provider, code, state, accounts.read_state(state, provider.name))


def find_arrival(told: UserInfo) -> Arrival:
    """Whose identity it is. Raises Conflict `email_not_verified`, `account_exists` if it has no owner and makes no
    account."""
    with transaction() as session:
        owner = accounts.find_owner(session, told)
        if owner is None:
            accounts.check_new(session, told)
    return Arrival(told, owner, "" if owner else accounts.hash_password(secrets.token_urlsafe(32)))


def enter(
    session: Session, arrival: Arrival, state: str, language: str | None, user_agent: str | None, ip: str | None
) -> OpenedSession | NotSignedIn:
    """Opens a session, the first time in a new account; or says that a second factor is needed, to be raised after the
    commit. Raises NotSignedIn `invalid_challenge` for a state that was used, and Conflict as `find_arrival`."""
    accounts.spend_state(session, state)
    owner = arrival.owner
    if owner is None:
        owner = accounts.register_identity(session, arrival.told, arrival.no_password, language)
        carts.open_cart(session, str(owner.user_id))
    required = accounts.ask_for_second_factor(session, owner, "oidc")
    return required or accounts.log_in(session, owner, user_agent, ip, method="oidc")
