"""What the account's pages share: forms that take effect once, what was done, and whether the sign-in is fresh."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from flask import Response, g, request
from sqlalchemy.orm import Session

from durable import Refusal
from models import accounts
from models.core.database import transaction
from models.core.errors import NotFound, TooManyRequests
from serving import identity
from settings import settings
from web import once
from web.blueprint import shop
from web.forms import Form
from web.language import gettext, ngettext
from web.language import translatable as _
from web.pages import render

PAGES = (
    ("/account", _("Profile")), ("/account/email", _("E-mail address")), ("/account/orders", _("Orders")),
    ("/account/addresses", _("Addresses")), ("/account/notifications", _("Notifications")),
    ("/account/phone", _("Phone number")), ("/account/push", _("Push notifications")),
    ("/account/password", _("Password")), ("/account/second-factor", _("Authenticator app")),
    ("/account/passkeys", _("Passkeys")), ("/account/identities", _("Linked accounts")),
    ("/account/sessions", _("Devices")), ("/account/data", _("Your data")),
)  # fmt: skip
"""The pages of the account's menu: path and name."""
DONE = {
    "email_asked": _("A mail is on its way to the new address. It becomes yours once you follow the link in it."),
    "email_kept": _("Your address stays as it is."),
    "confirmation_sent": _("Another mail is on its way. Please follow the link in it."),
    "address_saved": _("The address is saved. Orders that you have placed keep the old one."),
    "address_added": _("The address is added."),
    "address_deleted": _("The address is deleted. Orders that you have placed keep it."),
    "passkey_added": _("The passkey is added. You can sign in with it now."),
    "passkey_renamed": _("The passkey has its new name."),
    "passkey_deleted": _("The passkey is deleted. Delete it on your device, too: it does not work any more."),
    "second_factor_disabled": _("Signing in needs no code any more."),
    "identity_linked": _("The account is linked. You can sign in with it now."),
    "identity_unlinked": _("The account is not linked any more."),
    "identity_known": _("This account is linked already."),
    "identity_taken": _("Nothing was changed: this account is linked to another customer."),
    "identity_other_address": _("Nothing was changed: this account has another e-mail address than yours here."),
    "code_sent": _("A text message with a code is on its way. Enter the code here."),
    "phone_confirmed": _("Your phone number is confirmed. You can get text messages now."),
    "phone_removed": _("Your phone number is removed. You get no text messages any more."),
    "push_added": _("This browser gets push notifications from now on."),
    "push_tested": _("A notification is on its way. It arrives in a few seconds, if the browser is open."),
    "push_removed": _("The browser is removed. It gets no push notifications any more."),
    "address_chosen": _("This address is used by default now."),
}
"""What an action did → the sentence that says so."""


def show(template: str, form: Form | None = None, status: int = 200, **values: Any) -> Response:
    """A page of the account, with what the last action did, as the address names it."""
    what = request.args.get("done", "")
    done = gettext(DONE[what]) if what in DONE else ""
    return render(f"account/{template}", status, form=Form() if form is None else form, done=done, **values)


def act(
    work: Callable[[Session], str],
    form: Form,
    refused: Callable[[Form, int], Response],
    fields: Mapping[str, str] = MappingProxyType({}),
) -> Response:
    """Does `work` once and leads to the address that it returns. A refusal shows the page again, by `refused`.

    `fields`: code of a refusal → the field that it is about. Raises NotFound, and what is not about the form.
    """
    try:
        return once.once(work)
    except NotFound:
        raise
    except Refusal as error:
        form.refuse(error, fields)
    return refused(form, 422)


def slow_down(error: TooManyRequests, form: Form, refused: Callable[[Form, int], Response]) -> Response:
    """Shows the page again, by `refused`, with how long to wait."""
    seconds = int(error.extra["retry_after"])
    minutes = math.ceil(seconds / 60)
    text = ngettext(
        "That was too often. You can try again in %(num)s minute.",
        "That was too often. You can try again in %(num)s minutes.", minutes,
    )  # fmt: skip
    form.refusal = text % {"num": minutes}
    response = refused(form, error.status)
    response.headers["Retry-After"] = str(seconds)
    return response


def has_channel(channel: str) -> bool:
    """Whether the shop sends messages by `email`, `sms` or `push`."""
    return channel == "email" or bool(settings.sms if channel == "sms" else settings.vapid)


def is_fresh() -> bool:
    """Whether the sign-in is one of the last ten minutes. If not, forms that need one ask for the password."""
    with transaction() as session:
        return accounts.is_fresh(session, g.principal.session_id)


def account_pages() -> list[tuple[str, str]]:
    """The pages that the menu shows."""
    possible = {
        "/account/identities": bool(identity.list_providers()),
        "/account/phone": has_channel("sms"), "/account/push": has_channel("push"),
    }  # fmt: skip
    return [page for page in PAGES if possible.get(page[0], True)]


shop.context_processor(lambda: {"new_token": once.new_token, "is_fresh": is_fresh, "account_pages": account_pages})
