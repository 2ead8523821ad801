"""Every setting with its value, its unit and where it comes from. Secrets are masked."""

import json
import os
import re
from dataclasses import asdict, dataclass
from typing import Any

from pydantic_core import PydanticUndefined

from settings import Settings, settings, var_folder

SECRET = (
    "secret_key", "audit_keys", "flower_password", "stripe_api_key", "stripe_webhook_secret", "carrier_api_key",
    "carrier_webhook_secret", "paypal_client_secret", "sms_url", "vapid_private_key", "s3_access_key", "s3_secret_key",
)  # fmt: skip
MASK = "********"
UNITS = ("seconds", "minutes", "hours", "days", "KiB", "pixels", "grams", "minor units")
"""Descriptions name the unit of a number; a name that ends in `_bytes` says it, too."""
_UNIT = re.compile(rf"\b({'|'.join(UNITS)})\b")
_PASSWORD = re.compile(r"(?<=://)([^/?#\s:]*):[^/?#\s]+@")
_PARAMETER = re.compile(r"([?&][\w.-]*(?:pass|secret|token|key)[\w.-]*=)[^&#\s]+", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """A setting. `source` is `environment`, `stack` (chosen by `shop up` and kept in stack.json) or `default`.

    `group`: the subject, a class of setting_groups/. `unit`: of a number; empty: none. `is_secret`: the value is masked
    unless it is empty.
    """

    name: str
    value: Any
    default: Any
    source: str
    description: str
    group: str
    unit: str
    is_secret: bool

    as_dict = asdict


def entries() -> list[Entry]:
    """All settings, by subject. Secrets and passwords in URLs are masked."""
    file = var_folder() / "stack.json"
    stack = json.loads(file.read_text()) if file.exists() else {}
    environment = {name.lower() for name in os.environ}
    found, groups = [], _groups()
    for name, field in Settings.model_fields.items():
        variable, description = f"SHOP_{name.upper()}", field.description or ""
        source = "environment" if variable.lower() in environment else "stack" if name in stack else "default"
        default = "" if field.default is PydanticUndefined else field.default
        value = getattr(settings, name)
        shown = masked(name, value), masked(name, default)
        unit = _unit(name, value, description)
        found.append(Entry(variable, *shown, source, description, groups[name], unit, name in SECRET))
    return found


def masked(name: str, value: Any) -> Any:
    """The value of a setting, without what is secret. An empty secret is empty."""
    if name in SECRET:
        return MASK if value else ""
    if isinstance(value, int | float | bool):
        return value
    return _PARAMETER.sub(rf"\1{MASK}", _PASSWORD.sub(rf"\1:{MASK}@", str(value)))


def _unit(name: str, value: Any, description: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | tuple):
        return ""
    if name.endswith("_bytes"):
        return "bytes"
    found = _UNIT.search(description)
    return found[1] if found else ""


def _groups() -> dict[str, str]:
    """Field → the class of setting_groups/ that declares it."""
    return {
        name: group.__name__
        for group in Settings.__mro__
        if group.__module__.startswith("setting_groups.")
        for name in group.__annotations__
    }
