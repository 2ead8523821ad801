"""A stack for one trial: in a temporary folder and on free ports, so that it disturbs no other."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

SHOP = Path(sys.executable).with_name("shop")
PORTS = ("api_port", "flower_port", "gateway_port", "mailbox_port", "smtp_port")
TELLING = ("api", "worker", "dispatcher", "gateway", "mailbox")
"""The programs whose logs say why an order did not end as it should."""


class Failed(Exception):
    """A `shop` command that did not succeed; the text is what it printed."""


class Trial:
    """A stack of its own, used through the `shop` command as an operator would.

    Nothing of the caller's SHOP_ settings is taken over: they may lead to a real database.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="shopflow-demo-"))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SHOP_")}
        free = {f"SHOP_{port.upper()}": "0" for port in PORTS}
        self._environment = {**inherited, **free, **settings, "SHOP_VAR": str(self.folder)}

    def shop(self, *arguments: str, statuses: Collection[int] = (0,)) -> str:
        """Runs a `shop` command and returns what it printed. Raises Failed for another exit status."""
        done = subprocess.run(
            [SHOP, *arguments], env=self._environment, text=True, stdin=subprocess.DEVNULL,
            capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode not in statuses:
            said = done.stdout + done.stderr
            raise Failed(f"`shop {arguments[0]}` ended with status {done.returncode}:\n{said}")
        return done.stdout

    def show(self, *arguments: str) -> int:
        """Runs a `shop` command that prints for itself; returns its status."""
        sys.stdout.flush()
        return subprocess.run([SHOP, *arguments], env=self._environment, check=False).returncode

    @property
    def is_up(self) -> bool:
        """Whether the stack was started; its folder tells the ports then."""
        return "api_port" in self._chosen()

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self._chosen()['api_port']}"

    @property
    def mailbox(self) -> str:
        return f"http://127.0.0.1:{self._chosen()['mailbox_port']}"

    def show_logs(self) -> None:
        """Prints the ends of the logs that tell the most."""
        logs = sorted(file.stem for file in (self.folder / "log").glob("*.log") if file.stem.startswith(TELLING))
        if logs:
            self.show("logs", "-n", "15", *logs)

    def end(self) -> None:
        """Stops the stack and removes its folder. A second interrupt does not reach the command that stops it."""
        subprocess.run(
            [SHOP, "down"], env=self._environment, start_new_session=True, stdout=subprocess.DEVNULL, check=False
        )
        shutil.rmtree(self.folder, ignore_errors=True)

    def _chosen(self) -> dict[str, Any]:
        """What `shop up` has chosen for this folder; it forgets the ports when it stops."""
        file = self.folder / "stack.json"
        chosen: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return chosen
