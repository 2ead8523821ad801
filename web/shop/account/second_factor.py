"""The second factor: an authenticator app, and recovery codes for when it is lost."""

import segno
from flask import Response, g
from markupsafe import Markup
from marshmallow import ValidationError

from api.accounts.fresh_sign_in import require_fresh_sign_in
from api.accounts.second_factor_schemas import FreshSignIn, SecondFactorChange, SecondFactorCode
from durable import Refusal
from models import accounts
from models.accounts import Answer
from models.core.database import transaction
from models.core.events import LoginThrottled
from web import access
from web.blueprint import shop, takes_form
from web.forms import Form, read
from web.language import gettext
from web.pages import see
from web.shop.account.acting import show
from web.wording import describe_refusal

FIELDS = {"second_factor_failed": "code", "wrong_credentials": "current_password"}
"""Code of a refusal → the field that it is about."""


@shop.get("/account/second-factor")
@access.signed_in
def second_factor() -> Response:
    """Whether signing in requires a code, and the forms that change it."""
    return _second_factor(Form())


# Without a token that makes it take effect once, here and below: what is shown would have to be stored.
@shop.post("/account/second-factor")
@takes_form
@access.signed_in
def begin_second_factor() -> Response:
    """Makes a secret for an authenticator app, and shows it once, with a QR code."""
    form, body = read(FreshSignIn())
    if form:
        try:
            require_fresh_sign_in(body.get("current_password"))
            with transaction() as session:
                made = accounts.begin_enrolment(session, g.principal.user_id)
            return show("second_factor_setup.html", secret=made.secret, picture=_qr_code(made.otpauth_uri))
        except Refusal as error:
            form.refuse(error, FIELDS)
    return _second_factor(form, 422)


@shop.post("/account/second-factor/confirm")
@takes_form
@access.signed_in
def confirm_second_factor() -> Response:
    """Enables the second factor with a first code, and shows the recovery codes once."""
    form, _body = read(SecondFactorCode())
    answer = _answer(form)
    if answer is None or answer.code is None:
        form.errors["code"] = describe_refusal("second_factor_failed", "")
    else:
        try:
            limits = _take_attempt(answer)
            with transaction() as session:
                user_id, session_id = g.principal.user_id, g.principal.session_id
                codes = accounts.confirm_enrolment(session, user_id, session_id, answer.code)
                accounts.return_attempt(session, limits)
            return show("recovery_codes.html", codes=codes, is_new=True)
        except Refusal as error:
            form.refuse(error, FIELDS)
    return show("second_factor_setup.html", form, 422, secret="", picture="")


@shop.post("/account/second-factor/recovery-codes")
@takes_form
@access.signed_in
def renew_recovery_codes() -> Response:
    """Replaces the recovery codes, and shows the new ones once. Requires a fresh sign-in and a code."""
    form, answer = _read_change()
    if answer is not None:
        try:
            limits = _take_attempt(answer)
            with transaction() as session:
                codes = accounts.renew_recovery_codes(session, g.principal.user_id, answer)
                accounts.return_attempt(session, limits)
            return show("recovery_codes.html", codes=codes, is_new=False)
        except Refusal as error:
            form.refuse(error, FIELDS)
    return _second_factor(form, 422)


@shop.post("/account/second-factor/disable")
@takes_form
@access.signed_in
def disable_second_factor() -> Response:
    """Disables the second factor. Requires a fresh sign-in and a code."""
    form, answer = _read_change()
    if answer is not None:
        try:
            limits = _take_attempt(answer)
            with transaction() as session:
                accounts.disable_second_factor(session, g.principal.user_id, answer)
                accounts.return_attempt(session, limits)
            return see("shop.second_factor", done="second_factor_disabled")
        except Refusal as error:
            form.refuse(error, FIELDS)
    return _second_factor(form, 422)


def _read_change() -> tuple[Form, Answer | None]:
    """The form with a code, and the code; None if it cannot be one, or if the password is wrong."""
    form, _body = read(FreshSignIn())
    answer = _answer(form)
    if answer is None:
        return form, None
    try:
        require_fresh_sign_in(form.values.get("current_password") or None)
    except Refusal as error:
        form.refuse(error, FIELDS)
        return form, None
    return form, answer


def _answer(form: Form) -> Answer | None:
    """The code of the form: six digits of the app, or a recovery code. Says in the form if it can be neither."""
    code = form.values.get("code", "").replace(" ", "")
    try:
        body = SecondFactorChange().load({"code" if code.isdigit() else "recovery_code": code})
    except ValidationError:
        form.errors["code"] = describe_refusal("second_factor_failed", "")
        return None
    form.errors.pop("code", None)
    return Answer(body.get("code"), body.get("recovery_code"))


def _take_attempt(answer: Answer) -> list[accounts.Limit]:
    """Takes an attempt in a transaction of its own, so that a wrong code counts. Raises TooManyRequests."""
    user_id = g.principal.user_id
    limits = accounts.second_factor_limits(user_id, answer.method)
    with transaction() as session:
        accounts.take_attempt(session, limits, LoginThrottled(user_id=user_id))
    return limits


def _qr_code(uri: str) -> Markup:
    """The picture as SVG without styles, dark on light in both colour schemes: cameras expect that."""
    title = gettext("QR code for your authenticator app")
    made = segno.make(uri, micro=False).svg_inline(
        omitsize=True, border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None, title=title
    )
    return Markup(made)  # noqa: S704, made by segno of what the shop has made


def _second_factor(form: Form, status: int = 200) -> Response:
    with transaction() as session:
        found = accounts.find_second_factor(session, g.principal.user_id)
        left = accounts.count_recovery_codes(session, g.principal.user_id)
    return show("authenticator.html", form, status, enabled_at=found and found.confirmed_at, left=left)
