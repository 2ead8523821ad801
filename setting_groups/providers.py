"""Payment providers, carriers, and the receivers of webhooks."""

from pydantic import BaseModel, Field

from setting_groups.secret import DEFAULT_SECRET


class Providers(BaseModel):
    """Payment providers, carriers, and the receivers of webhooks."""

    stripe_api_key: str = Field("sk_test_sandbox", description="Stripe secret key")
    stripe_api_base: str = Field("", description="Stripe API base URL; empty: the sandbox gateway")
    stripe_webhook_secret: str = Field(
        DEFAULT_SECRET, description="secret for the signatures of the gateway's webhooks"
    )
    paypal_client_id: str = Field("sandbox", description="PayPal client id")
    paypal_client_secret: str = Field(DEFAULT_SECRET, description="PayPal client secret")
    paypal_base: str = Field(
        "",
        pattern="^(https?://.+[^/])?$",
        description="PayPal API base URL, https://api-m.paypal.com; empty: the sandbox PayPal",
    )
    paypal_webhook_id: str = Field("WH-SANDBOX", description="id of the webhook that is registered at PayPal")
    gateway_timeout: float = Field(8.0, gt=0, description="seconds to wait for a response of the payment gateway")
    carrier_api_key: str = Field(
        "EZTK_sandbox", description="EasyPost API key; empty: no carrier, every parcel needs a tracking number"
    )
    carrier_api_base: str = Field(
        "",
        pattern="^(https?://.+[^/])?$",
        description="EasyPost API base URL, with its /v2; empty: the sandbox carrier",
    )
    carrier_webhook_secret: str = Field(
        DEFAULT_SECRET, description="secret for the signatures of the carrier's webhooks"
    )
    carrier_timeout: float = Field(8.0, gt=0, description="seconds to wait for a response of the carrier")
    label_service: str = Field(
        "",
        pattern=r"^(\S+( \S+)?)?$",
        description="carrier and service of labels by default, such as `USPS GroundAdvantage`; empty: the cheapest",
    )
    sender_address: str = Field(
        "",
        pattern="^([^;]+;[^;]*;[^;]+;[A-Z]{2})?$",
        description="`street;postal code;city;country` on labels of warehouses without an address; empty: with the "
        "sandbox carrier an invented address, otherwise none",
    )
    item_weight: int = Field(
        500, ge=1, description="weight for labels, in grams, of one unit of a product without the attribute weight_g"
    )
    stripe_hold_days: float = Field(7.0, gt=0, description="days after which Stripe releases what was not captured")
    webhooks_allow_private: bool = Field(
        False, description="deliver webhooks to private addresses, and without TLS; for tests and development only"
    )
    webhooks_timeout: float = Field(15.0, gt=0, description="seconds to wait for the response to a webhook")
    webhooks_concurrency: int = Field(8, ge=1, le=100, description="webhooks under way to one endpoint at a time")
    webhooks_retry_days: float = Field(3.0, gt=0, le=6, description="days for which a failing webhook is retried")
    webhooks_disable_days: float = Field(
        5.0, gt=0, le=6, description="days without any success after which an endpoint is disabled"
    )
