"""Views of sign-in by OpenID Connect, and of the identities that are linked to an account."""

from flask import g, request
from flask.views import MethodView

from api.accounts.blueprint import blueprint
from api.accounts.fresh_sign_in import require_fresh_sign_in
from api.accounts.oidc_schemas import Identity, IdentityLink, OidcFinish, OidcProviders, OidcStart, OidcStarted
from api.accounts.schemas import SignedIn
from api.accounts.signing_in import attempt, device, tokens
from api.carts.guest_token import accepts_guest_cart, merge_guest_cart
from api.http.auth import public, signed_in
from api.http.errors import error_codes
from api.http.pagination import Page, PageArgs, PageQuery, page, page_of
from models import accounts
from models.accounts import OpenedSession
from models.core.database import transaction
from models.core.errors import Invalid
from models.notifications import find_language
from serving import identity


@blueprint.route("/auth/oidc")
class OidcProvidersView(MethodView):
    @public
    @blueprint.response(200, OidcProviders)
    def get(self) -> dict[str, object]:
        """Returns the providers with which users can sign in."""
        return {"data": [{"name": one.name, "title": one.title} for one in identity.list_providers()]}


@blueprint.route("/auth/oidc/<role:provider>/start")
class OidcStartView(MethodView):
    @public
    @error_codes("url_not_allowed")
    @blueprint.arguments(OidcStart)
    @blueprint.response(200, OidcStarted)
    def post(self, body: dict[str, str], provider: str) -> dict[str, object]:
        """Begins a sign-in at a provider. It returns the user to the page with `code` and `state`."""
        chosen, pages = identity.get_provider(provider), identity.return_pages()
        return_url = body.get("return_url", pages[0])
        if return_url not in pages:
            raise Invalid(
                "The provider must not return to this page.", code="url_not_allowed",
                errors={"return_url": ["must be one of SHOP_OIDC_RETURN_URLS"]},
            )  # fmt: skip
        url, state = identity.start(chosen, return_url)
        return {"url": url, "state": state, "expires_in": accounts.SIGN_IN_TIME}


@blueprint.route("/auth/oidc/<role:provider>/finish")
class OidcFinishView(MethodView):
    @public
    @accepts_guest_cart
    @error_codes("invalid_challenge", "sign_in_refused", "second_factor_required", "wrong_credentials")
    @error_codes("account_exists", "email_not_verified", "email_taken", "too_many_requests")
    @blueprint.arguments(OidcFinish)
    @blueprint.response(200, SignedIn)
    def post(self, body: dict[str, str], provider: str) -> dict[str, object]:
        """Signs in with what the provider has returned to the page. The first time, it creates an account with the
        address that the provider has verified. If there is an account with that address, its owner has to sign in and
        link the identity: 409 `account_exists`."""
        state = body["state"]
        chosen = identity.get_provider(provider)
        with attempt():
            told = identity.identify(chosen, body["code"], state)
        arrival = identity.find_arrival(told)
        language = find_language(list(request.accept_languages.values()))
        with transaction() as session:
            opened = identity.enter(session, arrival, state, language, *device())
            if isinstance(opened, OpenedSession):
                return {**tokens(opened), **merge_guest_cart(session, opened.user_id)}
        raise opened


@blueprint.route("/me/identities")
class IdentitiesView(MethodView):
    @signed_in
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(Identity))
    def get(self, query: PageArgs) -> Page:
        """Returns the identities with which you can sign in, oldest first."""
        with transaction() as session:
            return page(session, accounts.list_identities(g.principal.user_id), accounts.Identity.id, **query)

    # No Idempotency-Key: a second request is refused, because its token is spent.
    @signed_in
    @error_codes("invalid_challenge", "identity_known", "fresh_sign_in_required", "wrong_credentials")
    @error_codes("too_many_requests")
    @blueprint.arguments(IdentityLink)
    @blueprint.response(201, Identity)
    def post(self, body: dict[str, str]) -> accounts.Identity:
        """Links the identity of a sign-in that was refused with `account_exists` to your account."""
        require_fresh_sign_in(body.get("current_password"))
        with transaction() as session:
            return accounts.link_identity(session, g.principal.user_id, body["link_token"])


@blueprint.route('/me/identities/<id("idn"):identity_id>')
class IdentityView(MethodView):
    @signed_in
    @error_codes("fresh_sign_in_required")
    @blueprint.response(204)
    def delete(self, identity_id: str) -> None:
        """Unlinks an identity. Requires a sign-in of the last ten minutes."""
        require_fresh_sign_in(None)
        with transaction() as session:
            accounts.unlink_identity(session, g.principal.user_id, identity_id)
