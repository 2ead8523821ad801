"""Prometheus' own tool checks the rules, and each alert has a runbook."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "prometheus"
PROMTOOL = shutil.which("promtool", path=f"{os.environ['PATH']}:/usr/bin:/usr/local/bin")
RULES: dict[str, Any] = yaml.safe_load((FOLDER / "rules.yml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")
@pytest.mark.parametrize("command", ["check config prometheus.yml", "test rules rules_test.yml"])
def test_promtool_accepts(command: str) -> None:
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, *command.split()], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_test_in_which_it_fires() -> None:
    tests = yaml.safe_load((FOLDER / "rules_test.yml").read_text())["tests"]
    assert {test["name"] for test in tests} == {rule["alert"] for rule in ALERTS} | {"a healthy shop"}


def test_every_alert_has_a_runbook() -> None:
    section = (ROOT / "docs" / "operations.md").read_text().partition("\n## Alerts\n")[2].partition("\n## ")[0]
    paragraphs = re.findall(r"^\*\*(`[^*]+`)\.\*\* (.+?)(?=\n\n|\Z)", section, re.MULTILINE | re.DOTALL)
    explained = [name for names, _ in paragraphs for name in re.findall(r"`(\w+)`", names)]
    assert sorted(explained) == sorted(rule["alert"] for rule in ALERTS)
    assert all(len(text) > 80 for _, text in paragraphs)


def test_every_alert_says_how_urgent_it_is() -> None:
    for rule in ALERTS:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["runbook"] == "docs/operations.md#alerts"
