"""A stack for one trial: in a temporary folder and on free ports, so that it disturbs no other."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

SHOP = Path(sys.executable).with_name("shop")
PORTS = ("api_port", "flower_port", "gateway_port", "mailbox_port", "smtp_port")
TELLING = ("api", "worker", "dispatcher", "gateway", "mailbox")
"""The programs whose logs say why an order did not end as it should."""
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Failed(Exception):
    """A `shop` command that did not succeed; the text is what it printed."""


class TemporaryStack:
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
        status, output, errors = self._run(arguments, subprocess.PIPE)
        if status not in statuses:
            raise Failed(f"`shop {arguments[0]}` ended with status {status}:\n{output}{errors}")
        return output

    def show(self, *arguments: str) -> int:
        """Runs a `shop` command that prints for itself; returns its status."""
        sys.stdout.flush()
        return self._run(arguments, None)[0]

    def _run(self, arguments: Sequence[str], output: int | None) -> tuple[int, str, str]:
        """Runs a `shop` command to its end. If we are interrupted, so is the command, once, and then ends by itself.

        In a session of its own, for Ctrl-C would interrupt it as well, perhaps while it cleans up.
        """
        command = subprocess.Popen(
            [SHOP, *arguments], env=self._environment, text=True, stdin=subprocess.DEVNULL,
            stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
        try:
            printed, errors = command.communicate()
        except BaseException:
            command.send_signal(signal.SIGINT)
            command.communicate()
            raise
        return command.returncode, printed or "", errors or ""

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
        """Stops the stack and removes its folder, and lets nobody interrupt it any more."""
        for number in INTERRUPTS:
            signal.signal(number, signal.SIG_IGN)
        try:
            self.shop("down")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _chosen(self) -> dict[str, Any]:
        """What `shop up` has chosen for this folder; it forgets the ports when it stops."""
        file = self.folder / "stack.json"
        chosen: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return chosen
