"""The programs that make up the shop: their names, commands and addresses, the same on one machine and on many."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import click

from settings import QUEUES, Settings, var_folder

OTHERS = 2  # children of a group that has neither `*` nor a number
FLOWER_DEFAULTS = {
    "FLOWER_READ_ONLY": "true",
    "FLOWER_MAX_TASKS": "5000",  # steps that it remembers, 5 KiB each; its own default of 100,000 takes 500 MiB
}
"""What Flower's own variables may change in the environment of `shop up`."""


class WrongSetting(click.ClickException):
    """A setting that can't be followed; the text is a sentence that names it."""


@dataclass(frozen=True)
class ProcessSpec:
    """One process: what the supervisor runs here and a service of docker-compose.yml runs elsewhere.

    `environment`: what it finds in its environment, on top of what all programs find there.
    `server`: the database and the queue, which start before the migrations and stop last.
    `stop_seconds`: how long it may take to end what it has in hand before it is killed.
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
    """One kind of worker.

    `queues`: those that it consumes. `in_place`: those whose steps it performs in place although it does not consume
    them, in one of its processes at a time. `concurrency`: its child processes.
    """

    queues: tuple[str, ...]
    in_place: tuple[str, ...]
    concurrency: int


def worker_groups(settings: Settings) -> dict[str, WorkerGroup]:
    """Reads SHOP_WORKER_GROUPS: `name=queues;name:children=queues/queues in place`; `*` is what no other group has.

    Each queue must have a worker, or its steps would wait for ever. A group without a number of children has
    SHOP_WORKER_CONCURRENCY of them if it has the `*`, and otherwise two. Raises WrongSetting.
    """
    found: dict[str, tuple[int, list[str], list[str]]] = {}
    for part in filter(None, (part.strip() for part in settings.worker_groups.split(";"))):
        name, children, queues, in_place = _group(part)
        if name in found:
            raise WrongSetting(f"SHOP_WORKER_GROUPS: there are two groups named {name}.")
        found[name] = (children or (settings.worker_concurrency if "*" in queues else OTHERS)), queues, in_place
    named = {queue for _, queues, _ in found.values() for queue in queues}
    rest = {queue for queue in QUEUES if queue not in named}
    if rest and "*" not in named:
        missing = ", ".join(queue for queue in QUEUES if queue in rest)
        raise WrongSetting(f"SHOP_WORKER_GROUPS: no worker has the queue {missing}; add a group rest=*.")
    if not rest and "*" in named:
        raise WrongSetting("SHOP_WORKER_GROUPS: a group with * has no queue left to take.")
    groups = {}
    for name, (children, queues, in_place) in found.items():
        consumed = {*queues, *(rest if "*" in queues else ())}
        if both := ", ".join(queue for queue in in_place if queue in consumed):
            raise WrongSetting(f"SHOP_WORKER_GROUPS: the group {name} consumes {both}, so it can't stand after its /.")
        groups[name] = WorkerGroup(
            tuple(queue for queue in QUEUES if queue in consumed),
            tuple(queue for queue in QUEUES if queue in in_place),
            children,
        )
    return groups


def _group(text: str) -> tuple[str, int, list[str], list[str]]:
    """Name, children (0: not said), queues and queues in place of `name:children=queues/queues`."""
    found = re.fullmatch(r"([a-z][a-z0-9_-]*)\s*(?::\s*([1-9]\d{0,2}))?\s*=([^/]*)(?:/(.*))?", text)
    queues, in_place = (
        [queue.strip() for queue in (names or "").split(",") if queue.strip()]
        for names in (found.groups()[2:] if found else ("", ""))
    )
    if not found or not queues:
        raise WrongSetting(
            f"SHOP_WORKER_GROUPS: {text!r} is not of the form name=queue,queue or name:children=*/queue,queue."
        )
    if unknown := {*queues} - {*QUEUES, "*"} | {*in_place} - {*QUEUES}:
        slips = ", ".join(sorted(unknown))
        raise WrongSetting(f"SHOP_WORKER_GROUPS: there is no queue {slips}; the queues are {', '.join(QUEUES)}.")
    return found[1], int(found[2] or 0), queues, in_place


def processes(settings: Settings) -> list[ProcessSpec]:
    """Every program that one machine needs under these settings, in the order in which they start.

    What the settings place elsewhere (a database, a broker, a gateway, a mail server) is not among them.
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
            stop_seconds=55,  # beyond the hard time limit of a step
            environment={"SHOP_IN_PLACE": ",".join(group.in_place)},
        )
        for name, group in worker_groups(settings).items()
    ]  # fmt: skip
    schedule = str(var_folder() / "beat" / "schedule")
    return [
        ProcessSpec("api", ("gunicorn", "-c", "python:gunicornconfig", "api.app:app"), api_address(settings)),
        *workers,
        ProcessSpec("dispatcher-1", ("shop", "dispatcher")),
        ProcessSpec("dispatcher-2", ("shop", "dispatcher")),
        ProcessSpec("beat", (*celery, "beat", "-s", schedule, "--pidfile=", level)),
        ProcessSpec("flower", (*celery, "flower"), f"http://127.0.0.1:{settings.flower_port}"),
    ]


def api_address(settings: Settings) -> str:
    """Where the API is reached from this machine."""
    host = "127.0.0.1" if settings.api_host in ("0.0.0.0", "::") else settings.api_host  # noqa: S104
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.api_port}"


def flower_environment(settings: Settings) -> dict[str, str]:
    """Flower's own settings. As environment variables, for a command line shows its password to everybody.

    Raises WrongSetting for a password that Flower would take for two.
    """
    if "," in settings.flower_user + settings.flower_password:
        raise WrongSetting("SHOP_FLOWER_USER and SHOP_FLOWER_PASSWORD can't contain a comma.")
    own = {name: os.environ.get(name, default) for name, default in FLOWER_DEFAULTS.items()}
    return {
        **own,
        "FLOWER_ADDRESS": "127.0.0.1",
        "FLOWER_PORT": str(settings.flower_port),
        "FLOWER_BASIC_AUTH": f"{settings.flower_user}:{settings.flower_password}",
    }
