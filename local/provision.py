"""What this machine needs before anything starts: a data folder, secrets and free ports, kept in `<var>/stack.json`."""

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

SECRETS = ("secret_key", "flower_password", "stripe_webhook_secret")
LETTING_GO = 3  # seconds that a stack which was killed just now may still hold its ports


class Unusable(click.ClickException):
    """This machine can't run the stack as it is set; the text is a sentence that says what to do."""


@contextmanager
def alone() -> Iterator[None]:
    """One command at a time changes what runs in the data folder, which is made; a second one waits for the first.

    Raises Unusable for a folder that can't be written.
    """
    with _writing():
        var_folder().mkdir(mode=0o700, parents=True, exist_ok=True)  # mails, orders and secrets will lie there
        lock = (var_folder() / "up.lock").open("w")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare() -> Settings:
    """Makes the secrets on first use, picks the ports that are set to 0, and returns what to run with.

    Later commands in this folder find it all in `stack.json`. Raises Unusable for a folder that can't be
    written, a port in use, WrongSetting for a setting that can't be followed.
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


def forget() -> None:
    """Drops what holds only while the stack is up. The secrets stay; a second call changes nothing."""
    if _file().exists():
        _write(_kept_secrets())


def _file() -> Path:
    return var_folder() / "stack.json"


def _kept_secrets() -> dict[str, Any]:
    if not _file().exists():
        return {}
    return {name: value for name, value in json.loads(_file().read_text()).items() if name in SECRETS}


def _write(content: dict[str, Any]) -> None:
    """Replaces stack.json, whole or not at all, readable by nobody else."""
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
            f"The data folder {var_folder()} can't be written ({error.strerror}); set SHOP_VAR to a folder that can."
        ) from error


def _ports(settings: Settings) -> dict[str, int]:
    """The ports of the programs that run here; each was free just now."""
    found = {}
    with ExitStack() as held:
        for name, host in _listeners(settings):
            listener = held.enter_context(_listener(name, host, getattr(settings, name)))
            found[name] = listener.getsockname()[1]
    return found


def _listeners(settings: Settings) -> list[tuple[str, str]]:
    found = [("api_port", settings.api_host), ("flower_port", "127.0.0.1")]
    if not settings.stripe_api_base:
        found.append(("gateway_port", "127.0.0.1"))
    if not settings.paypal_base:
        found.append(("paypal_port", "127.0.0.1"))
    if not settings.smtp_url:
        found += [("mailbox_port", "127.0.0.1"), ("smtp_port", "127.0.0.1")]
    return found


def _listener(name: str, host: str, port: int) -> socket.socket:
    """Listens on the port. Raises Unusable if it can't be had."""
    end = time.monotonic() + LETTING_GO
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        try:
            return socket.create_server((host, port), family=family)
        except OSError as error:
            if time.monotonic() > end:
                raise Unusable(
                    f"Port {port} of {host} can't be had ({os.strerror(error.errno or 0)}); "
                    f"set SHOP_{name.upper()} to another one, or to 0 for any that is free."
                ) from error
        time.sleep(0.1)
