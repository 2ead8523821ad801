"""Expected errors: refusals, which are final, and unavailable external services."""

from durable import Refusal, Unavailable


class ShopError(Refusal):
    """A business rule refuses a request. Nothing is changed, and nothing is retried."""


class Conflict(ShopError):
    """The state of the resource does not allow the request."""


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
    """The resource does not exist or is not visible to the caller."""

    status, code = 404, "not_found"


class Stale(ShopError):
    """The resource has changed since it was read (If-Match)."""

    status, code = 412, "stale"


class Invalid(ShopError):
    """Fields are invalid; `errors` maps a field to reasons."""

    status, code = 422, "invalid_fields"


class TemplateRefused(ShopError):
    """A template of a notification cannot be compiled or rendered with its example. `field`: subject or text."""

    status, code = 422, "template_refused"

    def __init__(self, field: str, line: int | None, reason: str) -> None:
        where = f"The {field}" if line is None else f"Line {line} of the {field}"
        super().__init__(f"{where} is not valid: {reason}.", field=field, line=line, reason=reason)


class TooManyRequests(ShopError):
    """`retry_after`: seconds to wait."""

    status, code = 429, "too_many_requests"


class Overloaded(ShopError):
    """The backlog is too long. `retry_after`: seconds to wait."""

    status, code = 503, "overloaded"


class InsufficientStock(ShopError):
    code = "insufficient_stock"


class BadSignature(ShopError):
    """The signature of a webhook is invalid."""

    status, code = 400, "bad_signature"


class MailRefused(ShopError):
    """The mail server refuses the message permanently (RFC 5321, 5yz). `of_address`: because of its recipient."""

    code = "mail_refused"

    def __init__(self, detail: str, *, of_address: bool = False) -> None:
        super().__init__(detail)
        self.of_address = of_address


class MessageRefused(ShopError):
    """The SMS provider or the push service refuses a message for good. `of_recipient`: its recipient does not exist."""

    code = "message_refused"

    def __init__(self, detail: str, *, of_recipient: bool = False) -> None:
        super().__init__(detail)
        self.of_recipient = of_recipient


class CarrierRefused(ShopError):
    """The carrier does not accept an address or a parcel. `carrier_code` is its reason, or `no_rates`."""

    code = "carrier_refused"

    def __init__(self, carrier_code: str, detail: str) -> None:
        super().__init__(detail, carrier_code=carrier_code)


class GatewayDown(Unavailable):
    """The payment gateway, the mail server or the SMS provider did not respond or is temporarily unavailable."""


class ProviderDown(Unavailable):
    """A provider of OpenID Connect did not respond, or not as it should."""


class FileStoreDown(Unavailable):
    """The store of files did not respond, or refuses what it must not refuse."""


class CarrierDown(Unavailable):
    """The carrier did not respond or is temporarily unavailable."""
