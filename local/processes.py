"""The programs of the shop: names, commands and addresses, the same on one machine and on many."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import click

from settings import QUEUES, Settings, var_folder

DEFAULT_CONCURRENCY = 2  # child processes of a worker group with neither `*` nor a number
FLOWER_DEFAULTS = {
    "FLOWER_READ_ONLY": "true",
    "FLOWER_MAX_TASKS": "5000",  # steps kept in memory, 5 KiB each; Flower's default of 100,000 takes 500 MiB
}
"""Defaults that FLOWER_ variables in the environment of `shop up` override."""


class InvalidSetting(click.ClickException):
    """A setting is invalid. The message is a sentence that names it."""


@dataclass(frozen=True)
class ProcessSpec:
    """A process: a program of the supervisor on one machine, a service in docker-compose.yml.

    `environment`: variables in addition to those of all programs. `server`: the database or the queue, which start
    before the migrations and stop last. `stop_seconds`: seconds to finish current work before the process is killed.
    """

    name: str
    command: tuple[str, ...]
    address: str = ""
    server: bool = False
    stop_signal: str = "TERM"
    stop_seconds: int = 15
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class WorkerGroup:
    """A group of workers.

    `queues`: consumed queues. `in_place`: queues that are not consumed, but whose steps the worker performs in place,
    in one child process at a time. `concurrency`: number of child processes.
    """

    queues: tuple[str, ...]
    in_place: tuple[str, ...]
    concurrency: int


def worker_groups(settings: Settings) -> dict[str, WorkerGroup]:
    """Parses SHOP_WORKER_GROUPS: `name=queues;name:children=queues/queues in place`; `*` is every other queue.

    Each queue must have a worker, otherwise its steps would never run. The default number of child processes is
    SHOP_WORKER_CONCURRENCY for the group with `*`, and two for others. Raises InvalidSetting.
    """
    found: dict[str, tuple[int, list[str], list[str]]] = {}
    for part in filter(None, (part.strip() for part in settings.worker_groups.split(";"))):
        name, children, queues, in_place = _group(part)
        if name in found:
            raise InvalidSetting(f"SHOP_WORKER_GROUPS: there are two groups named {name}.")
        default = settings.worker_concurrency if "*" in queues else DEFAULT_CONCURRENCY
        found[name] = children or default, queues, in_place
    named = {queue for _, queues, _ in found.values() for queue in queues}
    rest = {queue for queue in QUEUES if queue not in named}
    if rest and "*" not in named:
        missing = ", ".join(queue for queue in QUEUES if queue in rest)
        raise InvalidSetting(f"SHOP_WORKER_GROUPS: no worker has the queue {missing}; add a group rest=*.")
    if not rest and "*" in named:
        raise InvalidSetting("SHOP_WORKER_GROUPS: there is no queue left for the group with *.")
    groups = {}
    for name, (children, queues, in_place) in found.items():
        consumed = {*queues, *(rest if "*" in queues else ())}
        if both := ", ".join(queue for queue in in_place if queue in consumed):
            raise InvalidSetting(f"SHOP_WORKER_GROUPS: the group {name} consumes {both}; remove it after the /.")
        groups[name] = WorkerGroup(
            tuple(queue for queue in QUEUES if queue in consumed),
            tuple(queue for queue in QUEUES if queue in in_place),
            children,
        )
    return groups


def _group(text: str) -> tuple[str, int, list[str], list[str]]:
    """Parses `name:children=queues/queues`: name, children (0 if not given), queues, queues in place."""
    found = re.fullmatch(r"([a-z][a-z0-9_-]*)\s*(?::\s*([1-9]\d{0,2}))?\s*=([^/]*)(?:/(.*))?", text)
    queues, in_place = (
        [queue.strip() for queue in (names or "").split(",") if queue.strip()]
        for names in (found.groups()[2:] if found else ("", ""))
    )
    if not found or not queues:
        raise InvalidSetting(
            f"SHOP_WORKER_GROUPS: {text!r} is not of the form name=queue,queue or name:children=*/queue,queue."
        )
    if unknown := {*queues} - {*QUEUES, "*"} | {*in_place} - {*QUEUES}:
        names = ", ".join(sorted(unknown))
        raise InvalidSetting(f"SHOP_WORKER_GROUPS: there is no queue {names}; the queues are {', '.join(QUEUES)}.")
    return found[1], int(found[2] or 0), queues, in_place


def processes(settings: Settings) -> list[ProcessSpec]:
    """The programs to run on one machine with these settings, in start order.

    External services (database, broker, payment gateway, carrier, mail server) are not included.
    """
    found = []
    if not settings.database_url:
        socket = str(settings.sockets / ".s.PGSQL.5432")
        found.append(ProcessSpec("postgres", ("python", "-m", "local.postgres"), socket,
                                 server=True, stop_signal="INT", stop_seconds=30))  # fmt: skip
    if not settings.broker_url:
        found.append(ProcessSpec("redis", ("python", "-m", "local.redis"), str(settings.sockets / "redis.sock"),
                                 server=True))  # fmt: skip
    if not settings.stripe_api_base:
        found.append(ProcessSpec("gateway", ("python", "-m", "sandbox.gateway"), settings.stripe_base))
    if not settings.carrier_api_base:
        address = f"http://127.0.0.1:{settings.carrier_port}"
        found.append(ProcessSpec("carrier", ("python", "-m", "sandbox.carrier"), address))
    if not settings.paypal_base:
        found.append(ProcessSpec("paypal", ("python", "-m", "sandbox.paypal"), settings.paypal_url))
    if not settings.smtp_url:
        page = f"http://127.0.0.1:{settings.mailbox_port}"
        found.append(ProcessSpec("mailbox", ("python", "-m", "sandbox.mailbox"), page))
    return found + _shop(settings)


def _shop(settings: Settings) -> list[ProcessSpec]:
    celery = ("celery", "-A", "workflows")
    level = f"--loglevel={settings.log_level}"
    workers = [
        ProcessSpec(
            f"worker-{name}",
            (*celery, "worker", "-n", f"{name}@%h", "-Q", ",".join(group.queues), "--concurrency",
             str(group.concurrency), "--without-gossip", "--without-mingle", level),
            address=",".join(group.queues),
            stop_seconds=55,  # longer than the hard time limit of a step
            environment={"SHOP_IN_PLACE": ",".join(group.in_place)},
        )
        for name, group in worker_groups(settings).items()
    ]  # fmt: skip
    schedule = str(var_folder() / "beat" / "schedule")
    return [
        ProcessSpec("api", ("gunicorn", "-c", "python:gunicornconfig", "web.app:app"), settings.api_local),
        ProcessSpec("rpc", ("shop", "rpc"), settings.rpc_local, stop_seconds=int(settings.rpc_grace) + 10),
        *workers,
        ProcessSpec("dispatcher-1", ("shop", "dispatcher")),
        ProcessSpec("dispatcher-2", ("shop", "dispatcher")),
        ProcessSpec("relay", ("shop", "relay")),
        # Longer than the time to wait for the response of an endpoint.
        ProcessSpec("webhooks", ("shop", "webhooks"), stop_seconds=int(settings.webhooks_timeout) + 10),
        ProcessSpec("metrics", ("shop", "metrics"), f"http://127.0.0.1:{settings.metrics_port}/metrics"),
        ProcessSpec("beat", (*celery, "beat", "-s", schedule, "--pidfile=", level)),
        ProcessSpec("flower", (*celery, "flower"), f"http://127.0.0.1:{settings.flower_port}"),
    ]


def flower_environment(settings: Settings) -> dict[str, str]:
    """Flower's settings, as environment variables: all users can read a password on a command line.

    Raises InvalidSetting if the user or password contains a comma, which Flower treats as a separator.
    """
    if "," in settings.flower_user + settings.flower_password:
        raise InvalidSetting("SHOP_FLOWER_USER and SHOP_FLOWER_PASSWORD cannot contain a comma.")
    own = {name: os.environ.get(name, default) for name, default in FLOWER_DEFAULTS.items()}
    return {
        **own,
        "FLOWER_ADDRESS": "127.0.0.1",
        "FLOWER_PORT": str(settings.flower_port),
        "FLOWER_BASIC_AUTH": f"{settings.flower_user}:{settings.flower_password}",
    }
