"""A temporary stack: in a temporary folder and on free ports, so that it does not affect any other."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

SHOP = Path(sys.executable).with_name("shop")
PORTS = (
    "api_port",
    "rpc_port",
    "flower_port",
    "metrics_port",
    "gateway_port",
    "paypal_port",
    "carrier_port",
    "mailbox_port",
    "smtp_port",
)
SHOWN_LOGS = ("api", "worker", "dispatcher", "gateway", "paypal", "carrier", "mailbox")
"""The processes whose logs are shown after a failure."""
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class CommandFailed(Exception):
    """A `shop` command failed. The message is its output."""


class TemporaryStack:
    """A stack of its own, operated through the `shop` command.

    The caller's SHOP_ settings are not inherited, because they may refer to a production database.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="shopflow-demo-"))
        self.admin_password = token_urlsafe(16)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SHOP_")}
        free = {f"SHOP_{port.upper()}": "0" for port in PORTS}
        self._environment = {**inherited, **free, **settings, "SHOP_VAR": str(self.folder)}

    def shop(self, *arguments: str, statuses: Collection[int] = (0,)) -> str:
        """Runs a `shop` command and returns what it printed. Raises CommandFailed for another exit status."""
        status, output, errors = self._run(arguments, subprocess.PIPE)
        if status not in statuses:
            raise CommandFailed(f"`shop {arguments[0]}` ended with status {status}:\n{output}{errors}")
        return output

    def show(self, *arguments: str) -> int:
        """Runs a `shop` command that prints for itself; returns its status."""
        sys.stdout.flush()
        return self._run(arguments, None)[0]

    def _run(self, arguments: Sequence[str], output: int | None) -> tuple[int, str, str]:
        """Runs a `shop` command to its end. If this process is interrupted, the command is interrupted once.

        The command has a session of its own; otherwise Ctrl-C would reach it directly, possibly during its clean-up.
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
        """Whether the stack was started; its folder then contains the ports."""
        return "api_port" in self._ports()

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self._ports()['api_port']}"

    @property
    def mailbox(self) -> str:
        return f"http://127.0.0.1:{self._ports()['mailbox_port']}"

    @property
    def carrier(self) -> str:
        return f"http://127.0.0.1:{self._ports()['carrier_port']}"

    def show_logs(self) -> None:
        """Prints the ends of the most relevant logs."""
        logs = sorted(file.stem for file in (self.folder / "log").glob("*.log") if file.stem.startswith(SHOWN_LOGS))
        if logs:
            self.show("logs", "-n", "15", *logs)

    def stop(self) -> None:
        """Stops the stack and deletes its folder. Ignores further interrupts."""
        for number in INTERRUPTS:
            signal.signal(number, signal.SIG_IGN)
        try:
            self.shop("down")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _ports(self) -> dict[str, Any]:
        """The ports that `shop up` has chosen for this folder; removed when the stack stops."""
        file = self.folder / "stack.json"
        chosen: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return chosen
