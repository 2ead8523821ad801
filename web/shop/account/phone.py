"""The phone number: given, confirmed by a code in a text message, replaced and removed."""

from datetime import UTC, datetime

from flask import Response, g, request, url_for
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from api.accounts.reach_schemas import NewPhone, PhoneCode
from durable import Refusal
from models import accounts, notifications
from models.core.database import transaction
from models.core.errors import TooManyRequests
from web import access, once
from web.blueprint import shop, takes_form
from web.forms import Form, read, sent
from web.language import gettext, ngettext
from web.pages import see
from web.shop.account.acting import act, has_channel, show, slow_down

FIELDS = {"invalid_phone_number": "number", "already_verified": "number"}
"""Code of a refusal → the field that it is about."""


@shop.get("/account/phone")
@access.signed_in
def phone() -> Response:
    """The number, and the forms that confirm, replace and remove it."""
    return _phone(Form())


@shop.post("/account/phone")
@takes_form
@access.signed_in
def give_phone() -> Response:
    """Sets the number, and sends it a code by text message. The same number again: another code."""
    form, body = read(NewPhone())
    if not form:
        return _phone(form, 422)

    def work(session: Session) -> str:
        user_id, number = g.principal.user_id, accounts.parse_number(body["number"])
        accounts.take_attempt(session, accounts.code_limits(user_id, number, request.remote_addr))
        accounts.set_phone(session, user_id, number)
        return url_for("shop.phone", done="code_sent")

    try:
        return act(work, form, _phone, FIELDS)
    except TooManyRequests as error:
        return slow_down(error, form, _phone)


@shop.post("/account/phone/confirm")
@takes_form
@access.signed_in
def confirm_phone() -> Response:
    """Confirms the number with the code. A wrong code counts as an attempt; a form that is sent twice counts once."""
    form, code = _read_code()
    wrong: list[int] = []

    def work(session: Session) -> str:
        tried = accounts.verify_phone(session, g.principal.user_id, code)
        if not tried.verified:
            wrong.append(tried.attempts_left)
            return url_for("shop.phone")
        return url_for("shop.phone", done="phone_confirmed")

    if form:
        try:
            done = once.once(work)
            if not wrong:
                return done
            _refuse_code(form, wrong[0])
        except Refusal as error:
            if error.code == "already_verified":  # in another tab
                return see("shop.phone", done="phone_confirmed")
            form.refuse(error)
    return _phone(form, 422)


@shop.post("/account/phone/remove")
@takes_form
@access.signed_in
def remove_phone() -> Response:
    """Removes the number."""
    with transaction() as session:
        accounts.remove_phone(session, g.principal.user_id)
    return see("shop.phone", done="phone_removed")


def _read_code() -> tuple[Form, str]:
    """The form and its code, which may contain spaces."""
    form = sent()
    code = "".join(form.values.get("code", "").split())
    try:
        PhoneCode().load({"code": code})
    except ValidationError:
        form.errors["code"] = gettext("Enter the six digits of the text message.")
    return form, code


def _refuse_code(form: Form, left: int) -> None:
    if not left:
        form.refusal = gettext("This is not the code, and it was tried too often. Request another one.")
        return
    text = ngettext(
        "This is not the code of the latest text message. %(num)s attempt is left.",
        "This is not the code of the latest text message. %(num)s attempts are left.", left,
    )  # fmt: skip
    form.errors["code"] = text % {"num": left}


def _phone(form: Form, status: int = 200) -> Response:
    with transaction() as session:
        found = accounts.find_phone(session, g.principal.user_id)
        # Of a number that may be somebody else's, nothing is told.
        own = found.number if found and found.verified_at else None
        is_suppressed = own is not None and notifications.is_suppressed(session, own)
    left = accounts.MAX_CODE_ATTEMPTS - found.attempts if found else 0
    is_usable = found is not None and left > 0 and found.code_expires_at > datetime.now(UTC)
    return show(
        "phone.html", form, status, phone=found, left=left, is_usable=is_usable, is_suppressed=is_suppressed,
        is_possible=has_channel("sms"),
    )  # fmt: skip
