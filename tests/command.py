"""The `shop` command as an operator types it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SHOP = Path(sys.executable).parent / "shop"
FREE_PORTS = {f"SHOP_{name}_PORT": "0" for name in ("API", "FLOWER", "GATEWAY", "MAILBOX", "SMTP")}


def shop(var: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs `shop` with this data folder and no settings from outside but those given."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("SHOP_")}
    variables |= {"SHOP_VAR": str(var), **environment}
    return subprocess.run([SHOP, *arguments], env=variables, capture_output=True, text=True, timeout=150, check=False)


def processes(var: Path) -> dict[str, dict[str, Any]]:
    """What `shop status --json` tells of each process, by name."""
    return {found["name"]: found for found in json.loads(shop(var, "status", "--json").stdout)["processes"]}
