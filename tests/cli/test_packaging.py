"""Production runs without the extra `local`, which is for one machine only."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from cli.main import LOCAL
from tests.processes import ROOT

WITHOUT_LOCAL = f"""
import importlib, pkgutil, sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {sorted(LOCAL)}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
for package in ("api", "durable", "models", "monitoring", "rpc", "serving", "tasks", "workflows", "cli"):
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        if not module.name.startswith("durable.tests") and module.name != "cli.stack":
            importlib.import_module(module.name)
from cli.main import main
main(sys.argv[1:])
"""


def without_local(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `shop` without the extra `local`, after importing every module of production."""
    command = [sys.executable, "-c", WITHOUT_LOCAL, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_production_needs_nothing_of_the_extra_local() -> None:
    done = without_local("--version")
    assert (done.returncode, done.stdout) == (0, "shopflow 0.1.0\n"), done.stderr


def test_a_command_of_the_extra_local_names_what_to_install() -> None:
    done = without_local("up")
    assert done.returncode == 1
    assert done.stderr == "Error: `shop up` requires the extra `local`: pip install 'shopflow[local]'.\n"


def test_help_lists_all_commands_without_the_extra() -> None:
    done = without_local("--help")
    assert done.returncode == 0, done.stderr
    assert "shopflow[local]" in done.stdout


def test_the_extra_installs_exactly_the_modules_it_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    installed = {name.split(";")[0].replace("-", "_") for name in project["optional-dependencies"]["local"]}
    # Production has tornado through Flower, and urllib3 through Stripe's SDK.
    assert installed - {"tornado", "urllib3"} == LOCAL


def test_the_containers_of_the_sandbox_install_the_extra() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for name, service in services.items():
        if service.get("build"):
            local = service["build"] != "." and service["build"]["args"] == {"REQUIREMENTS": "requirements-local.lock"}
            assert local == (name in ("gateway", "paypal", "carrier", "mailbox")), name
    assert Path(ROOT / "requirements-local.lock").exists()


@pytest.mark.parametrize("file", ["requirements.lock", "requirements-local.lock", "requirements-dev.lock"])
def test_every_locked_package_has_hashes_and_no_address(file: str) -> None:
    packages = re.split(r"\n(?=\S)", (ROOT / file).read_text().strip())
    assert len(packages) > 50
    assert [package for package in packages if "--hash=sha256:" not in package] == []
    assert not re.search(r"https?://|file:|--index|--find", "\n".join(packages))


AUDITED = {
    "No known vulnerabilities found": (0, 0, "No known vulnerabilities in "),
    "Found 1 known vulnerability in 1 package": (1, 1, "Update these packages with `make lock`"),
    "ERROR:pip_audit._cli:vine: Dependency not found": (1, 2, "The packages were not audited"),
    "ConnectionError: Max retries exceeded": (1, 2, "The packages were not audited"),
}
"""What pip-audit says → its exit status, and the status and sentence of `make audit`."""


@pytest.mark.parametrize("said", AUDITED)
def test_an_audit_tells_vulnerabilities_from_a_missing_network(tmp_path: Path, said: str) -> None:
    status, expected, sentence = AUDITED[said]
    program = tmp_path / "pip-audit"
    program.write_text(f"#!/bin/sh\necho '{said}'\nexit {status}\n")
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", ROOT / ".ci" / "audit"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, sentence in done.stdout + done.stderr) == (expected, True), done
