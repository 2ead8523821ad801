"""Everything that can be set from outside: one frozen object, read once from the environment (`SHOP_…`).

What `shop up` has chosen for this machine (free ports, generated secrets) lies in `<var>/stack.json` and
stands below the environment and above the defaults, so that every command run in the checkout finds the
stack that is up.
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
"""Of every process: one line per event on standard error, for the supervisor or the container to keep."""
QUEUES = (
    "accounts", "access", "catalogue", "carts", "orders", "payments", "inventory", "notifications", "mass_mail",
    "reports",
)  # fmt: skip
"""One queue per service, and one for mail that nobody waits for, such as reminders."""
UNIX_PATH_MAX = 100  # sun_path holds 108 bytes on Linux and 104 on macOS (unix(7))


def var_folder() -> Path:
    return Path(os.environ.get("SHOP_VAR") or "var").resolve()


class Settings(BaseSettings):
    """The shop's settings. Each field's description is what `shop config` prints."""

    model_config = SettingsConfigDict(env_prefix="SHOP_", frozen=True, extra="ignore")

    var: Path = Field(Path("var"), description="data folder: database, queue, logs, mailbox")
    env: str = Field(
        "development", pattern="^(development|production)$", description="production refuses default secrets"
    )
    secret_key: str = Field(DEFAULT_SECRET, min_length=32, description="signs access tokens (HS256)")
    password_cost: int = Field(
        19456, ge=8, description="KiB of memory that hashing one password takes (argon2id); more is safer and slower"
    )
    currency: str = Field("EUR", pattern="^[A-Z]{3}$", description="the shop's currency, ISO 4217")

    api_host: str = Field("127.0.0.1", description="address that the API listens on")
    api_port: int = Field(8000, ge=0, le=65535, description="port of the API; 0 picks a free one")
    api_workers: int = Field(2, ge=1, description="processes that serve the API")
    api_proxies: int = Field(
        0, ge=0, description="reverse proxies in front of the API, whose X-Forwarded-For says where a request is from"
    )
    api_threads: int = Field(48, ge=4, description="threads in each of them; at most two thirds may wait for a task")
    flower_port: int = Field(5555, ge=0, le=65535, description="port of Flower")
    flower_user: str = Field("operator", description="user name for Flower")
    flower_password: str = Field(DEFAULT_SECRET, min_length=8, description="password for Flower")
    gateway_port: int = Field(8010, ge=0, le=65535, description="port of the sandbox payment gateway")
    mailbox_port: int = Field(8025, ge=0, le=65535, description="port of the mailbox's page")
    smtp_port: int = Field(1025, ge=0, le=65535, description="port on which the mailbox takes mail")

    database_url: str = Field("", description="PostgreSQL ≥ 15; empty: the embedded one in the data folder")
    database_pool: int = Field(
        2, ge=1, description="connections a process keeps at most, beside one for each thread of the API"
    )
    broker_url: str = Field("", description="Redis, Valkey or RabbitMQ; empty: the embedded Redis")
    result_url: str = Field("", description="Redis for chords; empty: the broker's, if that is a Redis")
    smtp_url: str = Field("", description="smtp://user:password@host:port; empty: the mailbox")
    mail_timeout: float = Field(5.0, gt=0, description="seconds to wait for each answer of the mail server")
    mail_from: str = Field("Shopflow <shop@localhost>", description="sender of the shop's mails")
    public_url: str = Field(
        "",
        pattern="^(https?://.+[^/])?$",
        description="where the shop's pages are; mails link to them if it is set",
    )
    staff_email: str = Field("staff@localhost", description="where operators' and shopkeepers' mails go")
    supplier_email: str = Field("supplier@localhost", description="where purchase orders go")

    stripe_api_key: str = Field("sk_test_sandbox", description="Stripe's secret key")
    stripe_api_base: str = Field("", description="Stripe's address; empty: the sandbox gateway")
    stripe_webhook_secret: str = Field(DEFAULT_SECRET, description="signs the gateway's webhooks")
    gateway_timeout: float = Field(8.0, gt=0, description="seconds to wait for an answer of the payment gateway")

    worker_groups: str = Field(
        "shop=*/notifications;mail=notifications,mass_mail;bulk=catalogue,reports",
        description="workers as name=queues; * = all other queues, after a / queues it only performs in place, "
        "name:4=… = 4 child processes",
    )
    worker_concurrency: int = Field(3, ge=1, description="child processes of a worker with *; others have 2")
    in_place: str = Field(
        "",
        description="queues whose steps a worker performs in place without consuming them; "
        "set for each worker by what is after the / of its group",
    )
    worker_events: bool = Field(True, description="send task events to Flower")
    lease: float = Field(5.0, gt=0, description="seconds after which a silent run counts as lost")
    continue_for: float = Field(
        5.0, ge=0, description="seconds that a worker keeps a run in hand; 0: a message per step"
    )
    sweep: float = Field(1.0, gt=0, description="seconds between two looks of the dispatcher")
    attempts: int = Field(5, ge=1, description="failures in a row after which a run is compensated, or called stuck")
    stuck_after: float = Field(900.0, gt=0, description="seconds of failures alone after which a run is called stuck")
    checkout_deadline: float = Field(
        300.0, gt=0, description="seconds from its first step after which an unfinished checkout is compensated"
    )
    max_wait: float = Field(
        60.0, gt=0, description="seconds that a new checkout may have to wait for a worker; beyond: 503 `overloaded`"
    )
    guest_cart_days: int = Field(30, ge=1, description="days after which a guest's cart that nobody touches is deleted")
    cart_days: int = Field(180, ge=1, description="days after which a customer's cart that nobody touches is emptied")
    cart_reminder_hours: float = Field(
        24.0, gt=0, description="hours after which a customer is reminded of a cart that was left alone"
    )
    keep_idempotency_keys_days: int = Field(
        1, ge=1, description="days for which a repeated request gets the first answer again"
    )
    keep_runs_days: int = Field(
        90, ge=7, description="days for which a run that has succeeded or was cancelled is kept, with its steps"
    )
    keep_events_days: int = Field(400, ge=7, description="days for which events are kept, but for what staff did")
    keep_staff_events_days: int = Field(
        3650, ge=7, description="days for which events that say what staff did are kept"
    )
    keep_notifications_days: int = Field(400, ge=31, description="days for which the mails to people are kept")
    keep_webhook_events_days: int = Field(
        90, ge=31, description="days for which the gateway's events are kept; it sends them again for 30 at most"
    )
    keep_reports_days: int = Field(400, ge=7, description="days for which reports are kept")
    keep_imports_days: int = Field(90, ge=7, description="days for which imports are kept, with their refused rows")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="how much is logged")

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
    def _take_the_picked_ports(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Port 0 in the environment means the port that `shop up` has picked, once it has picked one."""
        picked = JsonConfigSettingsSource(cls, json_file=var_folder() / "stack.json")()
        return {
            name: picked.get(name, value) if name.endswith("_port") and str(value) == "0" else value
            for name, value in values.items()
        }

    @model_validator(mode="after")
    def _refuse_default_secrets(self) -> "Settings":
        if self.env == "production":
            for name in ("secret_key", "flower_password", "stripe_webhook_secret"):
                if getattr(self, name) == DEFAULT_SECRET:
                    raise ValueError(f"set SHOP_{name.upper()}: a production start with a default secret is refused")
        return self

    @model_validator(mode="after")
    def _need_a_redis_for_results(self) -> "Settings":
        if self.broker_url.startswith(("amqp", "pyamqp")) and not self.result_url:
            raise ValueError("set SHOP_RESULT_URL to a Redis: chords need one, also where the broker is RabbitMQ")
        return self

    @cached_property
    def sockets(self) -> Path:
        """Folder of the unix sockets: in the data folder, or a temporary one where that path is too long."""
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
        """Redis URL of the result backend; it holds the members of chords that are under way, nothing else."""
        return self.result_url or self.broker

    @cached_property
    def in_place_queues(self) -> tuple[str, ...]:
        return tuple(filter(None, (queue.strip() for queue in self.in_place.split(","))))

    @cached_property
    def smtp(self) -> str:
        return self.smtp_url or f"smtp://127.0.0.1:{self.smtp_port}"

    @cached_property
    def stripe_base(self) -> str:
        return self.stripe_api_base or f"http://127.0.0.1:{self.gateway_port}"


def load() -> Settings:
    """Reads the settings. Ends the process with one line per mistake if something is set wrongly."""
    try:
        return Settings()
    except ValidationError as error:
        for mistake in error.errors():
            name = "_".join(str(part) for part in mistake["loc"]).upper()
            print(f"SHOP_{name}: {mistake['msg']}" if name else mistake["msg"], file=sys.stderr)
        raise SystemExit(2) from None


settings = load()
