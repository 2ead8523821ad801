"""The `shop` command as an operator types it."""

import json
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from demo.temporary_stack import PORTS
from tests.processes import Process

FREE_PORTS = {f"SHOP_{name.upper()}": "0" for name in PORTS}


def shop(var: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs `shop` with this data folder and only the given settings."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("SHOP_")}
    variables |= {"SHOP_VAR": str(var), **environment}
    with TemporaryDirectory() as folder:
        output, errors = Path(folder) / "output", Path(folder) / "errors"
        process = Process("shop", *arguments, environment=variables, log=output, errors=errors)
        try:
            status = process.wait(600)
        finally:
            process.kill()
        return subprocess.CompletedProcess(["shop", *arguments], status, output.read_text(), errors.read_text())


def processes(var: Path) -> dict[str, dict[str, Any]]:
    """The processes of `shop status --json` by name."""
    return {found["name"]: found for found in json.loads(shop(var, "status", "--json").stdout)["processes"]}
