"""What errors say to customers.

Codes without words here show the API's sentence in English, and those of `refusals.py` in other languages.
"""

import re
from collections.abc import Mapping
from typing import Any

from web.language import gettext, language, ngettext
from web.language import translatable as _
from web.refusals import DETAILS, REFUSALS

TITLES = {
    403: _("You cannot do this"), 404: _("This page does not exist"), 405: _("This does not work here"),
    409: _("This is not possible now"), 413: _("That was too much"), 422: _("Something is not right"),
    429: _("Please wait a moment"), 500: _("Something went wrong"), 503: _("We are not available just now"),
}  # fmt: skip
TEXTS = {
    403: _("Your account does not have the permission for it."),
    404: _("Perhaps the address has a mistake, or what was here has been removed."),
    500: _("It is our mistake, not yours. We have been told about it."),
    503: _("Please try again in a few seconds. Nothing of what you sent was lost or done twice."),
}
WHOLE = {"Some fields are invalid; see errors.": _("A value in the address or in the form cannot be used.")}
"""Sentences that refer to a member of the problem document → what a page says that does not show it."""
CODES = {
    "cart_empty": _("Your basket is empty."),
    "cart_full": _("Your basket has as many different products as it can hold. Remove one first."),
    "cart_expired": _("Your basket has expired."),
    "email_taken": _("There is already an account with this e-mail address."),
    "email_not_verified": _("The provider has not verified your e-mail address. Open an account here, then link it."),
    "form_expired": _("This form has expired. Go back, reload the page and send it again."),
    "form_from_elsewhere": _("This form was sent from another site."),
    "idempotency_key_reused": _("This form was sent before with other values. Reload the page."),
    "identity_known": _("This account is linked already."),
    "insufficient_stock": _("There are not as many units left as you wanted."),
    "invalid_challenge": _("The sign-in took too long. Please start again."),
    "invalid_token": _("This code is not valid or has expired."),
    "order_too_large": _("The total is more than an order can have. Order fewer goods."),
    "overloaded": _("Very many people are ordering just now. Please try again in a moment."),
    "passkey_invalid": _("The passkey could not be read. Please try again."),
    "passkey_known": _("This passkey is known already."),
    "passkey_refused": _("This passkey was not accepted. It may have been deleted from your account."),
    "passkeys_unavailable": _("Passkeys cannot be used here yet."),
    "password_too_common": _("This password is too common. Choose another one."),
    "product_unavailable": _("Your basket contains products that are no longer sold. Remove them first."),
    "return_period_over": _("The time for returns is over."),
    "second_factor_missing": _("This needs a second factor. Set one up for your account, and sign in with it."),
    "second_factor_failed": _("This code is not right, or was used already."),
    "too_many_addresses": _("You have as many addresses as the shop allows. Delete one first."),
    "too_many_lines": _("Your basket has more products than an order can have. Order fewer of them."),
    "sign_in_refused": _("The provider did not confirm your sign-in. Please start again."),
    "stale": _("This was changed since you opened the page. Nothing was saved: please check what it is now."),
    "tasks_under_way": _("Your account cannot be closed while orders are under way."),
    "too_many_passkeys": _("You have as many passkeys as the shop allows. Delete one first."),
    "unavailable": _("Please try again in a few seconds. Nothing of what you sent was lost or done twice."),
    "username_looks_taken": _("This username looks like one that is taken."),
    "username_taken": _("This username is taken."),
    "wrong_credentials": _("The name or the password is not right."),
    "wrong_state": _("It has moved on in the meantime, and this is no longer possible."),
}
DECLINES = {
    "authentication_required": _("Your bank asks you to confirm the payment."),
    "expired_card": _("The card has expired."),
    "incorrect_cvc": _("The security code of the card is not right."),
    "insufficient_funds": _("There is not enough money on the card."),
    "processing_error": _("The bank could not process the card just now."),
    "card_velocity_exceeded": _("The card was used too often in a short time."),
}
UNKNOWN_DECLINE = _("The bank did not say why.")
FIELDS = {
    "Missing data for required field.": _("Please fill in this field."),
    "Not a valid email address.": _("This is not an e-mail address."),
    "3 to 64 letters, digits, dots, hyphens or underscores": _(
        "Use 3 to 64 letters, digits, dots, hyphens or underscores."
    ),
    "Length must be between 8 and 256.": _("Use at least 8 characters."),
    "is invalid, expired or already used; request another e-mail": _("This code is not valid or has expired."),
    "The URL is malformed.": _("This is not an address."),
    "The URL must begin with https:// and name a host.": _("The address must begin with https:// and name a host."),
    "The URL must contain neither a user name nor a fragment.": _(
        "The address must contain neither a user name nor a fragment."
    ),
    "The URL must begin with https://.": _("The address must begin with https://."),
    "The URL leads into a private network.": _("The address leads into a private network."),
    "is invalid, expired or already used": _("This code is not valid or has expired."),
}
"""Messages of the schemas → what a form says."""
PATTERNS = (
    (r"Length must be between (?P<least>\d+) and (?P<most>\d+)\.", _("Use %(least)s to %(most)s characters.")),
    (r"Shorter than minimum length (?P<least>\d+)\.", _("Use at least %(least)s characters.")),
    (r"Longer than maximum length (?P<most>\d+)\.", _("Use at most %(most)s characters.")),
    (
        r"Must be greater than or equal to (?P<least>\S+) and less than or equal to (?P<most>\S+)\.",
        _("Use a number from %(least)s to %(most)s."),
    ),
    (r"Must be greater than or equal to (?P<least>\S+)\.", _("Use %(least)s or more.")),
    (r"Must be less than or equal to (?P<most>\S+)\.", _("Use %(most)s or less.")),
    (r"Not a valid (integer|number|decimal)\.", _("This is not a number.")),
    (r"Not a valid (date|datetime)\.", _("This is not a date.")),
    (r"Not a valid (string|boolean|URL)\.|Must be one of: .*|Field may not be null\.", _("This cannot be used here.")),
)
"""The same for messages with numbers."""


def describe_problem(status: int, problem: Mapping[str, Any]) -> tuple[str, str]:
    """The title and the text of an error page."""
    title = gettext(TITLES.get(status) or TITLES[500 if status >= 500 else 422])
    if status == 429:
        seconds = int(problem.get("retry_after", 1))
        text = ngettext("You can try again in %(n)d second.", "You can try again in %(n)d seconds.", seconds)
        return title, text % {"n": seconds}
    words = CODES.get(problem["code"]) or TEXTS.get(status) or WHOLE.get(problem["detail"])
    return title, gettext(words) if words else describe_refusal(problem["code"], str(problem["detail"]))


def describe_refusal(code: str, detail: str) -> str:
    """A refusal as a form says it."""
    if code in CODES:
        return gettext(CODES[code])
    if language() == "en":
        return detail
    return gettext(REFUSALS[code]) if code in REFUSALS else gettext(detail) if detail in DETAILS else detail


def describe_decline(code: str | None) -> str:
    """Why a card was declined."""
    return gettext(DECLINES.get(code or "", UNKNOWN_DECLINE))


def describe_field(message: str) -> str:
    """What is wrong with a field."""
    if message in FIELDS:
        return gettext(FIELDS[message])
    for pattern, text in PATTERNS:
        if found := re.fullmatch(pattern, message):
            return gettext(text) % found.groupdict()
    return message
