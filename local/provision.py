"""Prepares the start of the stack: the data folder, secrets and free ports, stored in `<var>/stack.json`."""

import fcntl
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from local.processes import flower_environment, worker_groups
from local.redis import server as redis_server
from settings import Settings, load, var_folder

SECRETS = ("secret_key", "flower_password", "stripe_webhook_secret", "carrier_webhook_secret", "vapid_private_key")
"""Each is 32 random bytes in base64url, which is what a private key of P-256 is, too."""
PORT_TIMEOUT = 3  # seconds to wait for a port that a stack which was just killed may still hold


class Unusable(click.ClickException):
    """The stack cannot run with these settings on this machine. The message says what to do."""


@contextmanager
def lock() -> Iterator[None]:
    """Creates the data folder and locks it for the duration of a block. A second process waits for the lock.

    Raises Unusable if the folder is not writable.
    """
    with _writing():
        var_folder().mkdir(mode=0o700, parents=True, exist_ok=True)  # it will contain mails, orders and secrets
        file = (var_folder() / "up.lock").open("w")
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def prepare() -> Settings:
    """Creates the secrets on first use, picks free ports for those set to 0, and returns the settings to run with.

    Writes them to `stack.json`, where later commands read them. Raises Unusable if the folder is not writable or a port
    is in use, and InvalidSetting.
    """
    _write({**{name: secrets.token_urlsafe(32) for name in SECRETS}, **_kept_secrets()})
    settings = load()
    worker_groups(settings)
    flower_environment(settings)
    if not settings.broker_url:
        redis_server()
    chosen = settings.model_dump(mode="json", include=settings.model_fields_set - {"var", *SECRETS})
    _write({**_kept_secrets(), **chosen, **_ports(settings)})
    return load()


def reset() -> None:
    """Removes everything except the secrets from `stack.json`. Idempotent."""
    if _file().exists():
        _write(_kept_secrets())


def _file() -> Path:
    return var_folder() / "stack.json"


def _kept_secrets() -> dict[str, Any]:
    if not _file().exists():
        return {}
    return {name: value for name, value in json.loads(_file().read_text()).items() if name in SECRETS}


def _write(content: dict[str, Any]) -> None:
    """Replaces stack.json atomically, with mode 0600."""
    new = _file().with_suffix(".new")
    with _writing():
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(content, file, indent=2)
        new.replace(_file())


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unusable(
            f"The data folder {var_folder()} is not writable ({error.strerror}); set SHOP_VAR to a writable folder."
        ) from error


def _ports(settings: Settings) -> dict[str, int]:
    """The ports of the programs on this machine. Each was free when it was tested. Raises Unusable."""
    found = {}
    with ExitStack() as held:
        for name, host in _listeners(settings):
            listener = held.enter_context(_bind(name, host, getattr(settings, name)))
            found[name] = listener.getsockname()[1]
    return found


def _listeners(settings: Settings) -> list[tuple[str, str]]:
    found = [("api_port", settings.api_host), ("flower_port", "127.0.0.1"), ("metrics_port", settings.metrics_host)]
    found.append(("rpc_port", settings.rpc_host))
    if not settings.stripe_api_base:
        found.append(("gateway_port", "127.0.0.1"))
    if not settings.carrier_api_base:
        found.append(("carrier_port", "127.0.0.1"))
    if not settings.paypal_base:
        found.append(("paypal_port", "127.0.0.1"))
    if not settings.smtp_url:
        found += [("mailbox_port", "127.0.0.1"), ("smtp_port", "127.0.0.1")]
    return found


def _bind(name: str, host: str, port: int) -> socket.socket:
    """Listens on the port. Raises Unusable if that fails for PORT_TIMEOUT seconds."""
    deadline = time.monotonic() + PORT_TIMEOUT
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        try:
            return socket.create_server((host, port), family=family, dualstack_ipv6=host == "::")
        except OSError as error:
            if time.monotonic() > deadline:
                raise Unusable(
                    f"Port {port} of {host} is not available ({os.strerror(error.errno or 0)}); "
                    f"set SHOP_{name.upper()} to another port, or to 0 to pick a free one."
                ) from error
        time.sleep(0.1)
