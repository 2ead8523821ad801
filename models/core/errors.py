"""What can go wrong on purpose: refusals, which are outcomes, and the outside world's absence."""

from durable import Refusal, Unavailable


class ShopError(Refusal):
    """A rule of the shop refuses what a person has asked for. Nothing is changed, and nothing is retried."""


class Conflict(ShopError):
    """The thing is in a state in which this can't be done."""


class BadRequest(ShopError):
    status, code = 400, "bad_request"


class NotSignedIn(ShopError):
    status, code = 401, "not_signed_in"


class PaymentDeclined(ShopError):
    status, code = 402, "payment_declined"

    def __init__(self, decline_code: str, detail: str) -> None:
        super().__init__(detail, decline_code=decline_code)


class NotAllowed(ShopError):
    status, code = 403, "not_allowed"


class NotFound(ShopError):
    """No such thing, or none that the asker may see."""

    status, code = 404, "not_found"


class Stale(ShopError):
    """The thing has changed since the asker looked (If-Match)."""

    status, code = 412, "stale"


class Invalid(ShopError):
    """Fields that are well-formed JSON but can't be accepted; `errors` maps a field to its faults."""

    status, code = 422, "invalid_fields"


class TooManyRequests(ShopError):
    """`retry_after`: seconds until another try is welcome."""

    status, code = 429, "too_many_requests"


class Overloaded(ShopError):
    """More is waiting than can be done in time. `retry_after`: seconds until another try is welcome."""

    status, code = 503, "overloaded"


class InsufficientStock(ShopError):
    code = "insufficient_stock"


class BadSignature(ShopError):
    """A webhook that the gateway did not sign."""

    status, code = 400, "bad_signature"


class MailRefused(ShopError):
    """The mail server says that it will never take this message (RFC 5321, 5yz)."""

    code = "mail_refused"


class GatewayDown(Unavailable):
    """A payment gateway or a mail server did not answer, or answered that it can't now."""
