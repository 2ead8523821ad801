"""The customer's account: profile, password, addresses, notifications, devices, and the data that the shop keeps."""

from typing import Any

from flask import Response, g, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.accounts.fresh_sign_in import check_own_password
from api.accounts.personal_data import export
from api.accounts.schemas import AddressInput, NewPassword, ProfileChanges
from durable import Refusal
from models import accounts
from models.core.database import transaction
from serving.fields import Schema
from web import access, cookies
from web.blueprint import shop, takes_form
from web.forms import Form, is_id, read
from web.language import translatable as _
from web.pages import lead, render, see

KINDS = {
    "order_confirmed": _("Your order is confirmed"), "order_cancelled": _("Your order was cancelled"),
    "payment_failed": _("A payment has failed"), "lines_cancelled": _("A part of your order was cancelled"),
    "refunded": _("You get money back"), "action_needed": _("You have to confirm a payment"),
    "order_shipped": _("Your order is on its way"), "return_decided": _("Your return was accepted or refused"),
    "return_received": _("What you have sent back has arrived"), "order_delayed": _("Your order is late"),
    "order_delivered": _("Your order has arrived"), "backorder_filled": _("What you have waited for has come"),
    "password_changed": _("Your password was changed"), "new_device": _("Somebody has signed in on a new device"),
    "sign_in_changed": _("How you sign in was changed"), "welcome": _("Welcome"),
    "back_in_stock": _("A product is available again"), "cart_reminder": _("Your basket is waiting for you"),
}  # fmt: skip
"""The kinds that the page shows. The others are mails without which something does not work, such as codes."""
CHANNELS = {"email": _("E-mail"), "sms": _("Text message"), "push": _("Push notification")}


@shop.get("/account")
@access.signed_in
def account() -> Response:
    """The profile."""
    return _profile(Form())


@shop.post("/account")
@takes_form
@access.signed_in
def change_profile() -> Response:
    """Changes name and username; another e-mail address is asked to be confirmed."""
    form, body = read(ProfileChanges(only=("first_name", "last_name", "username")))
    if form:
        try:
            with transaction() as session:
                accounts.update_profile(session, g.principal.user_id, body)
        except Refusal as error:
            form.refuse(error, {"username_taken": "username", "username_looks_taken": "username"})
    return see("shop.account", saved=1) if form else _profile(form, 422)


@shop.get("/account/password")
@access.signed_in
def password() -> Response:
    """The form to change the password."""
    return render("account/password.html", form=Form(), saved="saved" in request.args)


@shop.post("/account/password")
@takes_form
@access.signed_in
def change_password() -> Response:
    """Changes the password and ends all other sessions."""
    form, body = read(NewPassword())
    if form:
        try:
            _change_password(body)
            return see("shop.password", saved=1)
        except Refusal as error:
            form.refuse(error, {"wrong_credentials": "current_password", "password_too_common": "new_password"})
    return render("account/password.html", 422, form=form)


def _change_password(body: dict[str, str]) -> None:
    check_own_password(body["current_password"])
    user_id = g.principal.user_id
    with transaction() as session:
        user = accounts.get(session, user_id)
    accounts.check_password("new_password", body["new_password"], user.username, user.email)
    new_hash = accounts.hash_password(body["new_password"])
    with transaction() as session:
        accounts.change_password(session, user_id, new_hash, kept_session=g.principal.session_id)


@shop.get("/account/addresses")
@access.signed_in
def addresses() -> Response:
    """The customer's addresses."""
    return _addresses(Form())


@shop.post("/account/addresses")
@takes_form
@access.signed_in
def add_address() -> Response:
    """Adds an address."""
    form, body = read(AddressInput(exclude=("default",)))
    if form:
        try:
            with transaction() as session:
                accounts.add_address(session, g.principal.user_id, body)
        except Refusal as error:
            form.refuse(error)
    return see("shop.addresses") if form else _addresses(form, 422)


@shop.post('/account/addresses/<id("adr"):address_id>')
@takes_form
@access.signed_in
def change_address(address_id: str) -> Response:
    """Makes an address the default, or deletes it."""
    with transaction() as session:
        if "delete" in request.form:
            accounts.delete_address(session, g.principal.user_id, address_id)
        else:
            accounts.update_address(session, g.principal.user_id, address_id, {"is_default": True})
    return see("shop.addresses")


@shop.get("/account/notifications")
@access.signed_in
def preferences() -> Response:
    """What the customer is notified of, and how."""
    with transaction() as session:
        chosen = accounts.preferences_of(session, g.principal.user_id)
    return render(
        "account/notifications.html", chosen=chosen, kinds=KINDS, channels=CHANNELS, declared=accounts.CUSTOMER_KINDS,
        saved="saved" in request.args,
    )  # fmt: skip


@shop.post("/account/notifications")
@takes_form
@access.signed_in
def change_preferences() -> Response:
    """Sets each channel of each kind: what is not ticked is switched off."""
    with transaction() as session:
        wanted = {
            name: {channel: f"{name}.{channel}" in request.form for channel in _choices(kind)}
            for name, kind in accounts.CUSTOMER_KINDS.items()
            if name in KINDS
        }
        accounts.set_preference(session, g.principal.user_id, wanted)
    return see("shop.preferences", saved=1)


def _choices(kind: Any) -> list[str]:
    """The channels that a customer may switch on and off for a kind."""
    return [channel for channel in kind.all_channels if not (kind.mandatory and channel == "email")]


@shop.get("/account/sessions")
@access.signed_in
def sessions() -> Response:
    """Where the customer has signed in."""
    live = accounts.select_live_sessions(g.principal.user_id).order_by(accounts.LoginSession.id.desc()).limit(100)
    with transaction() as session:
        found = list(session.scalars(live))
    return render("account/sessions.html", sessions=found, current=g.principal.session_id)


@shop.post("/account/sessions")
@takes_form
@access.signed_in
def end_sessions() -> Response:
    """Ends one session, or all others."""
    with transaction() as session:
        wanted = request.form.get("session", "")
        if is_id("ses", wanted):
            live = accounts.select_live_sessions(g.principal.user_id)
            if session.scalars(live.where(accounts.LoginSession.id == wanted)).one_or_none() is not None:
                accounts.end_session(session, g.principal.user_id, wanted)
        elif not wanted:
            accounts.end_other_sessions(session, g.principal.user_id, kept=g.principal.session_id)
    return see("shop.sessions")


@shop.get("/account/data")
@access.signed_in
def data() -> Response:
    """The data that the shop keeps: a copy of them, and how to close the account."""
    return render("account/data.html", form=Form())


@shop.get("/account/data/copy")
@access.signed_in
def data_copy() -> Response:
    """Everything that the shop holds about the customer, as a JSON file. Requires a fresh sign-in."""
    return export()


class Closing(Schema):
    """The form that closes the account."""

    current_password = NewPassword().fields["current_password"]


@shop.post("/account/close")
@takes_form
@access.signed_in
def close_account() -> Response:
    """Closes the account and erases personal data. Requires the password."""
    form, body = read(Closing())
    if form:
        try:
            check_own_password(body["current_password"])
            with transaction() as session:
                accounts.close(session, g.principal.user_id)
        except Refusal as error:
            form.refuse(error, {"wrong_credentials": "current_password"})
    if not form:
        return render("account/data.html", 422, form=form)
    response = lead("/")
    cookies.delete(response, access.COOKIE)
    return response


def _profile(form: Form, status: int = 200) -> Response:
    with transaction() as session:
        user = accounts.get(session, g.principal.user_id)
        pending = accounts.find_pending_email(session, user.id)
    return render("account/profile.html", status, form=form, user=user, pending=pending, saved="saved" in request.args)


def _addresses(form: Form, status: int = 200) -> Response:
    with transaction() as session:
        found = _list_addresses(session)
    return render("account/addresses.html", status, form=form, addresses=found)


def _list_addresses(session: Session) -> list[Any]:
    own = select(accounts.Address).where(accounts.Address.user_id == g.principal.user_id)
    return list(session.scalars(own.order_by(accounts.Address.is_default.desc(), accounts.Address.id)))
