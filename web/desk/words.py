"""The words of the desk: statuses, and what its refusals say. Codes without words of their own show the API's."""

from durable import Refusal
from web.desk import setting_words, stock_words
from web.desk.refusal_numbers import describe_numbers
from web.language import gettext, language
from web.language import translatable as _
from web.wording import describe_refusal

NAMES = {
    "resizing": _("being resized"),
    "pending": _("pending"), "confirmed": _("confirmed"), "processing": _("processing"), "shipped": _("shipped"),
    "delivered": _("delivered"), "cancelled": _("cancelled"), "returned": _("returned"),
    "action_required": _("waits for the customer"), "authorised": _("authorised"), "captured": _("captured"),
    "partially_captured": _("partially captured"), "partially_refunded": _("partially refunded"),
    "refunded": _("refunded"), "disputed": _("disputed"), "failed": _("failed"), "voided": _("voided"),
    "unfulfilled": _("unfulfilled"), "partially_fulfilled": _("partially fulfilled"), "fulfilled": _("fulfilled"),
    "requested": _("requested"), "approved": _("approved"), "refused": _("refused"), "in_transit": _("in transit"),
    "received": _("received"), "closed": _("closed"), "label_bought": _("label bought"), "lost": _("lost"),
    "succeeded": _("succeeded"), "declined": _("declined"), "won": _("won"), "inquiry": _("inquiry"),
    "needs_response": _("needs a response"), "under_review": _("under review"), "running": _("running"),
    "waiting": _("waiting"), "compensating": _("compensating"), "open": _("open"), "submitted": _("submitted"),
    "booked": _("booked"), "authorise": _("authorisation"), "capture": _("capture"), "refund": _("refund"),
    "dispute": _("dispute"), "void": _("void"), "issued": _("issued"), "paid": _("paid"),
    "reading": _("being read"), "importing": _("being imported"), "imported": _("imported"),
    "sent": _("sent"), "held": _("held"), "bounced": _("not delivered"),
    **stock_words.NAMES, **setting_words.NAMES,
}  # fmt: skip
"""Status or kind → words. The colour never stands alone."""
GOOD = (
    "imported",
    "sent",
    "delivered",
    "captured",
    "fulfilled",
    "refunded",
    "received",
    "succeeded",
    "won",
    "booked",
    "paid",
    "approved",
    *setting_words.GOOD,
)
BAD = ("bounced", "cancelled", "failed", "disputed", "declined", "lost", "refused", "needs_response")
NOW = (
    "resizing",
    "reading",
    "importing",
    "processing",
    "action_required",
    "in_transit",
    "running",
    "compensating",
    "requested",
    "submitted",
    "confirmed",
)
REFUSALS = {
    "capture_in_progress": _("The payment is just being captured. Look again in a moment."),
    "carrier_refused": _("The carrier sold no label for this parcel."),
    "form_expired": _("This form has expired. Reload the page and send it again."),
    "has_parcels": _("All pieces are in parcels already. Cancel a parcel that has not left, or wait for the return."),
    "idempotency_key_reused": _(
        "This form was sent before, with other values. The page shows the present state: fill it in again."
    ),
    "no_carrier": _("No carrier is set up. Enter a tracking number instead."),
    "no_sender_address": _("The warehouse has no address to send from. Enter a tracking number instead."),
    "too_many_views": _("You have as many views of this list as the shop allows. Delete one first."),
    "nothing_to_cancel": _("Fewer pieces can be cancelled than you wanted."),
    "name_taken": _("This name is taken."),
    "handle_taken": _("Another group has this handle."),
    "options_taken": _("Another product of the group has these values."),
    "options_in_use": _("Products of the group have values that would be lost. Change those products first."),
    "in_other_group": _("The product belongs to another group. Take it out of that first."),
    "attribute_in_use": _("Products have this attribute with values that would not be valid any more."),
    "kind_in_use": _("There are products of this kind."),
    "category_in_use": _("The category contains products or other categories."),
    "category_cycle": _("A category cannot be moved below itself."),
    "author_in_use": _("There are books by this author on sale."),
    "too_many_pictures": _("The product would have more pictures than a product may have."),
    "unsupported_picture": _("This is not a picture of an accepted type: JPEG, PNG, WebP or AVIF."),
    "nothing_to_return": _("More is to be returned than was delivered and not returned before."),
    "nothing_to_ship": _("Nothing is allocated to this order in one warehouse that this parcel could take."),
    "payment_disputed": _("The customer's bank disputes this payment. A refund must wait for its decision."),
    "payment_refused": _("The payment provider refused."),
    "return_period_over": _("The time for returns is over."),
    "stale": _("Somebody else has changed this since you opened the page. Nothing was saved: here is what it is now."),
    "amount_too_large": _("The amount is more than can be captured or refunded."),
    "insufficient_stock": _("There are fewer units available."),
    "below_reserved": _("Fewer units would be left than are reserved for orders."),
    "capacity_exceeded": _("The warehouse has no room for as many units."),
    "warehouse_closed": _("This warehouse is closed."),
    "sku_taken": _("Another product has this SKU."),
    **stock_words.REFUSALS,
    **setting_words.REFUSALS,
}


def name_of(status: str | None) -> str:
    """The word for a status; a status without one is shown as it is."""
    return gettext(NAMES[status]) if status in NAMES else (status or "").replace("_", " ")


def tone_of(status: str | None) -> str:
    """The colour of a status: good, bad, now or none."""
    for tone, statuses in (("good", GOOD), ("bad", BAD), ("now", NOW)):
        if status in statuses:
            return tone
    return "none"


def describe(error: Refusal) -> str:
    """A refusal in the words of the desk, with its names and numbers."""
    if details := setting_words.describe_details(error):
        return details
    if language() == "en" and error.code not in REFUSALS:  # the API's sentence has the names and numbers
        return error.detail
    words = gettext(REFUSALS[error.code]) if error.code in REFUSALS else describe_refusal(error.code, error.detail)
    return f"{words} {describe_numbers(error, name_of)}".rstrip()
