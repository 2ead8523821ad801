"""`shop runs replay`."""

from typing import Any

from click.testing import CliRunner, Result

from cli.main import main
from durable import queries, transitions
from models.core import event_log
from models.core.database import transaction
from tests.runs import UNKNOWN, started, state, step


def run(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(main, ["runs", "replay", *arguments], **options)


def transferred() -> str:
    """A transfer that has succeeded; its last two steps can be performed again."""
    run_id = started("transfer")
    names = ("inventory.send_transfer", "inventory.receive_transfer", "notifications.transfer_incomplete")
    for name in (*names, "inventory.close_transfer"):
        step(run_id, name)
    with transaction() as session:
        transitions.end(session, queries.get_run(session, run_id), "succeeded")
    return run_id


def test_a_replay_shows_what_would_be_performed_again_and_asks(database: None) -> None:
    run_id = transferred()
    assert run(run_id).output == "notifications.transfer_incomplete\ninventory.close_transfer\n"
    declined = run(run_id, "notifications.transfer_incomplete", input="n\n")
    assert declined.exit_code == 1
    assert "again: notifications.transfer_incomplete, inventory.close_transfer\n" in declined.output
    assert "Sent a second time: the mail of notifications.transfer_incomplete\n" in declined.output
    assert (state(run_id).status, state(run_id).replays) == ("succeeded", 0)
    done = run(run_id, "notifications.transfer_incomplete", "--yes")
    assert done.output.endswith(f"{run_id} is replayed from notifications.transfer_incomplete.\n")
    assert (state(run_id).status, state(run_id).replays) == ("running", 1)
    with transaction() as session:
        [acted] = session.scalars(event_log.select_events(kind="operator"))
    assert (acted.subject, acted.payload["command"]) == (run_id, "main runs replay")


def test_a_replay_that_would_repeat_an_effect_is_refused(database: None) -> None:
    run_id = transferred()
    refused = run(run_id, "inventory.receive_transfer", "--yes")
    assert (refused.exit_code, refused.output) == (1, (
        "Error: inventory.receive_transfer must not be performed again: "
        "it is the point of no return of its workflow.\n"
    ))  # fmt: skip
    unfinished = started("checkout")
    step(unfinished, "inventory.reserve")
    assert run(unfinished).output == f"{unfinished} cannot be replayed: no step of it may be performed again.\n"
    assert run(UNKNOWN, "orders.confirm", "--yes").exit_code == 1
    assert state(run_id).replays == 0
