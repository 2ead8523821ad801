"""Actions: each form is done once, says what it did with its task, and shows refusals in words."""

from collections.abc import Callable
from dataclasses import dataclass, field

from flask import Response, request
from marshmallow import Schema, ValidationError
from sqlalchemy.orm import Session

from durable import Refusal
from models.core.errors import Invalid, NotFound, TooManyRequests
from serving.bounds import invalid
from web import csrf
from web.desk.words import describe
from web.forms import is_id
from web.language import gettext
from web.language import translatable as _
from web.once import FIELD, once
from web.wording import describe_field

DONE = {
    "subscribed": _("Your reports by e-mail are saved."),
    "reconciling": _("The comparison with the payment providers is under way."),
    "annotated": _("Note and tags are saved."),
    "shipping": _("The parcel is being made: its label is bought, the payment is captured, the goods leave stock."),
    "cancelling": _("The cancellation is under way: stock is free again, and the money goes back."),
    "delivered": _("The parcel is recorded as delivered."),
    "withdrawn": _("The parcel is being cancelled."),
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
}
"""What an action did → the sentence that says so."""


@dataclass(frozen=True)
class Outcome:
    """What the last action did, or why it was refused, and what was filled in then. `task`: its run, if it has one."""

    done: str = ""
    task: str = ""
    refusal: str = ""
    values: dict[str, str] = field(default_factory=dict)

    def value(self, name: str, default: object = "") -> str:
        """What to show in a field."""
        return self.values.get(name, "" if default is None else str(default))


def read_outcome() -> Outcome:
    """The outcome that the address names, after an action."""
    done, task = request.args.get("done", ""), request.args.get("task", "")
    return Outcome(gettext(DONE[done]) if done in DONE else "", task if is_id("run", task) else "")


def send(work: Callable[[Session], str], refused: Callable[[Outcome, int], Response]) -> Response:
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
        return refused(Outcome(refusal=_in_words(error), values=values), error.status)


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
    try:
        return int(value.strip()[:12])
    except ValueError:
        raise Invalid(gettext("A number of pieces is not a whole number.")) from None


def _in_words(error: Refusal) -> str:
    named = error.extra.get("errors")
    if isinstance(named, dict) and named:
        return "; ".join(f"{name}: {describe_field(str(why[0]))}" for name, why in named.items())
    return describe(error)
