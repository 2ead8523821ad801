"""Settings: one frozen object, read once from the environment (`SHOP_…`).

Values that `shop up` has chosen for this machine (free ports, generated secrets) are kept in `<var>/stack.json`. They
take precedence over defaults, and environment variables over them, so that every command run in the checkout finds
the running stack.
"""

import os
import sys
import tempfile
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, JsonConfigSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

DEFAULT_SECRET = "only-for-development-change-me-in-production"  # noqa: S105
LOG_FORMAT = "%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"
"""The log format of every process, on standard error."""
QUEUES = (
    "accounts", "access", "catalogue", "carts", "orders", "payments", "inventory", "notifications", "mass_mail",
    "sms", "push", "reports", "fulfilment", "returns",
)  # fmt: skip
"""One queue per service; also one each for mail that is not urgent, such as reminders, for text messages and for push
notifications."""
DEVELOPMENT_VAPID_KEY = "c2hvcGZsb3ctb25seS1mb3ItZGV2ZWxvcG1lbnQtMTI"  # 32 bytes, base64url; everybody knows it
SANDBOX_SENDER = "1 Quay;10115;Berlin;DE"
"""The sender of parcels whose labels are not real."""
UNIX_PATH_MAX = 100  # sun_path holds 108 bytes on Linux and 104 on macOS (unix(7))


def var_folder() -> Path:
    return Path(os.environ.get("SHOP_VAR") or "var").resolve()


class Settings(BaseSettings):
    """The shop's settings. `shop config` prints the description of each field."""

    model_config = SettingsConfigDict(env_prefix="SHOP_", frozen=True, extra="ignore")

    var: Path = Field(Path("var"), description="data folder: database, queue, logs, mailbox")
    env: str = Field(
        "development", pattern="^(development|production)$", description="production refuses default secrets"
    )
    secret_key: str = Field(DEFAULT_SECRET, min_length=32, description="signs access tokens (HS256)")
    password_cost: int = Field(
        19456, ge=8, description="memory per password hash in KiB (argon2id); more is safer and slower"
    )
    currency: str = Field("EUR", pattern="^[A-Z]{3}$", description="the shop's currency, ISO 4217")

    api_host: str = Field("127.0.0.1", description="address on which the API listens")
    api_port: int = Field(8000, ge=0, le=65535, description="port of the API; 0 picks a free one")
    api_workers: int = Field(2, ge=1, description="API processes")
    api_proxies: int = Field(
        0, ge=0, description="number of reverse proxies in front of the API whose X-Forwarded-For is trusted"
    )
    api_threads: int = Field(
        48, ge=4, description="threads per API process; at most two thirds of them may wait for tasks"
    )
    flower_port: int = Field(5555, ge=0, le=65535, description="port of Flower")
    flower_user: str = Field("operator", description="username for Flower")
    flower_password: str = Field(DEFAULT_SECRET, min_length=8, description="password for Flower")
    gateway_port: int = Field(8010, ge=0, le=65535, description="port of the sandbox payment gateway")
    carrier_port: int = Field(8015, ge=0, le=65535, description="port of the sandbox carrier")
    paypal_port: int = Field(8011, ge=0, le=65535, description="port of the sandbox PayPal")
    mailbox_port: int = Field(8025, ge=0, le=65535, description="port of the mailbox's web page")
    smtp_port: int = Field(1025, ge=0, le=65535, description="SMTP port of the mailbox")

    database_url: str = Field("", description="PostgreSQL ≥ 15; empty: the embedded server")
    database_pool: int = Field(2, ge=1, description="maximum database connections per process, plus one per API thread")
    broker_url: str = Field("", description="Redis, Valkey or RabbitMQ; empty: the embedded server")
    result_url: str = Field("", description="Redis result backend for chords; empty: the broker, if it is a Redis")
    smtp_url: str = Field("", description="smtp://user:password@host:port; empty: the mailbox")
    mail_timeout: float = Field(5.0, gt=0, description="seconds to wait for each response of the mail server")
    mail_from: str = Field("Shopflow <shop@localhost>", description="sender of the shop's mails")
    sms_url: str = Field(
        "",
        pattern=r"^(\S+://\S*\{to\}\S*( \S+://\S*\{to\}\S*)*)?$",
        description="Apprise URL of the SMS provider, with {to} in the place of the number and {id} in that of an "
        "idempotency key, if it takes one; several, separated by spaces, are tried in turn; empty: the mailbox, in "
        "production no text messages",
    )
    sms_timeout: float = Field(5.0, gt=0, description="seconds to wait for each response of the SMS provider")
    staff_phone: str = Field(
        "", pattern=r"^(\+[1-9]\d{6,14})?$", description="number (E.164) of urgent text messages to staff; empty: none"
    )
    vapid_private_key: str = Field(
        "",
        pattern="^([A-Za-z0-9_-]{43})?$",
        description="private key of web push (VAPID, P-256) in base64url; empty in production: no push notifications",
    )
    vapid_subject: str = Field(
        "mailto:shop@localhost.localdomain",
        pattern="^(mailto:|https://).+$",
        description="contact for operators of push services, mailto: or https:",
    )
    push_allow_private: bool = Field(
        False, description="send push notifications to private addresses, and without TLS; for tests only"
    )
    push_timeout: float = Field(5.0, gt=0, description="seconds to wait for the response of a push service")
    seller_name: str = Field("Shopflow", min_length=1, max_length=200, description="the seller's name on invoices")
    seller_address: str = Field("", max_length=500, description="the seller's postal address on invoices")
    seller_tax_id: str = Field("", max_length=50, description="the seller's tax number on invoices; empty: none")
    pdf_fonts: str = Field(
        "", description="paths of TTF files for PDFs, for scripts other than Latin, Greek and Cyrillic; comma-separated"
    )
    public_url: str = Field(
        "",
        pattern="^(https?://.+[^/])?$",
        description="URL of the shop's website, for links in mails; empty: no links",
    )
    api_url: str = Field(
        "", pattern="^(https?://.+[^/])?$", description="URL of the API for links in mails; empty in production: none"
    )
    language: str = Field("en", pattern="^[a-z]{2}$", description="language of mails to those who have chosen none")
    staff_email: str = Field("staff@localhost", description="recipient of mails to staff")
    supplier_email: str = Field("supplier@localhost", description="recipient of purchase orders")

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

    worker_groups: str = Field(
        "shop=*/notifications;mail=notifications,mass_mail;messages=sms,push;bulk=catalogue,reports",
        description="workers as name=queues; * = all other queues; queues after a / are performed in place only; "
        "name:4=… = 4 child processes",
    )
    worker_concurrency: int = Field(3, ge=1, description="child processes of a worker with *; others have 2")
    in_place: str = Field(
        "",
        description="queues whose steps a worker performs in place without consuming them; set per worker from the "
        "part after the / of its group",
    )
    worker_events: bool = Field(True, description="send task events to Flower")
    lease: float = Field(5.0, gt=0, description="seconds without heartbeat after which a run is considered lost")
    continue_for: float = Field(
        5.0,
        ge=0,
        description="seconds for which a worker continues a run without a new message; 0: one message per step",
    )
    sweep: float = Field(1.0, gt=0, description="seconds between sweeps of the dispatcher")
    attempts: int = Field(
        5, ge=1, description="consecutive failures after which a run is compensated or marked as stuck"
    )
    stuck_after: float = Field(
        900.0, gt=0, description="seconds without progress after which a failing run is marked as stuck"
    )
    capture: str = Field(
        "on_shipment",
        pattern="^(on_shipment|on_confirmation|manual)$",
        description="when payments are captured: on_shipment (when the first parcel leaves), on_confirmation, manual",
    )
    stripe_hold_days: float = Field(7.0, gt=0, description="days after which Stripe releases what was not captured")
    hold_margin_hours: float = Field(
        24.0, ge=0, description="hours before an authorisation ends at which its order is flagged for staff"
    )
    reconcile_days: int = Field(
        30, ge=1, le=400, description="days whose payments a reconciliation compares, up to its own day"
    )
    reconcile_grace: float = Field(
        60.0, ge=0, description="minutes after its creation before which a payment is not reconciled"
    )
    delivery_days: float = Field(
        14.0, gt=0, description="days after its shipment at which a parcel that was not delivered counts as lost"
    )
    delay_days: float = Field(7.0, gt=0, description="days after its shipment at which a parcel is late")
    return_days: float = Field(
        14.0, ge=14, description="days after the last delivery for which customers can request a return"
    )
    return_send_days: float = Field(
        30.0, gt=0, description="days after its approval at which a return that was not received is closed"
    )
    return_fee: int = Field(0, ge=0, description="deducted from the refund of a return, in minor units")
    count_days: float = Field(
        7.0, gt=0, description="days without an entry after which a stock count that was not approved expires"
    )
    count_approval_value: int = Field(
        100_000,
        ge=0,
        description="value of the differences of a stock count, in minor units, above which whoever has counted cannot "
        "approve it",
    )
    checkout_deadline: float = Field(
        300.0, gt=0, description="seconds after its first step at which an unfinished checkout is compensated"
    )
    action_deadline: float = Field(
        3600.0, gt=0, description="seconds for which a checkout waits for a customer who has to confirm the payment"
    )
    max_wait: float = Field(
        60.0,
        gt=0,
        description="maximum expected waiting time of a new checkout in seconds; beyond it: 503 `overloaded`",
    )
    guest_cart_days: int = Field(30, ge=1, description="days after which an idle guest cart is deleted")
    cart_days: int = Field(180, ge=1, description="days after which an idle customer cart is emptied")
    cart_reminder_hours: float = Field(
        24.0, gt=0, description="hours after which a customer is reminded of an idle cart"
    )
    keep_idempotency_keys_days: int = Field(
        1, ge=1, description="days for which idempotency keys and their responses are kept"
    )
    keep_runs_days: int = Field(
        90, ge=7, description="days for which succeeded and cancelled runs are kept, with their steps"
    )
    keep_events_days: int = Field(400, ge=7, description="days for which events are kept, except actions of staff")
    keep_staff_events_days: int = Field(3650, ge=7, description="days for which events of actions of staff are kept")
    keep_notifications_days: int = Field(400, ge=31, description="days for which sent mails are kept")
    keep_webhook_events_days: int = Field(
        90, ge=31, description="days for which webhook events are kept; the gateway resends them for at most 30"
    )
    keep_reports_days: int = Field(400, ge=7, description="days for which reports are kept")
    keep_imports_days: int = Field(90, ge=7, description="days for which imports are kept, with their refused rows")
    events_exchange: str = Field(
        "shop.events",
        pattern=r"^[A-Za-z0-9._-]{0,100}$",
        description="topic exchange of the broker to which public events are published; empty: none",
    )
    webhooks_allow_private: bool = Field(
        False, description="deliver webhooks to private addresses, and without TLS; for tests and development only"
    )
    webhooks_timeout: float = Field(15.0, gt=0, description="seconds to wait for the response to a webhook")
    webhooks_concurrency: int = Field(8, ge=1, le=100, description="webhooks under way to one endpoint at a time")
    webhooks_retry_days: float = Field(3.0, gt=0, le=6, description="days for which a failing webhook is retried")
    webhooks_disable_days: float = Field(
        5.0, gt=0, le=6, description="days without any success after which an endpoint is disabled"
    )
    keep_deliveries_days: int = Field(30, ge=7, description="days for which the log of webhooks is kept")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="log level")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        stack = JsonConfigSettingsSource(settings_cls, json_file=var_folder() / "stack.json")
        return init_settings, env_settings, stack

    @model_validator(mode="before")
    @classmethod
    def _use_chosen_ports(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Port 0 in the environment means the port that `shop up` has chosen, once it has chosen one."""
        chosen = JsonConfigSettingsSource(cls, json_file=var_folder() / "stack.json")()
        return {
            name: chosen.get(name, value) if name.endswith("_port") and str(value) == "0" else value
            for name, value in values.items()
        }

    @model_validator(mode="after")
    def _refuse_default_secrets(self) -> "Settings":
        if self.env == "production":
            for name in ("secret_key", "flower_password", "stripe_webhook_secret", "carrier_webhook_secret"):
                if getattr(self, name) == DEFAULT_SECRET:
                    raise ValueError(f"set SHOP_{name.upper()}: default secrets are not allowed in production")
            if self.paypal_base and self.paypal_client_secret in ("", DEFAULT_SECRET):
                raise ValueError("set SHOP_PAYPAL_CLIENT_SECRET: default secrets are not allowed in production")
        return self

    @model_validator(mode="after")
    def _require_redis_for_results(self) -> "Settings":
        if self.broker_url.startswith(("amqp", "pyamqp")) and not self.result_url:
            raise ValueError("set SHOP_RESULT_URL to a Redis: chords require one if the broker is RabbitMQ")
        return self

    @cached_property
    def sockets(self) -> Path:
        """Folder of the unix sockets: in the data folder, or a temporary folder if that path is too long."""
        folder = var_folder() / "run"
        if len(str(folder / ".s.PGSQL.5432.lock")) <= UNIX_PATH_MAX:
            return folder
        return Path(tempfile.gettempdir()) / f"shopflow-{sha256(str(folder).encode()).hexdigest()[:12]}"

    @cached_property
    def database(self) -> str:
        """SQLAlchemy URL of the database."""
        url = self.database_url or f"postgresql://postgres@/shopflow?host={self.sockets}"
        return url.replace("postgresql://", "postgresql+psycopg://", 1)

    @cached_property
    def broker(self) -> str:
        return self.broker_url or f"redis+socket://{self.sockets}/redis.sock"

    @cached_property
    def results(self) -> str:
        """Redis URL of the result backend, which stores only the state of live chords."""
        return self.result_url or self.broker

    @cached_property
    def in_place_queues(self) -> tuple[str, ...]:
        return tuple(filter(None, (queue.strip() for queue in self.in_place.split(","))))

    @property
    def api_base(self) -> str:
        """The URL of the API for links in mails, or empty."""
        return self.api_url or ("" if self.env == "production" else f"http://127.0.0.1:{self.api_port}")

    @cached_property
    def smtp(self) -> str:
        return self.smtp_url or f"smtp://127.0.0.1:{self.smtp_port}"

    @property
    def mailbox(self) -> str:
        """The URL of the mailbox; empty if mails are sent by another server, and in production."""
        is_ours = not self.smtp_url and self.env != "production"
        return f"http://127.0.0.1:{self.mailbox_port}" if is_ours else ""

    @property
    def sms(self) -> tuple[str, ...]:
        """The Apprise URLs of the providers of text messages, in the order in which they are tried."""
        ours = f"json://127.0.0.1:{self.mailbox_port}/sms?:to={{to}}&+Idempotency-Key={{id}}" if self.mailbox else ""
        return tuple((self.sms_url or ours).split())

    @property
    def vapid(self) -> str:
        """The private key of web push, or empty."""
        return self.vapid_private_key or ("" if self.env == "production" else DEVELOPMENT_VAPID_KEY)

    @cached_property
    def stripe_base(self) -> str:
        return self.stripe_api_base or f"http://127.0.0.1:{self.gateway_port}"

    @cached_property
    def carrier_base(self) -> str:
        """EasyPost's API, with its version."""
        return self.carrier_api_base or f"http://127.0.0.1:{self.carrier_port}/v2"

    @cached_property
    def sender(self) -> dict[str, str] | None:
        """The address from which parcels are sent if their warehouse has none; None if it is not known."""
        address = self.sender_address or ("" if self.carrier_api_base else SANDBOX_SENDER)
        names = ("line1", "postal_code", "city", "country")
        return dict(zip(names, address.split(";"), strict=True)) if address else None

    @property
    def payment_providers(self) -> tuple[str, ...]:
        """Those that customers can choose. In production, PayPal has to be set up."""
        return ("stripe", "paypal") if self.paypal_base or self.env != "production" else ("stripe",)

    @property
    def paypal_url(self) -> str:
        return self.paypal_base or f"http://127.0.0.1:{self.paypal_port}"


def load() -> Settings:
    """Reads the settings. Exits with one line per invalid setting."""
    try:
        return Settings()
    except ValidationError as error:
        for mistake in error.errors():
            name = "_".join(str(part) for part in mistake["loc"]).upper()
            print(f"SHOP_{name}: {mistake['msg']}" if name else mistake["msg"], file=sys.stderr)
        raise SystemExit(2) from None


settings = load()
