"""`shop config`: lists every setting with its value and source."""

import json
import os
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

import click
from pydantic_core import PydanticUndefined

from setting_groups.production import list_mistakes
from setting_groups.unknown import list_unknown
from settings import Settings, settings, var_folder

SECRET = ("secret_key", "flower_password", "stripe_api_key", "stripe_webhook_secret", "carrier_api_key",
          "carrier_webhook_secret", "paypal_client_secret", "sms_url", "vapid_private_key")  # fmt: skip
MASK = "********"


@dataclass(frozen=True)
class Entry:
    """A setting. `source` is `environment`, `stack` (chosen by `shop up` and kept in stack.json) or `default`."""

    name: str
    value: Any
    default: Any
    source: str
    description: str

    as_dict = asdict


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--check", is_flag=True, help="List what production would refuse.")
def config(name: str | None, as_json: bool, check: bool) -> None:
    """Show every setting: value, default, source and description.

    With a NAME, print only the value of that setting. Secrets are then printed in clear text. With --check, print a
    sentence for each setting that SHOP_ENV=production refuses, and for each SHOP_ variable that is not a setting; exit
    status 1 if there is one.
    """
    if check:
        mistakes = [*list_mistakes(settings), *list_unknown(os.environ, Settings.model_fields)]
        click.echo("\n".join(mistakes) or "These settings are fit for production.")
        raise SystemExit(1 if mistakes else 0)
    if name:
        value = value_of(name)
        if value is None:
            raise click.ClickException(f"No such setting: {name}. `shop config` lists all settings.")
        click.echo(value)
    elif as_json:
        click.echo(json.dumps([entry.as_dict() for entry in entries()], indent=2, ensure_ascii=False))
    else:
        for entry in entries():
            changed = "" if entry.source == "default" else f"  ({entry.source}; default {entry.default!r})"
            click.echo(f"{entry.name}={entry.value}{changed}\n    {entry.description}")


def entries() -> list[Entry]:
    """All settings, by subject. Secrets and passwords in URLs are masked."""
    file = var_folder() / "stack.json"
    stack = json.loads(file.read_text()) if file.exists() else {}
    environment = {name.lower() for name in os.environ}
    found = []
    for name, field in Settings.model_fields.items():
        variable = f"SHOP_{name.upper()}"
        source = "environment" if variable.lower() in environment else "stack" if name in stack else "default"
        default = "" if field.default is PydanticUndefined else field.default
        value, default = _masked(name, getattr(settings, name)), _masked(name, default)
        found.append(Entry(variable, value, default, source, field.description or ""))
    return found


def value_of(name: str) -> str | None:
    """The value of a setting, unmasked; None if there is no such setting."""
    field = name.lower().removeprefix("shop_")
    return str(getattr(settings, field)) if field in Settings.model_fields else None


def _masked(name: str, value: Any) -> Any:
    if name in SECRET:
        return MASK
    if name.endswith("_url") and "@" in str(value):
        password = urlsplit(str(value)).password
        return str(value).replace(f":{password}@", f":{MASK}@") if password else value
    return value if isinstance(value, int | float | bool) else str(value)
