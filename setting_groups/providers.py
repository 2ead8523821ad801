"""Payment providers, carriers, and the receivers of webhooks."""

import re

from pydantic import BaseModel, Field, field_validator, model_validator

from setting_groups.secret import DEFAULT_SECRET

PUBLISHABLE = re.compile("pk_(test|live)_[A-Za-z0-9_]+")


class Providers(BaseModel):
    """Payment providers, carriers, and the receivers of webhooks."""

    stripe_api_key: str = Field("sk_test_sandbox", description="Stripe secret key")
    stripe_publishable_key: str = Field(
        "", description="Stripe publishable key, for the card form of the checkout page; empty: no card form"
    )
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

    @field_validator("stripe_publishable_key")
    @classmethod
    def _refuse_other_keys(cls, key: str) -> str:
        """Browsers are sent this key: a secret one must not be confused with it."""
        if key.startswith(("sk_", "rk_")):
            raise ValueError("this is a secret key, which would be shown to everybody; set the publishable key, pk_…")
        if key and not PUBLISHABLE.fullmatch(key):
            raise ValueError("this is not a publishable key of Stripe, which begins with pk_test_ or pk_live_")
        return key

    @model_validator(mode="after")
    def _refuse_keys_of_two_modes(self) -> "Providers":
        if self.stripe_publishable_key and _mode(self.stripe_publishable_key) != _mode(self.stripe_api_key):
            raise ValueError(
                "SHOP_STRIPE_PUBLISHABLE_KEY and SHOP_STRIPE_API_KEY must both be for tests, or both live: a card that "
                "was entered with one cannot be charged with the other."
            )
        return self


def _mode(key: str) -> str:
    """The mode of one of Stripe's keys: `test` or `live`."""
    return "live" if "_live_" in key else "test"
