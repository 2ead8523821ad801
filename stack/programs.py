"""The programs that make up the shop: their names, commands and addresses, the same on one machine and on many."""

import os
import re
from dataclasses import dataclass

import click

from settings import QUEUES, Settings, var_folder


class WrongSetting(click.ClickException):
    """A setting that can't be followed; the text is a sentence that names it."""


@dataclass(frozen=True)
class Program:
    """One process: what the supervisor runs here and a service of docker-compose.yml runs elsewhere.

    `server`: the database and the queue, which start before the migrations and stop last.
    `stop_seconds`: how long it may take to end what it has in hand before it is killed.
    """

    name: str
    command: tuple[str, ...]
    address: str = ""
    server: bool = False
    stop_signal: str = "TERM"
    stop_seconds: int = 15


def worker_groups(text: str) -> dict[str, tuple[str, ...]]:
    """Reads SHOP_WORKER_GROUPS: `name=queue,queue;name=*`, where `*` is every queue that no other group has.

    Each queue must have a worker, or its steps would wait for ever. Raises WrongSetting.
    """
    groups: dict[str, list[str]] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, equals, queues = (piece.strip() for piece in part.partition("="))
        names = [queue.strip() for queue in queues.split(",") if queue.strip()]
        if not equals or not re.fullmatch("[a-z][a-z0-9_-]*", name) or not names:
            raise WrongSetting(f"SHOP_WORKER_GROUPS: {part!r} is not of the form name=queue,queue or name=*.")
        if name in groups:
            raise WrongSetting(f"SHOP_WORKER_GROUPS: there are two groups named {name}.")
        unknown = set(names) - {*QUEUES, "*"}
        if unknown:
            slips = ", ".join(sorted(unknown))
            raise WrongSetting(f"SHOP_WORKER_GROUPS: there is no queue {slips}; the queues are {', '.join(QUEUES)}.")
        groups[name] = names
    named = {queue for queues in groups.values() for queue in queues}
    rest = [queue for queue in QUEUES if queue not in named]
    if rest and "*" not in named:
        raise WrongSetting(f"SHOP_WORKER_GROUPS: no worker has the queue {', '.join(rest)}; add a group rest=*.")
    if not rest and "*" in named:
        raise WrongSetting("SHOP_WORKER_GROUPS: a group with * has no queue left to take.")
    return {
        name: tuple(queue for queue in QUEUES if queue in queues or ("*" in queues and queue in rest))
        for name, queues in groups.items()
    }


def programs(settings: Settings) -> list[Program]:
    """Every program that one machine needs under these settings, in the order in which they start.

    What the settings place elsewhere (a database, a broker, a gateway, a mail server) is not among them.
    """
    found = []
    if not settings.database_url:
        found.append(Program("postgres", ("python", "-m", "stack.postgres"), str(settings.sockets / ".s.PGSQL.5432"),
                             server=True, stop_signal="INT", stop_seconds=30))  # fmt: skip
    if not settings.broker_url:
        found.append(Program("redis", ("python", "-m", "stack.redis"), str(settings.sockets / "redis.sock"),
                             server=True))  # fmt: skip
    if not settings.stripe_api_base:
        found.append(Program("gateway", ("python", "-m", "stack.gateway"), settings.stripe_base))
    if not settings.smtp_url:
        page = f"http://127.0.0.1:{settings.mailbox_port}"
        found.append(Program("mailbox", ("python", "-m", "stack.mailbox"), page))
    return found + _shop(settings)


def _shop(settings: Settings) -> list[Program]:
    celery = ("celery", "-A", "workflows")
    level = f"--loglevel={settings.log_level}"
    workers = [
        Program(
            f"worker-{group}",
            (*celery, "worker", "-n", f"{group}@%h", "-Q", ",".join(queues), "--concurrency",
             str(settings.worker_concurrency), "--without-gossip", "--without-mingle", level),
            address=",".join(queues),
            stop_seconds=55,  # beyond the hard time limit of a step
        )
        for group, queues in worker_groups(settings.worker_groups).items()
    ]  # fmt: skip
    schedule = str(var_folder() / "beat" / "schedule")
    return [
        Program("api", ("gunicorn", "-c", "python:stack.gunicorn_settings", "api.app:app"), api_address(settings)),
        *workers,
        Program("dispatcher-1", ("shop", "dispatcher")),
        Program("dispatcher-2", ("shop", "dispatcher")),
        Program("beat", (*celery, "beat", "-s", schedule, "--pidfile=", level)),
        Program("flower", (*celery, "flower"), f"http://127.0.0.1:{settings.flower_port}"),
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
    return {
        "FLOWER_ADDRESS": "127.0.0.1",
        "FLOWER_PORT": str(settings.flower_port),
        "FLOWER_BASIC_AUTH": f"{settings.flower_user}:{settings.flower_password}",
        "FLOWER_READ_ONLY": os.environ.get("FLOWER_READ_ONLY", "true"),
    }
