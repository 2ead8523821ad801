"""`shop prune`, on the tests' database."""

import json
import re

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from cli.main import main
from durable.tables import RunRecord
from models.core.database import transaction
from models.operations import retention, retention_rules
from tests.models import aged


@pytest.fixture(autouse=True)
def _old_rows(database: None) -> None:
    with transaction() as session:
        aged.write(session, 500)


def prune(*arguments: str) -> Result:
    done = CliRunner().invoke(main, ["prune", *arguments])
    assert done.exit_code == 0, done.output
    return done


def kept() -> int:
    with transaction() as session:
        return session.scalars(select(func.count()).select_from(RunRecord)).one()


def test_a_dry_run_reports_and_deletes_nothing() -> None:
    printed = prune("--dry-run").output
    assert re.search(r"^ ?runs +ended runs, with their steps +90 days +410 *$", printed, re.MULTILINE)
    assert re.search(r"^ ?sessions +ended and expired login sessions +not at all +485 *$", printed, re.MULTILINE)
    assert "rows to delete" in printed
    assert kept() == 500


def test_prune_deletes_all_expired_rows_once() -> None:
    counted = json.loads(prune("--dry-run", "--json").stdout)
    deleted = json.loads(prune("--json").stdout)
    assert {found["kind"]: found["would_delete"] for found in counted} == {
        found["kind"]: found["deleted"] for found in deleted
    }
    assert [found["kind"] for found in deleted] == list(retention_rules.KINDS)
    assert {found["deleted"] for found in json.loads(prune("--json").stdout)} == {0}
    assert kept() == 90


def test_only_the_named_kinds_are_pruned() -> None:
    (found,) = json.loads(prune("runs", "--json").stdout)
    assert found == {"kind": "runs", "setting": "SHOP_KEEP_RUNS_DAYS", "days": 90, "deleted": 410}
    assert [found["kind"] for found in json.loads(prune("imports", "runs", "--json").stdout)] == ["imports", "runs"]
    assert CliRunner().invoke(main, ["prune", "orders"]).exit_code == 2


def test_config_lists_every_retention_setting() -> None:
    settings = {found["name"] for found in json.loads(CliRunner().invoke(main, ["config", "--json"]).output)}
    assert {f"SHOP_{kind.setting.upper()}" for kind in retention_rules.KINDS.values() if kind.setting} <= settings


def test_many_rows_are_deleted_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention.prune, "__defaults__", (*retention.prune.__defaults__[:2], 50))  # type: ignore[index]
    assert re.search(r"runs +ended runs.* 90 days +410", prune("runs").output)
    assert kept() == 90
