"""What the sandbox PayPal reads of a request's body. Other fields are ignored, as PayPal's optional ones."""

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from sandbox.paypal.answers import from_validation, invalid

ExternalId = Annotated[str, Field(min_length=1, max_length=127)]


class Params(BaseModel):
    pass


P = TypeVar("P", bound=Params)


class Money(Params):
    currency_code: str = Field(pattern="^[A-Z]{3}$")
    value: str = Field(max_length=32)


class Unit(Params):
    amount: Money
    reference_id: str = Field("default", min_length=1, max_length=256)
    custom_id: ExternalId | None = None
    invoice_id: ExternalId | None = None
    description: str | None = Field(None, max_length=127)


class Context(Params):
    return_url: str | None = None
    cancel_url: str | None = None


class Wallet(Params):
    experience_context: Context = Context()


class Source(Params):
    paypal: Wallet = Wallet()


class CreateOrder(Params):
    """The addresses of a customer who comes back are in `payment_source`, or, in older requests, in
    `application_context`."""

    intent: Literal["AUTHORIZE", "CAPTURE"]
    purchase_units: list[Unit] = Field(min_length=1, max_length=1)
    payment_source: Source | None = None
    application_context: Context | None = None


class Patch(Params):
    op: Literal["add", "replace", "remove"]
    path: str
    value: str | None = None


class Patches(Params):
    patches: list[Patch] = Field(min_length=1)


class Capture(Params):
    amount: Money | None = None
    final_capture: bool = False
    invoice_id: ExternalId | None = None


class Refund(Params):
    amount: Money | None = None
    custom_id: ExternalId | None = None
    invoice_id: ExternalId | None = None
    note_to_payer: str | None = Field(None, max_length=255)


class Verification(Params):
    auth_algo: str
    cert_url: str
    transmission_id: str
    transmission_sig: str
    transmission_time: str
    webhook_id: str
    webhook_event: dict[str, Any]


class Decision(Params):
    """What the customer does on the approve page. `funding`: what they pay from, which decides what comes later."""

    result: Literal["succeeded", "failed"]
    funding: Literal["good", "declined", "drained", "reviewed", "echeck"] = "good"


class RefundEnd(Params):
    status: Literal["COMPLETED", "FAILED"]


class Age(Params):
    hours: float = Field(gt=0)


class Dispute(Params):
    outcome: Literal[
        "RESOLVED_BUYER_FAVOUR", "RESOLVED_SELLER_FAVOUR", "RESOLVED_WITH_PAYOUT", "CANCELED_BY_BUYER", "ACCEPTED",
        "DENIED",
    ] | None = None  # fmt: skip


def decode(body: bytes) -> Any:
    """The JSON of a body; an empty one is an empty object. Raises Refused."""
    try:
        return json.loads(body) if body.strip() else {}
    except ValueError:
        raise invalid("MALFORMED_REQUEST_JSON", "The request JSON is not well formed.") from None


def check(model: type[P], given: Any) -> P:
    """The parameters of one call. Raises Refused, naming the first field that is wrong."""
    try:
        return model.model_validate(given)
    except ValidationError as failure:
        raise from_validation(failure) from None
