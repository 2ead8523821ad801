"""Stripe's form encoding, and the parameters of each endpoint."""

import re
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import parse_qsl

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sandbox.gateway.errors import from_validation, invalid

Amount = Annotated[int, Field(ge=1, le=99_999_999)]  # minor units; Stripe allows eight digits
Currency = Annotated[str, Field(pattern="^[A-Za-z]{3}$"), AfterValidator(str.lower)]
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=40)], Annotated[str, Field(max_length=500)]], Field(max_length=50)
]
# Lists arrive as `name[0]=…`, which `decode` turns into a dict.
ListOf = BeforeValidator(lambda value: list(value.values()) if isinstance(value, dict) else value)


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid")


P = TypeVar("P", bound=Params)


class CreateIntent(Params):
    amount: Amount
    currency: Currency
    payment_method: str
    confirm: Literal["true"] = Field(description="the sandbox supports no separate confirmation")
    capture_method: Literal["manual", "automatic", "automatic_async"] = "automatic_async"
    allowed_payment_method_types: Annotated[list[Literal["card"]], ListOf] = ["card"]
    off_session: Literal["true", "false"] = "false"
    return_url: Annotated[str, Field(pattern="^https?://", max_length=2000)] | None = None
    description: str | None = Field(None, max_length=1000)
    metadata: Metadata = {}


class CardDetails(Params):
    number: Annotated[str, BeforeValidator(lambda value: "".join(value.split()) if isinstance(value, str) else value)]
    exp_month: int
    exp_year: int
    cvc: str


class CreatePaymentMethod(Params):
    type: Literal["card"]
    card: CardDetails


class Capture(Params):
    amount_to_capture: Amount | None = None


class Cancel(Params):
    cancellation_reason: Literal["duplicate", "fraudulent", "requested_by_customer", "abandoned"] | None = None


class CreateRefund(Params):
    payment_intent: str
    amount: Amount | None = None
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None
    metadata: Metadata = {}


class EndRefund(Params):
    status: Literal["succeeded", "failed"]


class UpdateDispute(Params):
    evidence: dict[Literal["uncategorized_text"], Annotated[str, Field(max_length=20_000)]] = {}
    submit: Literal["true", "false"] = "true"


class Created(Params):
    gte: int = 0
    lt: int | None = None


class Listing(Params):
    limit: int = Field(10, ge=1, le=100)
    starting_after: str | None = None


class IntentListing(Listing):
    created: Created = Created()
    expand: Annotated[list[Literal["data.latest_charge"]], ListOf] = []


class IntentPartListing(Listing):
    payment_intent: str | None = None


class Retrieve(Params):
    expand: Annotated[list[Literal["latest_charge"]], ListOf] = []


def decode(form: str) -> dict[str, Any]:
    """Decodes a form or query string: `a=1&b[c]=2&d[]=3` → `{"a": "1", "b": {"c": "2"}, "d": {"0": "3"}}`.

    Raises Refused for a malformed name, and for a name with and without brackets.
    """
    decoded: dict[str, Any] = {}
    for key, value in parse_qsl(form, keep_blank_values=True):
        parts = re.fullmatch(r"([^\[\]]+)(?:\[([^\[\]]*)\])?", key)
        if not parts:
            raise invalid(f"Received unknown parameter: {key}", code="parameter_unknown", param=key)
        name, inner = parts.groups()
        if inner is None:
            decoded[name] = value
            continue
        group = decoded.setdefault(name, {})
        if not isinstance(group, dict):
            raise invalid(f"Invalid {name}: it is given twice", param=name)
        group[inner or str(len(group))] = value
    return decoded


def check(model: type[P], params: dict[str, Any]) -> P:
    """Validates the parameters of a request. Raises Refused, which names the first invalid parameter."""
    try:
        return model.model_validate(params)
    except ValidationError as failure:
        raise from_validation(failure) from None
