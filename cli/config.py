"""`shop config`: lists every setting with its value and source."""

import json
import os

import click

from serving.configuration import entries
from setting_groups.production import list_mistakes
from setting_groups.unknown import list_unknown
from settings import Settings, settings


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


def value_of(name: str) -> str | None:
    """The value of a setting, unmasked; None if there is no such setting."""
    field = name.lower().removeprefix("shop_")
    return str(getattr(settings, field)) if field in Settings.model_fields else None
