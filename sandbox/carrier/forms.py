"""What the carrier's calls take. Members that it does not know are ignored, as EasyPost ignores them."""

from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from sandbox.carrier import errors


class Address(BaseModel):
    """`country`: ISO 3166-1 alpha-2."""

    name: str | None = None
    company: str | None = None
    street1: str = Field(min_length=1)
    street2: str | None = None
    city: str = Field(min_length=1)
    state: str | None = None
    zip: str | None = None
    country: str = Field(pattern="^[A-Z]{2}$")
    phone: str | None = None
    email: str | None = None


class Parcel(BaseModel):
    """The weight in ounces, the sides in inches."""

    weight: float = Field(gt=0)
    length: float | None = Field(None, gt=0)
    width: float | None = Field(None, gt=0)
    height: float | None = Field(None, gt=0)


class Shipment(BaseModel):
    to_address: Address
    from_address: Address
    parcel: Parcel
    reference: str | None = None
    is_return: bool = False
    options: dict[str, Any] = {}


class CreateShipment(BaseModel):
    shipment: Shipment


class Chosen(BaseModel):
    id: str


class Buy(BaseModel):
    rate: Chosen


class Tracker(BaseModel):
    tracking_code: str = Field(pattern=r"^[A-Za-z0-9-]{4,40}$")
    carrier: str | None = None


class CreateTracker(BaseModel):
    tracker: Tracker


class Listing(BaseModel):
    """A page of a list, newest first. `purchased`: as if true if it is left out."""

    page_size: int = Field(20, ge=1, le=100)
    before_id: str | None = None
    after_id: str | None = None
    start_datetime: datetime | None = None
    end_datetime: datetime | None = None
    purchased: bool = True
    tracking_code: str | None = None
    carrier: str | None = None


Form = TypeVar("Form", bound=BaseModel)


def check(form: type[Form], given: Any) -> Form:
    """The parameters, checked. Raises Refused."""
    try:
        return form.model_validate(given)
    except ValidationError as failure:
        raise errors.from_validation(failure) from None
