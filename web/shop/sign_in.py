"""Signing in and out."""

from flask import Response, g, request
from marshmallow import ValidationError

from api.accounts.fresh_sign_in import check_own_password
from api.accounts.schemas import Login, Reauthentication
from api.accounts.second_factor_schemas import SecondFactorSignIn
from api.accounts.signing_in import device
from durable import Refusal
from models import accounts
from models.accounts import Answer, OpenedSession
from models.core.database import transaction
from models.core.errors import NotSignedIn
from models.core.events import LoginThrottled
from web import access, basket, cookies
from web.blueprint import shop, takes_form
from web.forms import Form, read
from web.pages import is_safe_path, lead, render
from web.wording import describe_refusal


@shop.get("/sign-in")
@access.everybody
def sign_in() -> Response:
    """The form to sign in."""
    return sign_in_page(Form())


@shop.post("/sign-in")
@takes_form
@access.everybody
def send_sign_in() -> Response:
    """Signs in with username or e-mail address and password, and merges the guest's basket."""
    form, body = read(Login())
    if not form:
        return sign_in_page(form, 422)
    try:
        opened = _log_in(body["username"], body["password"])
    except NotSignedIn as error:
        if error.code == "second_factor_required":
            return _second_factor(Form(), error.extra["challenge"])
        form.refuse(error)
        return sign_in_page(form, 422)
    return enter(opened)


@shop.post("/sign-in/code")
@takes_form
@access.everybody
def send_second_factor() -> Response:
    """Completes a sign-in with a code of the authenticator app, or a recovery code."""
    challenge, code = request.form.get("challenge", ""), request.form.get("code", "").replace(" ", "")
    given = {"challenge": challenge, "code" if code.isdigit() else "recovery_code": code}
    form = Form()
    try:
        body = SecondFactorSignIn().load(given)
    except ValidationError:
        form.errors["code"] = describe_refusal("second_factor_failed", "")
        return _second_factor(form, challenge, 422)
    try:
        opened = _complete(body["challenge"], Answer(body.get("code"), body.get("recovery_code")))
    except Refusal as error:
        form.refuse(error, {"second_factor_failed": "code"})
        return sign_in_page(form, 422) if error.code == "invalid_challenge" else _second_factor(form, challenge, 422)
    return enter(opened)


@shop.post("/sign-out")
@takes_form
@access.signed_in
def sign_out() -> Response:
    """Ends the session."""
    with transaction() as session:
        accounts.end_session(session, g.principal.user_id, g.principal.session_id)
    response = lead("/")
    cookies.delete(response, access.COOKIE)
    return response


@shop.get("/account/confirm")
@access.signed_in
def confirm_password() -> Response:
    """Asks for the password again, before something that a stolen session must not be enough for."""
    return _confirm(Form())


@shop.post("/account/confirm")
@takes_form
@access.signed_in
def send_confirm_password() -> Response:
    """Makes the session fresh for ten minutes."""
    form, body = read(Reauthentication())
    if form:
        try:
            check_own_password(body["password"])
        except Refusal as error:
            form.refuse(error, {"wrong_credentials": "password"})
    if not form:
        return _confirm(form, 422)
    with transaction() as session:
        accounts.refresh_sign_in(session, g.principal.session_id)
    return lead(_next_page("/account"))


def enter(opened: OpenedSession, wanted: str | None = None) -> Response:
    """Gives the browser the session, merges the guest's basket, and leads to where the user wanted to go: `wanted`, or
    what the form says."""
    with transaction() as session:
        merged = basket.merge(session, opened.user_id)
    is_short = merged is not None and bool(merged.short)
    basket_page = "/basket?merged=short" if is_short else "/basket?merged=1"
    default = basket_page if is_short or (merged and merged.added) else "/"
    where = _next_page(default) if wanted is None else wanted or default
    if is_short and where == "/checkout":  # nobody is to order fewer units than they chose without knowing
        where = basket_page
    response = lead(where)
    access.sign_in(response, opened)
    return basket.forget(response)


def _log_in(name: str, password: str) -> OpenedSession:
    with transaction() as session:
        found = accounts.find_credentials(session, name, request.remote_addr)
        limits = accounts.login_limits(name, found.user_id, request.remote_addr, found.familiar)
        accounts.take_attempt(session, limits, LoginThrottled(user_id=found.user_id))
    if not accounts.verify_password(found.password_hash, password):
        raise accounts.wrong_credentials_error()
    with transaction() as session:
        accounts.return_attempt(session, limits)
        required = accounts.ask_for_second_factor(session, found, "password")
        if required is None:
            return accounts.log_in(session, found, *device())
    raise required


def _complete(challenge: str, answer: Answer) -> OpenedSession:
    first = accounts.read_first_factor(challenge)
    limits = accounts.second_factor_limits(first.user_id, answer.method)
    with transaction() as session:
        accounts.take_attempt(session, limits, LoginThrottled(user_id=first.user_id))
    with transaction() as session:
        opened = accounts.give_second_factor(session, first, answer, *device())
        accounts.return_attempt(session, limits)
    return opened


def _next_page(default: str) -> str:
    wanted = request.form.get("next", "")
    return wanted if is_safe_path(wanted) else default


def next_value() -> str:
    """Where a form is to lead when it is taken, as the page or the form before says."""
    wanted = request.values.get("next", "")
    return wanted if is_safe_path(wanted) else ""


def sign_in_page(form: Form, status: int = 200, wanted: str | None = None) -> Response:
    """The page to sign in, with what is wrong with what was sent."""
    wanted = next_value() if wanted is None else wanted
    return render("account/sign_in.html", status, form=form, next=wanted, links="link" in request.args)


def second_factor_page(challenge: str, wanted: str | None = None) -> Response:
    """Asks for the second factor, and leads to `wanted` then, or where the form says."""
    return _second_factor(Form(), challenge, wanted=wanted)


def _second_factor(form: Form, challenge: str, status: int = 200, wanted: str | None = None) -> Response:
    wanted = next_value() if wanted is None else wanted
    return render("account/second_factor.html", status, form=form, challenge=challenge, next=wanted)


def _confirm(form: Form, status: int = 200) -> Response:
    return render("account/confirm_password.html", status, form=form, next=next_value())
