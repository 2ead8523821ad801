"""Every setting with its value and where that comes from, for people to read."""

import json
import os
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import PydanticUndefined

from settings import Settings, settings, var_folder

SECRET = ("secret_key", "flower_password", "stripe_api_key", "stripe_webhook_secret")
MASK = "********"


@dataclass(frozen=True)
class Entry:
    """One setting. `source` is `environment`, `stack` (chosen by `shop up`, in stack.json) or `default`."""

    name: str
    value: Any
    default: Any
    source: str
    description: str

    as_dict = asdict


def entries() -> list[Entry]:
    """All settings, in the order in which settings.py lists them. Secrets and passwords in URLs are masked."""
    file = var_folder() / "stack.json"
    stack = json.loads(file.read_text()) if file.exists() else {}
    environment = {name.lower() for name in os.environ}
    found = []
    for name, field in Settings.model_fields.items():
        variable = f"SHOP_{name.upper()}"
        source = "environment" if variable.lower() in environment else "stack" if name in stack else "default"
        default = "" if field.default is PydanticUndefined else field.default
        value, default = _shown(name, getattr(settings, name)), _shown(name, default)
        found.append(Entry(variable, value, default, source, field.description or ""))
    return found


def value_of(name: str) -> str | None:
    """One setting's value as it is, secrets too; None if there is no such setting."""
    field = name.lower().removeprefix("shop_")
    return str(getattr(settings, field)) if field in Settings.model_fields else None


def _shown(name: str, value: Any) -> Any:
    if name in SECRET:
        return MASK
    if name.endswith("_url") and "@" in str(value):
        password = urlsplit(str(value)).password
        return str(value).replace(f":{password}@", f":{MASK}@") if password else value
    return value if isinstance(value, int | float | bool) else str(value)
