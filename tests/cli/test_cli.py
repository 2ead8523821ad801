"""The `shop` command as an operator types it, on a machine where nothing runs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import pytest

from cli import stack
from cli.main import COMMANDS, main
from setting_groups.production import KNOWN_VAPID_KEY
from tests import command
from tests.processes import ROOT
from tests.production import PRODUCTION

Shop = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return partial(command.shop, tmp_path / "var")


def test_help_lists_every_command(shop: Shop) -> None:
    found = shop("--help")
    assert found.returncode == 0
    for name in (
        "up", "down", "status", "logs", "demo", "migrate", "create-admin", "import", "replay", "runs", "audit",
        "config", "dispatcher", "find", "backup", "restore", "restart",
    ):  # fmt: skip
        assert f"\n  {name} " in found.stdout


def test_the_list_of_commands_has_the_help_of_each() -> None:
    """It is written down, so that `shop --help` need not import all commands."""
    context = click.Context(main)
    for name, (_, help) in COMMANDS.items():
        command = main.get_command(context, name)
        assert command is not None
        assert command.get_short_help_str(1000) == help, name


@pytest.mark.parametrize("asked", ["--help", "--version"])
def test_the_list_of_commands_imports_none_of_them(tmp_path: Path, asked: str) -> None:
    code = f"""import sys
from cli.main import main
try:
    main([{asked!r}])
except SystemExit:
    heavy = ("cli.", "demo", "settings", "sqlalchemy", "rich")
    print(sorted(name for name in sys.modules if name.startswith(heavy)))"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.endswith("['cli.main']\n")


def test_status_of_a_stack_that_is_down(shop: Shop) -> None:
    found = shop("status", "--json")
    assert (found.returncode, json.loads(found.stdout)) == (3, {"up": False, "processes": []})
    assert shop("status").stdout == "The stack is not running; start it with `shop up`.\n"


def test_status_imports_no_heavy_libraries(tmp_path: Path) -> None:
    """Libraries that take a second to import are imported only by the commands that use them."""
    asked = """import sys
from cli.main import main
try:
    main(["status"])
except SystemExit:
    print(sorted({"celery", "flask", "sqlalchemy", "stripe"} & set(sys.modules)))"""
    environment = {**os.environ, "SHOP_VAR": str(tmp_path)}
    found = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout.splitlines() == ["The stack is not running; start it with `shop up`.", "[]"]


def test_a_second_down_succeeds(shop: Shop) -> None:
    assert [shop("down").returncode, shop("down").returncode] == [0, 0]


def test_an_invalid_setting_is_reported_in_one_line(shop: Shop) -> None:
    found = shop("up", SHOP_API_PORT="eighty")
    assert found.returncode == 2
    assert found.stderr.startswith("SHOP_API_PORT: ")
    assert found.stderr.count("\n") == 1


def test_invalid_worker_groups_are_reported_in_one_line(shop: Shop) -> None:
    found = shop("up", SHOP_WORKER_GROUPS="money=payments")
    assert found.returncode == 1
    assert found.stderr.startswith("Error: SHOP_WORKER_GROUPS: no worker has the queue")
    assert found.stderr.count("\n") == 1


def test_production_refuses_sandboxes_and_default_secrets_with_a_sentence_each(shop: Shop) -> None:
    identities = [{"name": "one", "title": "One", "issuer": "http://localhost:8016", "client_id": "a",
                   "client_secret": "b"}]  # fmt: skip
    found = shop("migrate", SHOP_ENV="production", SHOP_PUBLIC_URL="http://shop.example", SHOP_PUSH_ALLOW_PRIVATE="1",
                 SHOP_WEBHOOKS_ALLOW_PRIVATE="1", SHOP_STRIPE_WEBHOOK_SECRET="x", SHOP_PAYPAL_BASE="http://paypal:8011",
                 SHOP_VAPID_PRIVATE_KEY=KNOWN_VAPID_KEY, SHOP_OIDC_PROVIDERS=json.dumps(identities))  # fmt: skip
    assert found.returncode == 2
    lines = found.stderr.splitlines()
    assert [line.split()[0].removeprefix("SHOP_") for line in lines] == [
        "SECRET_KEY", "FLOWER_PASSWORD", "STRIPE_WEBHOOK_SECRET", "CARRIER_WEBHOOK_SECRET", "PAYPAL_CLIENT_SECRET",
        "VAPID_PRIVATE_KEY", "STRIPE_API_BASE", "STRIPE_API_KEY", "PAYPAL_CLIENT_ID", "PAYPAL_WEBHOOK_ID",
        "CARRIER_API_BASE", "CARRIER_API_KEY", "SMTP_URL", "PAYPAL_BASE", "PUBLIC_URL", "OIDC_PROVIDERS",
        "PUSH_ALLOW_PRIVATE", "WEBHOOKS_ALLOW_PRIVATE",
    ]  # fmt: skip
    assert all(line.endswith(".") for line in lines)


def test_settings_are_checked_for_production(shop: Shop) -> None:
    unfit = shop("config", "--check")
    assert (unfit.returncode, len(unfit.stdout.splitlines())) == (1, 9)
    environment = {f"SHOP_{name.upper()}": value for name, value in PRODUCTION.items()}
    for env in ("development", "production"):
        fit = shop("config", "--check", SHOP_ENV=env, **environment)
        assert (fit.returncode, fit.stdout) == (0, "These settings are fit for production.\n")


def test_an_unavailable_database_is_reported_in_one_line(shop: Shop) -> None:
    found = shop("migrate")
    assert found.returncode == 1
    assert found.stderr.startswith("Error: Cannot connect to the database; is the stack running?")
    assert found.stderr.count("\n") == 1


def test_config_shows_the_source_of_each_value_and_masks_secrets(shop: Shop) -> None:
    found = shop("config", "--json", SHOP_API_PORT="81", SHOP_SMTP_URL="smtp://me:hunter2@mail.example")
    entries = {entry["name"]: entry for entry in json.loads(found.stdout)}
    assert entries["SHOP_API_PORT"] == {
        "name": "SHOP_API_PORT", "value": 81, "default": 8000, "source": "environment",
        "description": entries["SHOP_API_PORT"]["description"], "group": "Servers", "unit": "", "is_secret": False,
    }  # fmt: skip
    assert entries["SHOP_LEASE"]["source"] == "default"
    assert entries["SHOP_SMTP_URL"]["value"] == "smtp://me:********@mail.example"
    assert all(entry["description"] for entry in entries.values())
    shown = shop("config", SHOP_SECRET_KEY="k" * 40).stdout
    assert "SHOP_SECRET_KEY=********" in shown
    assert "k" * 40 not in shown


def test_providers_of_identities_are_json_and_their_secrets_are_masked(shop: Shop) -> None:
    one = {"name": "one", "title": "One", "issuer": "https://one.example", "client_id": "shop", "client_secret": "open"}
    for asked in (("config",), ("config", "--json"), ("config", "oidc_providers")):
        shown = shop(*asked, SHOP_OIDC_PROVIDERS=json.dumps([one]))
        assert "one.example" in shown.stdout
        assert "open'" not in shown.stdout
    broken = shop("config", SHOP_OIDC_PROVIDERS="[{")
    assert (broken.returncode, broken.stderr.count("\n"), "oidc_providers" in broken.stderr) == (2, 1, True)


def test_config_of_one_setting_prints_its_value(shop: Shop) -> None:
    assert shop("config", "flower_password", SHOP_FLOWER_PASSWORD="open sesame").stdout == "open sesame\n"
    assert shop("config", "SHOP_API_PORT").stdout == "8000\n"
    assert shop("config", "nonsense").returncode == 1


def test_logs_of_an_unknown_program_are_an_error(shop: Shop) -> None:
    found = shop("logs", "nonsense")
    assert (found.returncode, found.stderr) == (1, "Error: No log of nonsense. Available: none.\n")


def test_every_command_warns_of_variables_that_are_not_settings(shop: Shop) -> None:
    found = shop("config", "checkout_deadline", SHOP_CHECKOUT_DEADLIN="60", SHOP_ZZZ="1")
    assert (found.returncode, found.stdout) == (0, "300.0\n")
    assert found.stderr.splitlines() == [
        "Warning: SHOP_CHECKOUT_DEADLIN is not a setting and has no effect. Do you mean SHOP_CHECKOUT_DEADLINE?",
        "Warning: SHOP_ZZZ is not a setting and has no effect. `shop config` lists all settings.",
    ]
    checked = shop("config", "--check", SHOP_ZZZ="1")
    assert checked.returncode == 1
    assert checked.stdout.splitlines()[-1].startswith("SHOP_ZZZ is not a setting")


def test_commands_to_copy_name_the_program_as_it_can_be_called_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / ".venv" / "bin" / "shop"
    program.parent.mkdir(parents=True)
    program.touch(0o755)
    monkeypatch.setattr(sys, "executable", str(program.with_name("python")))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    assert stack.command() == ".venv/bin/shop"
    monkeypatch.setenv("PATH", str(program.parent))
    assert stack.command() == "shop"


@pytest.mark.parametrize(
    "address",
    ["shop.example", "ftp://shop.example", "https://shop.example/", "https://shop.example?a=1", "https://a b"],
)
def test_an_address_to_which_no_path_can_be_appended_is_refused(shop: Shop, address: str) -> None:
    refused = shop("config", "public_url", SHOP_PUBLIC_URL=address)
    assert refused.returncode == 2
    assert "SHOP_PUBLIC_URL: write it as https://shop.example, without a slash" in refused.stderr
