"""docker-compose.yml starts the same commands as the supervisor."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.processes import FLOWER_DEFAULTS, processes
from settings import QUEUES, Settings

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
TRIAL = ("gateway", "paypal", "carrier", "mailbox")


@pytest.fixture
def supervised(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    monkeypatch.setenv("SHOP_VAR", "/data")
    return {program.name: list(program.command) for program in processes(Settings()) if not program.server}


def service_of(program: str) -> str:
    return re.sub(r"^dispatcher-\d$", "dispatcher", program)


def test_every_program_is_a_service_with_the_same_command(supervised: dict[str, list[str]]) -> None:
    for name, command in supervised.items():
        found = shlex.split(SERVICES[service_of(name)]["command"])
        # The servers of the sandbox have further arguments for the container network.
        assert (found[: len(command)] if name in TRIAL else found) == command, name


def test_every_service_is_known_to_the_supervisor(supervised: dict[str, list[str]]) -> None:
    ours = {name for name, service in SERVICES.items() if service["image"].startswith("shopflow")}
    assert ours == {service_of(name) for name in supervised} | {"migrate"}
    assert set(SERVICES) == ours | {"postgres", "redis"}


def test_every_queue_has_a_worker() -> None:
    commands = [shlex.split(service["command"]) for name, service in SERVICES.items() if name.startswith("worker-")]
    queues = [queue for command in commands for queue in command[command.index("-Q") + 1].split(",")]
    assert sorted(queues) == sorted(QUEUES)


def test_every_worker_performs_the_same_queues_in_place() -> None:
    for program in processes(Settings()):
        if program.name.startswith("worker-"):
            found = SERVICES[program.name]["environment"].get("SHOP_IN_PLACE", "")
            assert found == program.environment["SHOP_IN_PLACE"], program.name


def test_flower_has_the_defaults_of_the_supervisor() -> None:
    assert FLOWER_DEFAULTS.items() <= SERVICES["flower"]["environment"].items()


def test_the_sandbox_runs_only_in_the_trial_profile() -> None:
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["trial"]} == set(TRIAL)


def test_secrets_are_required_and_production_is_declared() -> None:
    environment = SERVICES["api"]["environment"]
    assert environment["SHOP_ENV"] == "${SHOP_ENV:-production}"
    for name in (
        "SHOP_SECRET_KEY", "SHOP_FLOWER_PASSWORD", "SHOP_STRIPE_WEBHOOK_SECRET", "SHOP_CARRIER_WEBHOOK_SECRET",
        "SHOP_SMTP_URL",
    ):  # fmt: skip
        assert re.fullmatch(r"\$\{" + name + r":\?.+\}", environment[name])


def test_every_named_setting_exists() -> None:
    named = {
        name.removeprefix("SHOP_").lower()
        for service in SERVICES.values()
        for name in service.get("environment", {})
        if name.startswith("SHOP_") and name != "SHOP_WORKER"  # the worker's name for its health check
    }
    assert named <= set(Settings.model_fields)


def test_containers_get_the_settings_that_all_processes_need() -> None:
    listed = (ROOT / "docs" / "scaling.md").read_text().partition("All processes need the same settings")[2]
    needed = re.findall(r"^SHOP_\w+", listed.split("```")[1], re.MULTILINE)
    assert len(needed) > 20
    for name, service in SERVICES.items():
        if service["image"].startswith("shopflow"):
            assert set(needed) <= set(service["environment"]), name


def test_health_checks_ask_the_application_that_the_workers_run() -> None:
    for name, service in SERVICES.items():
        if name.startswith("worker-"):
            application = shlex.split(service["command"])[:3]
            assert shlex.split(service["healthcheck"]["test"][1])[:3] == application == ["celery", "-A", "workflows"]


def test_services_wait_for_the_migrations_and_have_health_checks() -> None:
    for name, service in SERVICES.items():
        if name.startswith("worker-") or name in ("api", "dispatcher", "relay", "webhooks", "beat"):
            assert service["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    for name in ("postgres", "redis", "api", "flower", "worker-shop"):
        assert "healthcheck" in SERVICES[name], name
    assert SERVICES["dispatcher"]["deploy"]["replicas"] == 2


def test_ports_are_published_on_localhost_only() -> None:
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
