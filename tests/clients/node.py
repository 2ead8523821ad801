"""The tools of tests/clients/package.json, installed at their locked versions."""

import os
import shutil
import subprocess
from fcntl import LOCK_EX, flock
from hashlib import sha256
from pathlib import Path

import pytest

from tests.processes import ROOT

HERE = Path(__file__).parent
MANIFESTS = ("package.json", "package-lock.json")
NO_NETWORK = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ENETUNREACH", "ETIMEDOUT", "network timeout")
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1"}
needs_node = pytest.mark.skipif(
    shutil.which("npm") is None, reason="npm is not on PATH; on Debian: apt-get install nodejs npm"
)


def install() -> Path:
    """Installs the tools unless they are there; returns the folder. Skips the test if there is no network."""
    locked = sha256(b"".join((HERE / name).read_bytes() for name in MANIFESTS)).hexdigest()
    folder = ROOT / "build" / "node" / locked[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        flock(lock, LOCK_EX)  # another process of pytest-xdist may install them
        if not (folder / "installed").exists():
            for name in MANIFESTS:
                shutil.copy(HERE / name, folder)
            done = run(folder, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
            if done.returncode and any(sign in done.stderr for sign in NO_NETWORK):
                pytest.skip("npm cannot reach its registry")
            assert done.returncode == 0, done.stderr
            (folder / "installed").touch()
    return folder


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of the folder's packages, or one on PATH, in the folder."""
    path = f"{folder / 'node_modules' / '.bin'}:{os.environ['PATH']}"
    variables = {**os.environ, **QUIET, **environment, "PATH": path}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=100)
