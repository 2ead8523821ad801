"""Actions: each form is done once, says what it did with its task, and shows refusals in words."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from flask import Response, request
from marshmallow import Schema, ValidationError
from sqlalchemy.orm import Session

from durable import Refusal
from models.core.errors import Invalid, NotFound, TooManyRequests
from serving.bounds import invalid
from web import csrf
from web.desk import setting_words, stock_words
from web.desk.field_words import name_of_field
from web.desk.words import describe
from web.forms import is_id
from web.language import gettext
from web.language import translatable as _
from web.once import FIELD, Undoable, once
from web.wording import describe_field

Made = TypeVar("Made")
DONE = {
    "subscribed": _("Your reports by e-mail are saved."),
    "reconciling": _("The comparison with the payment providers is under way."),
    "annotated": _("Note and tags are saved."),
    "note_undone": _("Note and tags are what they were before."),
    "packing": _("The order is being packed. Its customer can no longer cancel it."),
    "all_delivered": _("All parcels of the order are recorded as delivered. This cannot be undone."),
    "moved_allocation": _("The goods now come from the other warehouse. Move them back to undo this."),
    "invoice_paid": _("The invoice is recorded as paid."),
    "invoice_void": _("The invoice is void. This cannot be undone."),
    "shipping": _("The parcel is being made: its label is bought, the payment is captured, the goods leave stock."),
    "cancelling": _("The cancellation is under way: stock is free again, and the money goes back."),
    "view_saved": _("The view is saved. It is among the views above the list, for you alone."),
    "view_deleted": _("The view is deleted. The list still shows its filters: save them again to undo this."),
    "delivered": _("The parcel is recorded as delivered."),
    "withdrawn": _("The parcel is being cancelled."),
    "group_created": _("The group is created. Add its products."),
    "group_saved": _("The group is saved."),
    "put_into_group": _("The product is in the group with these values."),
    "taken_from_group": _("The product is no longer in the group. Add it again to undo this."),
    "group_deleted": _("The group is deleted. Its products are kept."),
    "kind_created": _("The kind is created."),
    "kind_saved": _("The kind is saved."),
    "kind_deleted": _("The kind is deleted."),
    "category_created": _("The category is created."),
    "category_saved": _("The category is saved."),
    "category_deleted": _("The category is deleted."),
    "author_created": _("The author is created."),
    "author_saved": _("The author is saved."),
    "author_deleted": _("The author is deleted."),
    "uploaded": _("The pictures are uploaded. They are shown in the shop once they are resized."),
    "described": _("The text of the picture is saved."),
    "moved": _("The picture is moved."),
    "picture_deleted": _("The picture is deleted."),
    "capturing": _("The payment is being captured."),
    "refunding": _("The refund is under way. The customer is notified."),
    "returning": _("The return is registered."),
    "approved": _("The return is approved. The customer is notified."),
    "refused": _("The return is refused. The customer is notified, with the reason."),
    "received": _("The goods are received; what came is refunded."),
    "adjusted": _("The level is adjusted."),
    "threshold": _("The reorder point is saved."),
    "transferring": _("The transfer is under way."),
    "transfer_received": _("The goods of the transfer are being taken into stock."),
    "transfer_cancelled": _("The transfer is being cancelled."),
    "saved": _("The product is saved."),
    "created": _("The product is created."),
    "import_cancelled": _("The import is being cancelled. What was imported stays."),
    "deleted": _("The product is deleted. Orders keep it."),
    **stock_words.DONE,
    **setting_words.DONE,
}
"""What an action did → the sentence that says so."""


@dataclass(frozen=True)
class Outcome:
    """What the last action did, or why it was refused, and what was filled in then.

    `task`: its run, if it has one. `undo`: the token of the form, if the action can be undone.
    """

    done: str = ""
    task: str = ""
    undo: str = ""
    refusal: str = ""
    values: dict[str, str] = field(default_factory=dict)

    def value(self, name: str, default: object = "") -> str:
        """What to show in a field."""
        return self.values.get(name, "" if default is None else str(default))


def read_outcome() -> Outcome:
    """The outcome that the address names, after an action."""
    done, task = request.args.get("done", ""), request.args.get("task", "")
    undo = request.args.get("undo", "")
    return Outcome(gettext(DONE[done]) if done in DONE else "", task if is_id("run", task) else "", undo)


def send(work: Callable[[Session], str | Undoable], refused: Callable[[Outcome, int], Response]) -> Response:
    """Does `work` once and leads to the address that it returns. A refusal shows the page again, by `refused`.

    Raises NotFound, and refusals that are not about the form.
    """
    try:
        return once(work)
    except (NotFound, TooManyRequests):
        raise
    except Refusal as error:
        if error.status >= 500:
            raise
        values = {name: value for name, value in request.form.items() if name not in (FIELD, csrf.FIELD)}
        return refused(Outcome(refusal=in_words(error), values=values), error.status)


def send_and_show(
    work: Callable[[Session], tuple[str, Made]], shown: Callable[[Made], Response],
    refused: Callable[[Outcome, int], Response],
) -> Response:  # fmt: skip
    """Does `work` once and answers with the page of what it has made, such as a secret that is stored nowhere.

    A form that is sent again leads to the address that `work` returns besides. Raises as `send`.
    """
    made: list[Made] = []

    def first(session: Session) -> str:
        address, value = work(session)
        made.append(value)
        return address

    response = send(first, refused)
    return shown(made[0]) if made and response.status_code == 303 else response


def load(schema: Schema, **values: object) -> dict[str, object]:
    """The values as the API's schema reads them; those that are empty are left out. Raises Invalid."""
    try:
        return dict(schema.load({name: value for name, value in values.items() if value not in (None, "", [])}))
    except ValidationError as error:
        raise invalid(error.messages) from None


def text(name: str) -> str:
    """A field of the form."""
    return request.form.get(name, "").strip()


def pieces(prefix: str = "quantity-") -> list[dict[str, object]]:
    """The products whose pieces are filled in: `quantity-<product>` → [{product_id, quantity}]. Raises Invalid."""
    found: list[dict[str, object]] = []
    for name, value in request.form.items():
        product_id = name.removeprefix(prefix)
        if not name.startswith(prefix) or not is_id("prd", product_id) or value.strip() in ("", "0"):
            continue
        found.append({"product_id": product_id, "quantity": whole(value)})
    return found


def whole(value: str) -> int:
    """A whole number. Raises Invalid."""
    if not re.fullmatch("[+-]?[0-9]{1,11}", value.strip()):
        raise Invalid(gettext("A number of pieces is not a whole number."))
    return int(value)


def in_words(error: Refusal) -> str:
    """What a refusal says above a form: what is wrong with each field, by its name, or its sentence."""
    named = error.extra.get("errors")
    if isinstance(named, dict) and named:
        return "; ".join(f"{name_of_field(name)}: {describe_field(str(why[0]))}" for name, why in named.items())
    return describe(error)
