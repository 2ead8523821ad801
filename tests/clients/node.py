"""The tools of tests/clients/package.json, installed at their locked versions."""

import os
import re
import shutil
import subprocess
from fcntl import LOCK_EX, flock
from hashlib import sha256
from pathlib import Path

import pytest

from tests.processes import ROOT

HERE = Path(__file__).parent
MANIFESTS = ("package.json", "package-lock.json")
OUR_MISTAKES = ("EUSAGE", "EINTEGRITY", "ETARGET", "E404")
"""Errors of npm that tell of a wrong manifest or lock file. Others tell of the network, or of the machine."""
OLDEST = (20, 19)
"""The version of Node that the packages require."""
PATIENCE = 240  # seconds
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1"}
INSTALL = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=1",
           "--fetch-timeout=20000")  # fmt: skip


def has_node() -> bool:
    if shutil.which("npm") is None or shutil.which("node") is None:
        return False
    shown = subprocess.run(("node", "--version"), capture_output=True, text=True).stdout  # v20.19.2
    return tuple(int(part) for part in re.findall(r"\d+", shown)[:2]) >= OLDEST


needs_node = pytest.mark.skipif(not has_node(), reason="there is no npm with Node 20.19 or newer on PATH")


def install(manifests: Path = HERE) -> Path:
    """Installs the tools of the manifests in this folder unless they are there; returns where. Skips the test if they
    cannot be downloaded."""
    locked = sha256(b"".join((manifests / name).read_bytes() for name in MANIFESTS)).hexdigest()
    folder = ROOT / "build" / "node" / locked[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        flock(lock, LOCK_EX)  # another process of pytest-xdist may install them
        if not (folder / "installed").exists():
            for name in MANIFESTS:
                shutil.copy(manifests / name, folder)
            try:
                done = run(folder, *INSTALL)
            except subprocess.TimeoutExpired:
                pytest.skip(f"npm has not installed its packages within {PATIENCE} s")
            if done.returncode:
                assert not any(f"code {error}" in done.stderr for error in OUR_MISTAKES), done.stderr
                pytest.skip(f"npm cannot install its packages: {done.stderr[-500:]}")
            (folder / "installed").touch()
    return folder


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of the folder's packages, or one on PATH, in the folder."""
    path = f"{folder / 'node_modules' / '.bin'}:{os.environ['PATH']}"
    variables = {**os.environ, **QUIET, **environment, "PATH": path}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=PATIENCE)
