"""A headless Chromium: opens a page, and returns what it shows and what it complains of."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chromium import CHROMIUM, MISSING

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
PATIENCE = 60  # seconds
VIRTUAL_TIME = 20_000  # milliseconds; passes at once where nothing is to be done


@dataclass(frozen=True)
class Shown:
    """The document of a page after its scripts have run, and the messages on the console."""

    html: str
    console: list[str]


def show(url: str, profile: Path) -> Shown:
    """Opens the page in a new browser. The machine's sandbox for processes is not needed: the page is our own."""
    assert CHROMIUM is not None
    done = subprocess.run(
        (CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
         f"--user-data-dir={profile}", "--enable-logging=stderr", f"--virtual-time-budget={VIRTUAL_TIME}", "--dump-dom",
         url),
        capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Shown(done.stdout, re.findall(r"CONSOLE[^\]]*\] (.*)", done.stderr))
