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
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    JsonConfigSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from setting_groups.limits import Limits
from setting_groups.messages import Messages
from setting_groups.production import KNOWN_VAPID_KEY, list_mistakes
from setting_groups.providers import Providers
from setting_groups.retention import Retention
from setting_groups.secret import DEFAULT_SECRET as DEFAULT_SECRET
from setting_groups.servers import Servers
from setting_groups.sign_in import SignIn
from setting_groups.trade import Trade
from setting_groups.unknown import list_unknown

LOG_FORMAT = "%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"
"""The text format of log lines. `telemetry/logs.py` adds the context."""
QUEUES = (
    "accounts", "access", "catalogue", "carts", "orders", "payments", "inventory", "notifications", "mass_mail",
    "sms", "push", "reports", "fulfilment", "returns", "pictures",
)  # fmt: skip
"""One queue per service; also one each for mail that is not urgent, such as reminders, for text messages and for push
notifications."""
SANDBOX_SENDER = "1 Quay;10115;Berlin;DE"
"""The sender of parcels whose labels are not real."""
UNIX_PATH_MAX = 100  # sun_path holds 108 bytes on Linux and 104 on macOS (unix(7))


def var_folder() -> Path:
    return Path(os.environ.get("SHOP_VAR") or "var").resolve()


class Settings(Limits, Retention, Trade, Providers, Messages, SignIn, Servers, BaseSettings):
    """The shop's settings. `shop config` prints the description of each field, those of the last group first."""

    model_config = SettingsConfigDict(env_prefix="SHOP_", frozen=True, extra="ignore")

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
    def _refuse_what_is_not_for_production(self) -> "Settings":
        if self.env == "production" and (mistakes := list_mistakes(self)):
            raise ValueError("\n".join(mistakes))
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
    def metrics_folder(self) -> Path:
        """Where the processes of this machine count."""
        return Path(self.metrics_dir) if self.metrics_dir else self.sockets / "metrics"

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
        return self.api_url or ("" if self.env == "production" else self.api_local)

    @property
    def api_bind(self) -> str:
        """The address on which the API listens."""
        return f"{_in_url(self.api_host)}:{self.api_port}"

    @property
    def api_local(self) -> str:
        """The URL of the API on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.api_host, self.api_host)  # noqa: S104
        return f"http://{_in_url(host)}:{self.api_port}"

    @property
    def rpc_local(self) -> str:
        """The address of gRPC on this machine, as clients take it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.rpc_host, self.rpc_host)  # noqa: S104
        return f"{_in_url(host)}:{self.rpc_port}"

    @property
    def picture_folder(self) -> Path | None:
        """The folder of the pictures; None if they are in a bucket."""
        url = urlsplit(self.picture_store_url)
        return Path(unquote(url.path)) if url.scheme == "file" else None

    @property
    def picture_store_url(self) -> str:
        return self.picture_store or (var_folder() / "pictures").as_uri()

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
        return self.vapid_private_key or ("" if self.env == "production" else KNOWN_VAPID_KEY)

    @property
    def oidc_pages(self) -> list[str]:
        """The pages to which providers of OpenID Connect may return, the default first; in production maybe none."""
        site = self.public_url or ("" if self.env == "production" else f"http://localhost:{self.api_port}")
        return self.oidc_return_urls.split() or ([f"{site}/signed-in"] if site else [])

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


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def load() -> Settings:
    """Reads the settings. Exits with one line per invalid setting; of production, with all of them.

    Every process warns on stderr of variables that look like settings and are none.
    """
    for sentence in list_unknown(os.environ, Settings.model_fields):
        print(f"Warning: {sentence}", file=sys.stderr)
    try:
        return Settings()
    except ValidationError as error:
        for mistake in error.errors():
            name = "_".join(str(part) for part in mistake["loc"]).upper()
            said = mistake["msg"].removeprefix("Value error, ")
            print(f"SHOP_{name}: {said}" if name else said, file=sys.stderr)
        raise SystemExit(2) from None
    except SettingsError as error:  # what should be JSON is not
        print(str(error), file=sys.stderr)
        raise SystemExit(2) from None


settings = load()
