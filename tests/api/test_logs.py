"""No personal data in logs."""

import ast
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from models.core.database import engine, transaction
from settings import settings
from tests import log_scan
from tests.conftest import ADDRESS, PASSWORD
from tests.processes import ROOT
from tests.serving import serving

PERSON: dict[str, Any] = {
    "username": "planted", "email": "planted@example.org", "password": PASSWORD, "first_name": "Ada",
    "last_name": "Tester", "address": ADDRESS,
}  # fmt: skip
FOLDERS = ("api", "cli", "durable", "local", "migrations", "models", "monitoring", "relay", "tasks", "workflows")


def administer(statement: str) -> None:
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))


def test_a_failed_registration_logs_nothing_of_the_customer(seeds: Any, tmp_path: Path) -> None:
    administer("CREATE DATABASE without_tables")
    try:
        url = settings.database_url.replace("/shopflow?", "/without_tables?")
        assert url != settings.database_url
        with serving(tmp_path, SHOP_DATABASE_URL=url) as api:
            answer = requests.post(f"{api}/v1/auth/register", json=PERSON, timeout=60)
            assert answer.status_code in (500, 503)
        log = (tmp_path / "api.log").read_text()
        assert "UndefinedTable" in log
        for planted in ("planted", "Ada", PASSWORD, "argon2"):
            assert planted not in log
    finally:
        administer("DROP DATABASE without_tables WITH (FORCE)")


def test_an_error_of_the_database_does_not_quote_the_row(sign_in: Any) -> None:
    ada = sign_in("ada")
    statement = text("INSERT INTO accounts.session SELECT * FROM accounts.session")
    with pytest.raises(IntegrityError) as failure, transaction() as session:
        session.execute(statement)
    assert "duplicate key" in str(failure.value)
    for said in (str(failure.value), str(failure.value.orig)):
        assert ada.session_id.removeprefix("ses_")[:8] not in said
        assert "DETAIL" not in said


def test_every_engine_hides_its_parameters() -> None:
    calls = [
        (file, {word.arg for word in node.keywords})
        for folder in FOLDERS
        for file in (ROOT / folder).rglob("*.py")
        if "tests" not in file.relative_to(ROOT).parts
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "create_engine"
    ]
    assert len(calls) >= 3
    assert [file for file, words in calls if "hide_parameters" not in words] == []


@pytest.mark.parametrize("secret", [PASSWORD, "$argon2id$v=19", "ada@example.org"])
def test_the_scan_of_logs_finds_what_is_planted_once(tmp_path: Path, secret: str) -> None:
    log = tmp_path / "some.log"
    log.write_text("ready\n")
    assert log_scan.find_planted([log]) == []
    with log.open("a") as file:
        file.write(f"cannot insert {secret}")
    assert len(log_scan.find_planted([tmp_path])) == 1
    assert log_scan.find_planted([log]) == []
    with log.open("a") as file:
        file.write(f" again {secret}")
    assert len(log_scan.find_planted([log])) == 1
