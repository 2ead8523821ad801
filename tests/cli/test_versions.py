"""What happens when this code and the database, or its live runs, are of different releases."""

from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

import durable
from cli.main import main
from durable import queries
from durable.ids import new_id
from models.core import schema
from models.core.database import transaction
from tests.runs import some_input

NEWER = "ffffffffffff"


@pytest.fixture(autouse=True)
def _database(database: None) -> Iterator[None]:
    """Requests the fixture, and leaves the revision of the schema as it was."""
    found = schema.current_revision()
    yield
    set_revision(str(found))


def set_revision(revision: str) -> None:
    with transaction() as session:
        session.execute(text("UPDATE workflow.alembic_version SET version_num = :it"), {"it": revision})


def migrate(*options: str) -> Result:
    return CliRunner().invoke(main, ["migrate", *options])


def start(workflow: str, version: int) -> None:
    with transaction() as session:
        run_id = durable.start(session, "checkout", new_id("ord"), some_input("checkout"))
        session.info.clear()  # not to be published
        run = queries.get_run(session, run_id)
        run.workflow, run.version = workflow, version


def test_older_code_refuses_a_newer_database_in_one_sentence() -> None:
    set_revision(NEWER)
    for options in ((), ("--force",), ("--to", schema.newest_revision(), "--yes")):
        refused = migrate(*options)
        assert refused.exit_code == 1
        assert refused.output == (
            f"Error: The database has the schema of a newer release (revision {NEWER}); this release knows it up to"
            f' {schema.newest_revision()}. Use the newer release, or see "Going back" in docs/operations.md.\n'
        )


def test_live_runs_that_this_release_does_not_know_are_named_before_anything_changes() -> None:
    start("checkout", 99)
    start("teleport", 1)
    start("teleport", 1)
    refused = migrate()
    assert refused.exit_code == 1
    assert (
        "Live runs need what this release does not have: checkout version 99 (1 run), teleport version 1 (2 runs)."
        in refused.output
    )
    assert migrate("--force").output == "The database schema is up to date.\n"


def test_a_revision_that_does_not_exist_is_refused_and_nothing_is_taken_back_without_consent() -> None:
    assert migrate("--to", NEWER, "--yes").output == f"Error: This release has no revision {NEWER}.\n"
    declined = CliRunner().invoke(main, ["migrate", "--to", schema.newest_revision()], input="n\n")
    assert (declined.exit_code, "Take back all migrations after" in declined.output) == (1, True)
    assert schema.current_revision() == schema.newest_revision()
